"""``elsa-rt recall``: ask the past in words and directions."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

from elsa_rt.cli.notices import Notices
from elsa_rt.cli.options import Commands, Parser, add_command, add_settings, settings
from elsa_rt.config import MODEL, Config
from elsa_rt.errors import UsageError
from elsa_rt.files import check_target

if TYPE_CHECKING:
    from elsa_rt.memory.recollection import Recollection

MORE = """\
A store is what listen --remember DIR and remember FILES --store DIR keep: a row for each sound and
each minute, no sound. Words about place count as in prompts. Without a question the latest rows
come. Times: yesterday, "2 hours ago", "monday 22:00", "last night", 2026-01-31T22:00.

  elsa-rt recall "a dog barking behind me" --store past --since yesterday
  elsa-rt recall "glass breaking" --store past --azimuth 120,-120 --histogram
  elsa-rt recall --example doorbell.wav --store past --top 5
  elsa-rt recall --like 4711 --store past
  elsa-rt recall --unusual --store past --since "last night"
  elsa-rt recall "an alarm" --store past --json | jq .at
"""


def add(commands: Commands) -> None:
    parser = add_command(commands, "recall", run, "ask the past in words and directions", MORE)
    parser.add_argument("text", nargs="?", metavar="TEXT", help="a sentence, as in a prompt")
    add_store(parser)
    parser.add_argument(
        "--example", metavar="FILE", help="a recording of the sound, alone or beside TEXT"
    )
    parser.add_argument("--like", type=int, metavar="ID", help="what sounds like this row")
    parser.add_argument(
        "--unusual", action="store_true", help="what the past of this place has least of"
    )
    parser.add_argument("--since", metavar="TIME", help="from the begin of this time on")
    parser.add_argument("--until", metavar="TIME", help="up to the end of this time")
    parser.add_argument(
        "--azimuth",
        metavar="FROM,TO",
        help="degrees, counter-clockwise from the first to the second; left is positive, "
        "120,-120 lies behind (write --azimuth=-30,30 if it begins with a minus)",
    )
    parser.add_argument("--elevation", metavar="FROM,TO", help="degrees, up is positive")
    parser.add_argument(
        "--source", dest="place", metavar="NAME", help="part of a recording's or microphone's name"
    )
    parser.add_argument(
        "--minutes", action="store_true", help="what went on in each minute, in place of sounds"
    )
    parser.add_argument("--time-zone", metavar="ZONE", help="of times and hours: Europe/Berlin")
    parser.add_argument("--top", type=int, default=20, metavar="N", help="rows (default: 20)")
    parser.add_argument(
        "--every", action="store_true", help="every row of long sounds, not the best alone"
    )
    parser.add_argument(
        "--histogram", action="store_true", help="by hour and direction, first and last heard"
    )
    parser.add_argument("--exact", action="store_true", help="compare every row in full: slower")
    parser.add_argument("--json", action="store_true", help="an object a line")
    parser.add_argument("--picture", metavar="FILE.svg", help="draw the rows over time and azimuth")
    add_settings(parser, MODEL)


def add_store(parser: Parser) -> None:
    """Add the option that names a store."""
    parser.add_argument(
        "--store",
        metavar="DIR",
        help="the store: a directory, or the URI of a Lance dataset (s3://bucket/past.lance)",
    )


def store_of(arguments: argparse.Namespace) -> str:
    """The store that was named, or a UsageError."""
    if arguments.store is None:
        raise UsageError(
            "which store? name its directory, e.g. --store past; elsa-rt listen --remember past "
            "makes one"
        )
    return str(arguments.store)


def run(arguments: argparse.Namespace) -> int:
    path = store_of(arguments)
    asked = [arguments.text, arguments.example, arguments.like]
    if arguments.unusual and any(one is not None for one in asked):
        raise UsageError("--unusual asks for what is rare: leave out TEXT, --example and --like")
    azimuth, elevation = (_angles(arguments, name) for name in ("azimuth", "elevation"))
    target = None if arguments.picture is None else check_target(arguments.picture)
    from elsa_rt.memory.memory import Memory
    from elsa_rt.memory.row import SOUNDS
    from elsa_rt.rules.schedule import time_zone

    zone = time_zone(arguments.time_zone)
    config = Config(**settings(arguments))
    with Memory.open(path, bundle=config.bundle, on_notice=Notices()) as memory:
        if arguments.unusual:
            answer = memory.unusual(
                since=arguments.since,
                until=arguments.until,
                source=arguments.place,
                top=arguments.top,
                zone=zone,
            )
        else:
            answer = memory.recall(
                arguments.text,
                example=arguments.example,
                like=arguments.like,
                since=arguments.since,
                until=arguments.until,
                azimuth_deg=azimuth,
                elevation_deg=elevation,
                source=arguments.place,
                kinds=("minute",) if arguments.minutes else SOUNDS,
                top=arguments.top,
                every=arguments.every,
                exact=arguments.exact,
                histogram=arguments.histogram or target is not None,
                config=config,
                zone=zone,
            )
    _show(answer, arguments, zone)
    if target is not None:
        _draw(answer, target, zone, arguments.text or "")
    return 0


def _show(answer: Recollection, arguments: argparse.Namespace, zone: tzinfo | None) -> None:
    if arguments.json:
        for row in answer:
            print(json.dumps(row.as_dict(), ensure_ascii=False, allow_nan=False))
        if arguments.histogram:
            print(json.dumps(answer.summary(), ensure_ascii=False, allow_nan=False))
        return
    from elsa_rt.memory.answer import HEARD
    from elsa_rt.screens.history import histogram_lines, rows_table

    if answer.rows:
        print("\n".join(rows_table(answer.rows, zone)))
        if not answer.heard:
            print(
                f"nothing in {arguments.store} sounds like it: no score reaches {HEARD}, where "
                "alerts start; these are the nearest",
                file=sys.stderr,
            )
    else:
        print(f"nothing was found in {arguments.store}", file=sys.stderr)
    if arguments.histogram:
        print("\n".join(histogram_lines(answer, zone)))


def _draw(answer: Recollection, target: Path, zone: tzinfo | None, title: str) -> None:
    from elsa_rt.files import replacing
    from elsa_rt.screens.history_picture import history_picture

    with replacing(target, private=True) as part:
        part.write_text(history_picture(answer, zone, title), encoding="utf-8")


def _angles(arguments: argparse.Namespace, name: str) -> tuple[float, float] | None:
    text = getattr(arguments, name)
    if text is None:
        return None
    try:
        first, second = (float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"--{name} {text}: give two angles, e.g. --{name}=-30,30") from None
    return first, second
