"""The curves of the soaks as a picture: memory, the cost of a step, and how far behind it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from elsa_rt.screens.plots.svg import path, picture, text
from tests.soak.curve import Point

WIDTH, ROW, TOP, LEFT, COLUMN, GAP = 960, 130, 76, 190, 340, 50


class Measure(NamedTuple):
    """One row of the picture, from ``low`` to ``high``, or more where it does not fit."""

    title: str
    fields: Mapping[str, str]  # of `Point`, and how each is drawn
    low: float
    high: float


MEASURES = (
    Measure("memory, MB", {"resident_mb": "curve"}, 0, 150),
    Measure("a step, ms: p50, p99", {"step_p50_ms": "curve", "step_p99_ms": "warn"}, 0, 10),
    Measure("behind, s", {"behind_s": "curve"}, -0.5, 0.5),
)


def soak_picture(soaks: Mapping[str, Sequence[Point]]) -> str:
    """The points of each soak, by its title, side by side."""
    columns = [(LEFT + (COLUMN + GAP) * i, *soak) for i, soak in enumerate(soaks.items())]
    parts = [text(24, 34, "Soak", "ink strong")]
    for x, title, points in columns:
        told = f"{title.partition(',')[0]}, {round(points[-1].sound_h, 1):g} h"
        parts.append(text(x, 58, told, "ink"))
    for row, measure in enumerate(MEASURES):
        top, bottom = TOP + ROW * row, TOP + ROW * (row + 1) - 22
        parts.append(text(24, (top + bottom) / 2, measure.title, "ink"))
        values = [getattr(p, name) for _, _, some in columns for p in some for name in
                  measure.fields]  # fmt: skip
        low, high = min([measure.low, *values]), max([measure.high, *values])
        parts += [text(LEFT - 10, bottom, f"{low:g}", "", "end")]
        parts += [text(LEFT - 10, top + 12, f"{high:g}", "", "end")]
        for x, _, points in columns:
            parts.append(path(f"M{x} {bottom}h{COLUMN}M{x} {top}v{bottom - top}", "line"))
            parts += _curves(points, measure, (x, top, bottom), (low, high))
    height = TOP + ROW * len(MEASURES) + 10
    return picture(WIDTH, height, "memory, cost of a step and delay over a soak", parts)


def _curves(
    points: Sequence[Point],
    measure: Measure,
    place: tuple[float, float, float],
    ends: tuple[float, float],
) -> Iterator[str]:
    x, top, bottom = place
    low, high = ends
    for name, kind in measure.fields.items():
        found = [
            f"{x + COLUMN * p.sound_h / points[-1].sound_h:.1f} "
            f"{bottom - (bottom - top) * (getattr(p, name) - low) / (high - low):.1f}"
            for p in points
        ]
        yield path("M" + "L".join(found), kind)
