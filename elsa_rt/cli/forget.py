"""``elsa-rt forget``: remove rows of the past for good."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime
from pathlib import Path

from elsa_rt.cli.options import Commands, add_command
from elsa_rt.cli.recall import add_store, store_of
from elsa_rt.errors import UsageError
from elsa_rt.wording import counted

MORE = """\
What is forgotten is gone from the disk: the database is written anew without it, its log is
emptied, and the index is made again. Copies, exports and merged stores are not touched.

  elsa-rt forget --before "30 days ago" --store past
  elsa-rt forget --event 4711 --event 4712 --store past
  elsa-rt forget --source night.flac --store past
"""


def add(commands: Commands) -> None:
    parser = add_command(commands, "forget", run, "remove rows of the past for good", MORE)
    add_store(parser)
    parser.add_argument("--before", metavar="TIME", help="all that began before this time")
    parser.add_argument(
        "--event", type=int, action="append", default=[], metavar="ID", help="this row"
    )
    parser.add_argument(
        "--source", dest="place", metavar="NAME", help="all rows of this recording or microphone"
    )
    parser.add_argument("--time-zone", metavar="ZONE", help="of that time: Europe/Berlin")


def run(arguments: argparse.Namespace) -> int:
    path = store_of(arguments)
    if arguments.before is None and not arguments.event and arguments.place is None:
        raise UsageError("what is to be forgotten? give --before TIME, --event ID or --source NAME")
    from elsa_rt.memory.forgetting import forget
    from elsa_rt.memory.moments import parse_moment
    from elsa_rt.memory.schema import FILE
    from elsa_rt.memory.store import Store, is_archive
    from elsa_rt.rules.schedule import time_zone

    before_s = None
    if arguments.before is not None:
        now = datetime.now(time_zone(arguments.time_zone))
        before_s = parse_moment(arguments.before, now).begin.timestamp()
    if is_archive(path):
        from elsa_rt.memory.archive.dataset import forget_rows

        removed = forget_rows(path, before_s, arguments.event, arguments.place)
    else:
        with Store.open(path, write=True) as store:
            sources = _sources(store, arguments.place)
            removed = forget(store, before_s=before_s, ids=arguments.event, sources=sources)
    print(f"{path}: {counted(removed, 'row')} forgotten")
    for copy in sorted(Path(path).expanduser().glob(f"{FILE}.damaged-*")):
        print(f"elsa-rt: {copy} may hold such rows still: rm {copy}", file=sys.stderr)
    return 0


def _sources(store: object, name: str | None) -> list[int]:
    from elsa_rt.memory.store import Store

    assert isinstance(store, Store)
    if name is None:
        return []
    known = store.sources()
    found = [number for number, origin in known.items() if origin.name == name]
    if not found:
        names = ", ".join(sorted({origin.name for origin in known.values()})[:5]) or "none"
        raise UsageError(f"forgetting: no source is called {name!r}: there are {names}")
    return found
