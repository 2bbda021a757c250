"""A compass drawn in text: the listener in the middle, front up, left on the left.

Braille characters carry the two rings, 2 x 4 dots a character. The outer ring is the horizon, the
inner one is 45 degrees above or below it, the middle is straight up or down.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.text import Text

_DOT = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
"""Bit of each dot (row, column) in a Braille character."""

_BLANK = 0x2800


class Mark(NamedTuple):
    """Something at a direction; left and up are positive."""

    azimuth_deg: float
    elevation_deg: float
    sign: str
    style: str


def compass(rows: int, marks: Iterable[Mark]) -> Text:
    """Text of ``rows`` lines, twice as many columns; a later mark covers an earlier one."""
    signs = {_cell(rows, mark.azimuth_deg, mark.elevation_deg): mark for mark in marks}
    text = Text(no_wrap=True)
    for row, line in enumerate(_rings(rows)):
        for column, bits in enumerate(line):
            mark = signs.get((row, column))
            text.append(*((mark.sign, mark.style) if mark else (chr(_BLANK + bits), "dim")))
        text.append("\n")
    text.right_crop(1)
    return text


def _rings(rows: int) -> NDArray[np.int64]:
    cells = np.zeros((rows, 2 * rows), np.int64)
    for elevation_deg, spacing_deg in ((0.0, 1.0), (45.0, 15.0)):
        for azimuth_deg in np.arange(0.0, 360.0, spacing_deg):
            x, y = _dot(rows, azimuth_deg, elevation_deg)
            cells[y // 4, x // 2] |= _DOT[y % 4, x % 2]
    return cells


def _cell(rows: int, azimuth_deg: float, elevation_deg: float) -> tuple[int, int]:
    x, y = _dot(rows, azimuth_deg, elevation_deg)
    return y // 4, x // 2


def _dot(rows: int, azimuth_deg: float, elevation_deg: float) -> tuple[int, int]:
    middle = (4 * rows - 1) / 2
    radius = middle * (1 - abs(elevation_deg) / 90)
    azimuth = np.radians(azimuth_deg)
    return round(middle - radius * np.sin(azimuth)), round(middle - radius * np.cos(azimuth))
