"""Pictures of the tuning page, as SVG to stand in HTML."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from elsa_rt.tuning.gate import Floats
from elsa_rt.tuning.labels import Label
from elsa_rt.tuning.tradeoff import Result, Tradeoff

WIDTH, HEIGHT = 720, 260
STRIP_HEIGHT = 130
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 10, 34
COLUMNS = 660
"""Bars of a score strip: the highest score of each stretch is drawn."""

TICK_STEPS = (1, 2, 5)


def curve(tradeoff: Tradeoff, proposal: Result | None) -> str:
    """Missed share over false alarms an hour; the axis is a root, so that few count most."""
    most = max(1e-9, *(tradeoff.per_hour(r) for r in (*tradeoff.results, tradeoff.now)))

    def place(result: Result) -> tuple[float, float]:
        across = math.sqrt(tradeoff.per_hour(result) / most)
        return _x(across), _y(result.missed / tradeoff.sounds, HEIGHT)

    parts = [_frame(HEIGHT)]
    for tick in _ticks(most):
        x = _x(math.sqrt(tick / most))
        parts.append(_line("grid", x, TOP, x, HEIGHT - BOTTOM) + _text(x, HEIGHT - 18, f"{tick:g}"))
    for share in (0, 0.5, 1):
        y = _y(share, HEIGHT)
        parts.append(_line("grid", LEFT, y, WIDTH - RIGHT, y))
        parts.append(_text(LEFT - 6, y + 4, f"{share:.0%}", "end"))
    parts.append(_text((LEFT + WIDTH) / 2, HEIGHT - 3, "false alarms an hour"))
    parts.append(_text(LEFT + 6, TOP + 14, "missed", "start"))
    points = [place(result) for result in tradeoff.results]
    path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    path += "".join(f"H{x:.1f}V{y:.1f}" for x, y in points[1:])
    parts.append(f'<path class="curve" d="{path}"/>')
    for name, result in (("now", tradeoff.now), ("proposed", proposal)):
        if result is not None:
            x, y = place(result)
            title = f"<title>{name}: {result.threshold:g}</title>"
            parts.append(
                f'<circle class="dot-{name}" cx="{x:.1f}" cy="{y:.1f}" r="5">{title}</circle>'
            )
    return _svg(HEIGHT, f"missed share of {tradeoff.rule} over false alarms an hour", parts)


def score_strip(
    time_s: Floats,
    score: Floats,
    labels: Sequence[Label],
    starts: Mapping[str, float],
) -> str:
    """The score (n,) over ``time_s`` (n,), labelled sounds, and thresholds by their name."""
    length = float(time_s[-1])
    parts = [_frame(STRIP_HEIGHT)]
    for label in labels:
        left, right = _x(label.start_s / length), _x(min(1.0, label.end_s / length))
        parts.append(
            f'<rect class="label" x="{left:.1f}" y="{TOP}" width="{max(1, right - left):.1f}" '
            f'height="{STRIP_HEIGHT - TOP - BOTTOM}"/>'
        )
    columns = min(COLUMNS, len(score))
    width = (WIDTH - LEFT - RIGHT) / columns
    column = np.minimum((time_s / length * columns - 0.5).astype(int), columns - 1)
    highest = np.zeros(columns)
    np.maximum.at(highest, column, score)
    floor = STRIP_HEIGHT - BOTTOM
    bars = "".join(
        f"M{LEFT + index * width:.1f} {floor}V{_y(value, STRIP_HEIGHT):.1f}h{width:.2f}V{floor}z"
        for index, value in enumerate(highest)
        if value > 0.004
    )
    parts.append(f'<path class="bar" d="{bars}"/>')
    for name, start in starts.items():
        y = _y(start, STRIP_HEIGHT)
        parts.append(_line(f"rule-{name}", LEFT, y, WIDTH - RIGHT, y))
    parts += [_text(LEFT - 6, _y(share, STRIP_HEIGHT) + 4, f"{share:g}", "end") for share in (0, 1)]
    unit, name = (60, "min") if length > 180 else (1, "s")
    for tick in _ticks(length / unit):
        parts.append(_text(_x(tick * unit / length), STRIP_HEIGHT - 18, f"{tick:g}"))
    parts.append(_text((LEFT + WIDTH) / 2, STRIP_HEIGHT - 3, name))
    return _svg(STRIP_HEIGHT, "score over time", parts)


def _ticks(most: float, about: int = 6) -> list[float]:
    """Round numbers from 0 to ``most``."""
    exponent = math.floor(math.log10(most / about))
    step = min(
        (k * 10.0**e for e in (exponent, exponent + 1) for k in TICK_STEPS),
        key=lambda step: abs(math.log(step * about / most)),
    )
    return [round(index * step, 12) for index in range(int(most / step + 1e-9) + 1)]


def _x(share: float) -> float:
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _y(share: float, height: int) -> float:
    return TOP + (1 - share) * (height - TOP - BOTTOM)


def _svg(height: int, about: str, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{about}">'
        f"{''.join(parts)}</svg>"
    )


def _frame(height: int) -> str:
    return (
        f'<rect class="axis" x="{LEFT}" y="{TOP}" width="{WIDTH - LEFT - RIGHT}" '
        f'height="{height - TOP - BOTTOM}"/>'
    )


def _line(name: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="{name}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(x: float, y: float, text: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>'
