"""A compass drawn in text: the listener in the middle, front up, left on the left.

Braille characters carry the two rings, 2 x 4 dots a character; in ASCII the rim is dotted. The
outer ring is the horizon, the inner one 45 degrees above or below it, the middle straight up or
down.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from elsa_rt.screens.terminal.signs import Signs
from elsa_rt.screens.terminal.style import Line, Span

_DOT = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bit of each dot (row, column) in a Braille character."""

_BLANK = 0x2800


class Mark(NamedTuple):
    """Something at a direction; left and up are positive."""

    azimuth_deg: float
    elevation_deg: float
    sign: str
    style: str


def columns_of(rows: int) -> int:
    """Columns of a compass of ``rows`` lines: an odd number, so that one is the middle."""
    return 2 * rows - 1


def compass(rows: int, marks: Iterable[Mark], signs: Signs) -> list[Line]:
    """``rows`` lines of `columns_of` characters; a later mark covers an earlier one."""
    rim = _rings(rows) if signs.braille else _dotted(rows)
    cells: dict[tuple[int, int], Span] = {}
    for mark in marks:
        row, column = _cell(rows, mark.azimuth_deg, mark.elevation_deg)
        for at, sign in enumerate(mark.sign, column):
            if at < columns_of(rows):
                cells[row, at] = Span(sign, mark.style)
    lines = []
    for row, ring in enumerate(rim):
        line: Line = []
        start = 0
        for column in sorted(at for r, at in cells if r == row):
            if column > start:
                line.append(Span(ring[start:column], "faint"))
            line.append(cells[row, column])
            start = column + 1
        if start < len(ring):
            line.append(Span(ring[start:], "faint"))
        lines.append(line)
    return lines


def arc(azimuth_deg: float, half_deg: float, sign: str, style: str) -> list[Mark]:
    """Marks on the rim from ``half_deg`` right of a direction to as much left of it."""
    half = min(half_deg, 90.0)
    count = max(2, int(half / 2))
    steps = [-half + 2 * half * i / count for i in range(count + 1)]
    return [Mark(azimuth_deg + step, 0.0, sign, style) for step in steps]


@lru_cache(maxsize=4)
def _rings(rows: int) -> tuple[str, ...]:
    cells = [[_BLANK] * columns_of(rows) for _ in range(rows)]
    for elevation_deg, spacing_deg in ((0.0, 1), (45.0, 15)):
        for azimuth_deg in range(0, 360, spacing_deg):
            x, y = _dot(rows, azimuth_deg, elevation_deg)
            cells[y // 4][x // 2] |= _DOT[y % 4][x % 2]
    return tuple("".join(map(chr, line)) for line in cells)


@lru_cache(maxsize=4)
def _dotted(rows: int) -> tuple[str, ...]:
    cells = [[" "] * columns_of(rows) for _ in range(rows)]
    for elevation_deg, spacing_deg in ((0.0, 3), (45.0, 30)):
        for azimuth_deg in range(0, 360, spacing_deg):
            row, column = _cell(rows, azimuth_deg, elevation_deg)
            cells[row][column] = "."
    return tuple("".join(line) for line in cells)


def _cell(rows: int, azimuth_deg: float, elevation_deg: float) -> tuple[int, int]:
    x, y = _dot(rows, azimuth_deg, elevation_deg)
    return y // 4, x // 2


def _dot(rows: int, azimuth_deg: float, elevation_deg: float) -> tuple[int, int]:
    across, down = (2 * columns_of(rows) - 1) / 2, (4 * rows - 1) / 2
    radius = 1 - min(abs(elevation_deg), 90) / 90
    azimuth = math.radians(azimuth_deg)
    x, y = radius * math.sin(azimuth), radius * math.cos(azimuth)
    return _nearest(across * (1 - x)), _nearest(down * (1 - y))


def _nearest(dots: float) -> int:
    """Halfway between two the larger one, whatever the last bit: left and right share a row."""
    return math.floor(dots + 0.5 + 1e-9)
