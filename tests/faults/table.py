"""The fault table, and its place in the guide."""

from __future__ import annotations

from collections.abc import Iterator
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


def lines(rows: list[Row]) -> Iterator[str]:
    """Markdown."""
    yield "| fault | detected after | recovered after | lost | alerts lost | told |"
    yield "|---|---|---|---|---|---|"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def write(rows: list[Row]) -> None:
    """Put the table into the page."""
    page = PAGE.read_text("utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    made = "".join(f"{line}\n" for line in lines(rows))
    PAGE.write_text(before + BEGIN + made + END + after, "utf-8")
