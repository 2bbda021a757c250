"""Rows of a memory as one SVG picture: over time and azimuth, by hour of the day, by direction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from html import escape
from typing import NamedTuple

from elsa_rt.memory.recollection import SECTORS, Recollection
from elsa_rt.memory.row import Remembered

WIDTH, HEIGHT = 900, 470
LEFT, RIGHT, TOP = 62, 888, 44
FLOOR = 262
"""Lower edge of the scatter over time."""

BARS_TOP, BARS_FLOOR = 318, 430

STYLE = """
:root { --back: #fff; --ink: #1b1f24; --faint: #667; --line: #d6dae0; --dot: #2a6fdb;
  --bar: #2e9e6b; }
@media (prefers-color-scheme: dark) { :root { --back: #14171b; --ink: #e7eaee; --faint: #99a3b0;
  --line: #343a42; --dot: #6ea8fe; --bar: #4cc38a; } }
text { font: 12px system-ui, sans-serif; fill: var(--faint); }
.title { font-size: 15px; fill: var(--ink); } .back { fill: var(--back); }
.line { stroke: var(--line); fill: none; } .dot { fill: var(--dot); fill-opacity: .55; }
.bar { fill: var(--bar); }
"""

_STEPS = (
    timedelta(seconds=5), timedelta(seconds=15), timedelta(minutes=1), timedelta(minutes=5),
    timedelta(minutes=15), timedelta(hours=1), timedelta(hours=3), timedelta(hours=6),
    timedelta(days=1), timedelta(days=2), timedelta(days=7), timedelta(days=30),
    timedelta(days=91), timedelta(days=365),
)  # fmt: skip
MAX_TICKS = 8


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
    parts = [
        f'<rect class="back" width="{WIDTH}" height="{HEIGHT}"/>',
        _text(LEFT, 24, title or "what was heard", "start", "title"),
        _text(RIGHT, 24, _days(rows, zone), "end"),
        *_scatter(rows, zone),
        *_bars(answer),
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" role="img">'
        f"<style>{STYLE}</style>{''.join(parts)}</svg>\n"
    )


def _scatter(rows: Sequence[Remembered], zone: tzinfo | None) -> list[str]:
    timed = [row for row in rows if row.at_s is not None]
    # recordings without a time of day: over their own time
    axis = _clock_axis(timed, zone) if timed or not rows else _recording_axis(rows)
    parts = [f'<rect class="line" x="{LEFT}" y="{TOP}" width="{RIGHT - LEFT}" '
             f'height="{FLOOR - TOP}"/>']  # fmt: skip
    for azimuth, name in ((180, "behind"), (90, "left"), (0, "front"), (-90, "right"), (-180, "")):
        y = _y(azimuth)
        parts.append(f'<path class="line" d="M{LEFT} {y:.1f}H{RIGHT}"/>')
        parts.append(_text(LEFT - 8, y + 4, name, "end"))
    for value, label in axis.ticks:
        x = axis.x(value)
        parts.append(f'<path class="line" d="M{x:.1f} {TOP}V{FLOOR}"/>')
        parts.append(_text(x, FLOOR + 16, label))
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
    parts = [
        _text(LEFT, BARS_TOP - 14, f"heard {answer.heard:,} times, by hour of the day", "start")
    ]
    parts += _row_of_bars(answer.by_hour.tolist(), LEFT, 470, [f"{h}" for h in range(24)], every=3)
    parts.append(_text(530, BARS_TOP - 14, "by direction", "start"))
    names = [name.replace(", ", "\n") for name in SECTORS]
    return parts + _row_of_bars(answer.by_direction.tolist(), 530, RIGHT, names, every=1)


def _row_of_bars(
    counts: Sequence[int], left: float, right: float, names: Sequence[str], *, every: int
) -> list[str]:
    most = max(1, *counts)
    width = (right - left) / len(counts)
    parts = [f'<path class="line" d="M{left} {BARS_FLOOR}H{right}"/>']
    for index, (count, name) in enumerate(zip(counts, names, strict=True)):
        height = (BARS_FLOOR - BARS_TOP - 12) * count / most
        x = left + index * width
        parts.append(
            f'<rect class="bar" x="{x + 1:.1f}" y="{BARS_FLOOR - height:.1f}" '
            f'width="{width - 2:.1f}" height="{height:.1f}"/>'
        )
        if count == most or (every == 1 and count):
            parts.append(_text(x + width / 2, BARS_FLOOR - height - 4, str(count)))
        if index % every == 0:
            for line, word in enumerate(name.split("\n")):
                parts.append(_text(x + width / 2, BARS_FLOOR + 15 + 14 * line, word))
    return parts


def _clock_axis(rows: Sequence[Remembered], zone: tzinfo | None) -> _Axis:
    times = sorted(row.at_s for row in rows if row.at_s is not None) or [0.0, 86_400.0]
    begin, end = times[0], max(times[-1], times[0] + 20)
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


def _text(x: float, y: float, text: str, anchor: str = "middle", name: str = "") -> str:
    kind = f' class="{name}"' if name else ""
    return f'<text{kind} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
