"""What a memory answers, for people: a table of rows, a histogram of hours and directions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo

from elsa_rt.memory.recollection import SECTORS, Recollection
from elsa_rt.memory.row import Remembered
from elsa_rt.screens.plain import clock

BLOCKS = " ▁▂▃▄▅▆▇█"

LIKELY = 0.05
"""Probability of a second label from which on it is told."""

BY_CHANCE = "background alone scores as much up to once an hour"
"""What a score of 0.5 means, from which on a row counts as heard."""

BAR = 24
"""Characters of the longest bar."""


def rows_table(rows: Sequence[Remembered], zone: tzinfo | None) -> Iterator[str]:
    """A line for each row, and one of titles before them."""
    titles = ("id", "when", "lasts", "where", "score", "what it sounds like", "source")
    table = [titles, *(cells(row, zone) for row in rows)]
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    right = {0, 2, 4}
    for line, row in zip(table, (None, *rows), strict=True):
        text = "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        yield text.rstrip()
        if row is None:
            continue
        for more in (row.reason, *(f"clip {alert.clip}" for alert in row.alerts if alert.clip)):
            if more:
                yield " " * (widths[0] + 2) + more


def cells(row: Remembered, zone: tzinfo | None) -> tuple[str, str, str, str, str, str, str]:
    """The cells of one row."""
    where = "" if math.isnan(row.azimuth_deg) else f"{row.azimuth_deg:+4.0f}° {row.words}"
    likely = [label for label in row.labels[:2] if label.probability >= LIKELY] or row.labels[:1]
    what = ", ".join(f"{name} {100 * share:.0f} %" for name, share in likely)
    for alert in row.alerts[:1]:
        what = f"{alert.prompt} (alert); {what}" if what else f"{alert.prompt} (alert)"
    return (
        str(row.id),
        when(row, zone),
        f"{row.duration_s:.1f} s" if row.duration_s < 100 else f"{row.duration_s / 60:.0f} min",
        where,
        "" if math.isnan(row.score) else f"{row.score:.2f}",
        what if row.kind != "minute" else f"[minute] {what}",
        row.source,
    )


def when(row: Remembered, zone: tzinfo | None) -> str:
    """Time of day of ``row``, or its time in the recording where that is unknown."""
    if row.at_s is None:
        return f"{clock(row.time_s)} in it"
    return f"{datetime.fromtimestamp(row.at_s, zone):%a %Y-%m-%d %H:%M:%S}"


def histogram_lines(answer: Recollection, zone: tzinfo | None) -> Iterator[str]:
    """When and where such sounds were heard."""
    if not answer.heard:
        yield f"heard never: none of {answer.looked_at:,} rows scores enough"
        return
    times = "once" if answer.heard == 1 else f"{answer.heard:,} times"
    ends = ""
    if answer.first is not None and answer.last is not None:
        ends = f", first {when(answer.first, zone)}, last {when(answer.last, zone)}"
    yield f"heard {times}{ends}"
    if answer and not math.isnan(answer[0].score):
        yield f"  by chance     {BY_CHANCE}"
    most = int(answer.by_hour.max())
    if most:
        bars = "".join(BLOCKS[-(-8 * int(count) // most)] for count in answer.by_hour)
        yield f"  by hour       0 {bars} 24, at most {most}"
    most = max(1, int(answer.by_direction.max()))
    for name, count in zip(SECTORS, answer.by_direction.tolist(), strict=True):
        if count:
            bar = "█" * max(1, round(BAR * count / most))
            yield f"  {name:13} {bar} {count}"
