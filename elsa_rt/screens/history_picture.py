"""Rows of a memory as one SVG picture: over time and azimuth, by hour of the day, by direction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from html import escape
from typing import NamedTuple

from elsa_rt.memory.recollection import SECTORS, Recollection
from elsa_rt.memory.row import Remembered
from elsa_rt.screens.plots.svg import path, picture, text

WIDTH, HEIGHT = 900, 470
LEFT, RIGHT, TOP = 70, 880, 48
FLOOR = 262
"""Lower edge of the scatter over time."""

BARS_TOP, BARS_FLOOR = 318, 430

_STEPS = (
    timedelta(seconds=5), timedelta(seconds=15), timedelta(minutes=1), timedelta(minutes=5),
    timedelta(minutes=15), timedelta(hours=1), timedelta(hours=3), timedelta(hours=6),
    timedelta(days=1), timedelta(days=2), timedelta(days=7), timedelta(days=30),
    timedelta(days=91), timedelta(days=365),
)  # fmt: skip
MAX_TICKS = 8

ROOM = 0.015
"""Share of the axis before the first row, and after the last one."""


class _Axis(NamedTuple):
    begin: float
    end: float
    ticks: list[tuple[float, str]]

    def x(self, value: float) -> float:
        share = (value - self.begin) / max(self.end - self.begin, 1e-9)
        return LEFT + min(max(share, 0.0), 1.0) * (RIGHT - LEFT)


def history_picture(answer: Recollection, zone: tzinfo | None, title: str) -> str:
    """The picture, as the text of an SVG file."""
    rows = [row for row in answer if not math.isnan(row.azimuth_deg)]
    title = title or "What was heard"
    parts = [
        text(LEFT, 26, title, "ink strong"),
        text(RIGHT, 26, _days(rows, zone), anchor="end"),
        *_scatter(rows, zone),
        *_bars(answer),
    ]
    return picture(WIDTH, HEIGHT, title, parts)


def _scatter(rows: Sequence[Remembered], zone: tzinfo | None) -> list[str]:
    timed = [row for row in rows if row.at_s is not None]
    # recordings without a time of day: over their own time
    axis = _clock_axis(timed, zone) if timed or not rows else _recording_axis(rows)
    parts = [f'<rect class="line" x="{LEFT}" y="{TOP}" width="{RIGHT - LEFT}" '
             f'height="{FLOOR - TOP}"/>']  # fmt: skip
    for azimuth, name in ((180, "behind"), (90, "left"), (0, "front"), (-90, "right"),
                          (-180, "behind")):  # fmt: skip
        y = _y(azimuth)
        parts.append(path(f"M{LEFT} {y:.1f}H{RIGHT}", "line"))
        parts.append(text(LEFT - 8, y + 4, name, anchor="end"))
    for value, label in axis.ticks:
        x = axis.x(value)
        parts.append(path(f"M{x:.1f} {TOP}V{FLOOR}", "line"))
        parts.append(text(x, FLOOR + 18, label, anchor="middle"))
    for row in timed or rows:
        x = axis.x(row.time_s if row.at_s is None else row.at_s)
        size = 5.0 if math.isnan(row.score) else 3 + 5 * row.score
        told = ", ".join(name for name, _ in row.labels[:2])
        score = "" if math.isnan(row.score) else f", score {row.score:.2f}"
        parts.append(
            f'<circle class="dot" cx="{x:.1f}" cy="{_y(row.azimuth_deg):.1f}" r="{size:.1f}">'
            f"<title>{escape(f'{row.id}: {told} {row.words}{score}')}</title></circle>"
        )
    return parts


def _days(rows: Sequence[Remembered], zone: tzinfo | None) -> str:
    """The days of the first and the last row; nothing where they are unknown."""
    times = [row.at_s for row in rows if row.at_s is not None]
    if not times:
        return ""
    first, last = (
        f"{datetime.fromtimestamp(at, zone):%a %Y-%m-%d}" for at in (min(times), max(times))
    )
    return first if first == last else f"{first} to {last}"


def _bars(answer: Recollection) -> list[str]:
    times = "once" if answer.heard == 1 else f"{answer.heard:,} times"
    parts = [text(LEFT, BARS_TOP - 14, f"heard {times}, by hour of the day")]
    parts += _row_of_bars(answer.by_hour.tolist(), LEFT, 440, [f"{h}" for h in range(24)], every=3)
    parts.append(text(492, BARS_TOP - 14, "by direction"))
    names = [name.replace(", ", "\n") for name in SECTORS]
    return parts + _row_of_bars(answer.by_direction.tolist(), 492, RIGHT, names, every=1)


def _row_of_bars(
    counts: Sequence[int], left: float, right: float, names: Sequence[str], *, every: int
) -> list[str]:
    most = max(1, *counts)
    width = (right - left) / len(counts)
    parts = [path(f"M{left} {BARS_FLOOR}H{right}", "line")]
    for index, (count, name) in enumerate(zip(counts, names, strict=True)):
        height = (BARS_FLOOR - BARS_TOP - 12) * count / most
        x = left + index * width
        parts.append(
            f'<rect class="bar" x="{x + 1:.1f}" y="{BARS_FLOOR - height:.1f}" '
            f'width="{width - 2:.1f}" height="{height:.1f}"/>'
        )
        if count == most or (every == 1 and count):
            parts.append(text(x + width / 2, BARS_FLOOR - height - 4, str(count), anchor="middle"))
        if index % every == 0:
            for line, word in enumerate(name.split("\n")):
                below = BARS_FLOOR + 16 + 14 * line
                parts.append(text(x + width / 2, below, word, anchor="middle"))
    return parts


def _clock_axis(rows: Sequence[Remembered], zone: tzinfo | None) -> _Axis:
    times = sorted(row.at_s for row in rows if row.at_s is not None) or [0.0, 86_400.0]
    begin, end = times[0], max(times[-1], times[0] + 20)
    begin, end = begin - ROOM * (end - begin), end + ROOM * (end - begin)  # for half a dot
    step = next((s for s in _STEPS if (end - begin) / s.total_seconds() <= MAX_TICKS), _STEPS[-1])
    at = datetime.fromtimestamp(begin, zone).replace(second=0, microsecond=0)
    if step >= timedelta(days=1):
        at, form = at.replace(hour=0, minute=0), "%d %b" if step.days < 365 else "%Y"
    elif step < timedelta(minutes=1):
        form = "%H:%M:%S"
    else:
        minutes = int(step.total_seconds() // 60)
        since_midnight = (at.hour * 60 + at.minute) // minutes * minutes
        at, form = at.replace(hour=since_midnight // 60, minute=since_midnight % 60), "%H:%M"
    ticks = []
    while at.timestamp() <= end:
        if at.timestamp() >= begin:
            ticks.append((at.timestamp(), f"{at:{form}}"))
        at += step
    return _Axis(begin, end, ticks)


def _recording_axis(rows: Sequence[Remembered]) -> _Axis:
    end = max(row.time_s + row.duration_s for row in rows)
    step = next((s for s in _STEPS if end / s.total_seconds() <= MAX_TICKS), _STEPS[-1])
    count = int(end // step.total_seconds()) + 1
    values = [index * step.total_seconds() for index in range(count)]
    return _Axis(0.0, end, [(value, str(timedelta(seconds=round(value)))) for value in values])


def _y(azimuth_deg: float) -> float:
    return TOP + (180 - azimuth_deg) / 360 * (FLOOR - TOP)
