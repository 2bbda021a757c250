"""``elsa-rt memory``: describe a store, merge stores, export rows."""

from __future__ import annotations

import argparse

from elsa_rt.cli.options import Commands, add_command
from elsa_rt.cli.recall import add_store, store_of
from elsa_rt.errors import UsageError
from elsa_rt.wording import counted

MORE = """\
  elsa-rt memory info --store past                    rows, sources, models, size
  elsa-rt memory merge kitchen hall --store house     rows of other stores, each taken once
  elsa-rt memory merge kitchen --store all.lance      the same into an archive
  elsa-rt memory export past.parquet --store past     needs pip install 'elsa-rt[archive]'
  elsa-rt memory repair --store past                  what can be read of a damaged store
"""

ACTIONS = ("info", "merge", "export", "repair")


def add(commands: Commands) -> None:
    parser = add_command(commands, "memory", run, "look after a store of the past", MORE)
    parser.add_argument("action", choices=ACTIONS)
    parser.add_argument("names", nargs="*", metavar="NAME", help="stores to merge, or a file")
    add_store(parser)


def run(arguments: argparse.Namespace) -> int:
    path, names = store_of(arguments), arguments.names
    if arguments.action == "merge":
        return _merge(path, names)
    if arguments.action == "export":
        return _export(path, names)
    if names:
        raise UsageError(f"elsa-rt memory {arguments.action} takes no {names[0]!r}: leave it out")
    return _repair(path) if arguments.action == "repair" else _info(path)


def _info(path: str) -> int:
    from elsa_rt.memory.store import is_archive

    if is_archive(path):
        from elsa_rt.memory.archive.summary import summary_of_archive

        lines = summary_of_archive(path)
    else:
        from elsa_rt.memory.summary import summary_of

        lines = summary_of(path)
    print("\n".join(lines))
    return 0


def _merge(path: str, others: list[str]) -> int:
    if not others:
        raise UsageError(f"name the stores to merge: elsa-rt memory merge OTHER --store {path}")
    from elsa_rt.memory.store import Store, is_archive
    from elsa_rt.memory.transfer import merge

    for other in others:
        with Store.open(other) as source:
            if is_archive(path):
                from elsa_rt.memory.archive.gathering import gather

                count = gather(path, source)
            else:
                with Store.open(path, create=True) as store:
                    count = merge(store, source)
        print(f"{path}: {counted(count, 'row')} of {other} taken")
    return 0


def _export(path: str, names: list[str]) -> int:
    if len(names) != 1:
        raise UsageError(f"name one file: elsa-rt memory export past.parquet --store {path}")
    from elsa_rt.memory.arrow import export_parquet
    from elsa_rt.memory.store import Store, is_archive

    if is_archive(path):
        raise UsageError(
            f"{path} is a Lance dataset, which other programs read as it is: "
            f"import lance; lance.dataset({path!r}).to_table()"
        )
    with Store.open(path) as store:
        count = export_parquet(store, names[0])
    print(f"{names[0]}: {counted(count, 'row')}")
    return 0


def _repair(path: str) -> int:
    from elsa_rt.memory.repair import repair
    from elsa_rt.memory.store import is_archive

    if is_archive(path):
        raise UsageError(
            f"{path} is a Lance dataset: what was not committed to it counts as not heard, and is "
            f"heard by the same command again: elsa-rt remember FILES --store {path}"
        )
    count, aside = repair(path)
    if aside is None:
        print(f"{path}: nothing is damaged, {counted(count, 'row')}")
    else:
        print(f"{path}: {counted(count, 'row')} saved; the damaged file is {aside}")
    return 0
