"""The fault table, and its place in the guide."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import elsa_rt.guide

PAGE = Path(elsa_rt.guide.__file__).parent / "reliability.md"
BEGIN, END = "<!-- made by python -m tests.faults --write -->\n", "<!-- end -->\n"


class Row(NamedTuple):
    """One fault and what came of it."""

    fault: str
    detected: str  # seconds, or how
    recovered: str
    lost: str
    alerts_lost: str  # of the sounds that were played outside the gap
    told: str


def missing(fault: str, why: str) -> Row:
    """A fault that cannot be injected here."""
    return Row(fault, f"not tried: {why}", "", "", "", "")


def seconds(value: float | None) -> str:
    """A figure of the table."""
    return "never" if value is None else f"{value:.1f} s"


HEAD = (
    "| fault | detected after | recovered after | lost | alerts lost | told |",
    "|---|---|---|---|---|---|",
)


def line(row: Row) -> str:
    """A line of the table."""
    return f"| {' | '.join(row)} |"


def merged(page: str, rows: Sequence[Row], *, whole: bool) -> str:
    """The ``page`` with ``rows`` in its table: alone, or each in place of what was there of it."""
    before, _, rest = page.partition(BEGIN)
    there, _, after = rest.partition(END)
    table = {} if whole else {_fault(one): one for one in there.splitlines()[len(HEAD) :]}
    table |= {row.fault: line(row) for row in rows}
    made = "".join(f"{one}\n" for one in (*HEAD, *table.values()))
    return before + BEGIN + made + END + after


def _fault(one: str) -> str:
    return one.split(" | ")[0].removeprefix("| ")


def write(rows: Sequence[Row], *, whole: bool) -> None:
    """Put the table, or some rows of it, into the page."""
    PAGE.write_text(merged(PAGE.read_text("utf-8"), rows, whole=whole), "utf-8")
