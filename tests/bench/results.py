"""Tables of figures in the guide's page *speed* and in the README, made of recorded runs alone.

    make bench-record                 measures, records and writes the tables
    python -m tests.bench.results [--write]

`tests.bench.targets.judge` keeps what a bench measured in ``tests/bench/results.json``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.bench.targets import Target

ROOT = Path(__file__).parents[2]
RESULTS = Path(__file__).with_name("results.json")
BEGIN, END = "<!-- bench: python -m tests.bench.results --write -->\n", "<!-- /bench -->\n"

TITLES = {
    "step": "python -m tests.bench.step",
    "filters": "python -m tests.bench.filters",
    "sharing": "python -m tests.bench.sharing",
    "start": "python -m tests.bench.start",
    "growth": "python -m tests.bench.growth",
    "listen_file": "python -m tests.bench.listen_file",
    "microphones": "python -m tests.bench.microphones",
    "release": "make bench-release",
    "alternatives": "make bench-alternatives",
}
"""How each bench is run, in the order of the table."""

IN_README = (
    "a step, p50", "a step, p99", "load of a core in real time", "start, caches warm",
    "first start ever", "memory at most",
)  # fmt: skip


def table(kept: dict[str, Any]) -> Iterator[str]:
    """Markdown lines of all benches."""
    yield "| bench | what | target | measured |"
    yield "|---|---|--:|--:|"
    for bench, command in TITLES.items():
        first = f"`{command}`"
        for row in kept.get(bench, {}).get("rows", ()):
            target = Target(**row)
            yield f"| {first} | {target.what} | {target.aim} | {bold(target)} |"
            first = ""
    yield ""
    yield from conditions(kept)


def conditions(kept: dict[str, Any]) -> Iterator[str]:
    """Where and when it was measured."""
    for machine in dict.fromkeys(found["machine"] for found in kept.values()):
        here = [found for found in kept.values() if found["machine"] == machine]
        loads = sorted(found["load"] for found in here)
        dates = sorted({found["date"] for found in here})
        yield (
            f"One core of: {machine}; {' and '.join(dates)}; load average of the machine meanwhile "
            f"{loads[0]:g} to {loads[-1]:g}. Figures in bold miss their target."
        )


def short_table(kept: dict[str, Any]) -> Iterator[str]:
    """Markdown lines of the figures that the README has."""
    rows = [Target(**row) for found in kept.values() for row in found["rows"]]
    yield "| | target | measured |"
    yield "|---|--:|--:|"
    for name in IN_README:
        for target in rows:
            if target.what == name:
                yield f"| {name} | {target.aim} | {bold(target)} |"


def bold(target: Target) -> str:
    """What was measured, in bold where it misses the target."""
    return target.found if target.kept else f"**{target.found}**"


def in_page(page: str, rows: Sequence[str], where: Path) -> str:
    """``page`` with ``rows`` between its marks."""
    before, _, rest = page.partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise SystemExit(f"error: {where} lacks {BEGIN.strip()} ... {END.strip()}")
    return before + BEGIN + "".join(f"{row}\n" for row in rows) + END + after


def pages(kept: dict[str, Any]) -> dict[Path, str]:
    """The pages as they should be, by where they lie."""
    made = {ROOT / "elsa_rt/guide/speed.md": list(table(kept)),
            ROOT / "README.md": list(short_table(kept))}  # fmt: skip
    return {path: in_page(path.read_text("utf-8"), rows, path) for path, rows in made.items()}


def main() -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.results", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--write", action="store_true", help="put it into the guide and the README")
    options = parser.parse_args()
    kept = json.loads(RESULTS.read_text("utf-8"))
    print(*table(kept), sep="\n")
    if options.write:
        for path, text in pages(kept).items():
            path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
