"""Directions that came lately, gathered in cells of the sphere about ten degrees wide, fading."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

RINGS = 18
"""Of equal height in elevation; each has so many cells that they are about as wide as high."""

LEAST = 1e-4
"""Cells with less than this share of the heaviest one are left out."""

_HEIGHT = (np.arange(RINGS) + 0.5) / RINGS - 0.5  # in half turns
_CELLS = np.maximum(1, np.round(2 * RINGS * np.cos(np.pi * _HEIGHT))).astype(int)
_FIRST = np.concatenate([[0], np.cumsum(_CELLS)])


class DirectionHistogram:
    """Weighted unit vectors of one stream; `add` leaves the share ``keep`` of those before."""

    def __init__(self, keep: float) -> None:
        self._keep = np.float32(keep)
        self.reset()

    def reset(self) -> None:
        """Forget all."""
        self._sums = np.zeros((4, _FIRST[-1]), np.float32)  # weighted x, y, z; weight

    @property
    def total(self) -> float:
        """Sum of all weights."""
        return float(self._sums[3].sum())

    def add(self, point: Floats, weight: Floats, cell: NDArray[np.int64]) -> None:
        """Let fade what is there and add unit vectors (n, 3) with weights (n,); ``cell`` (n,) are
        their `cells_of`.
        """
        self._sums *= self._keep
        for i, values in enumerate((*point.T, None)):
            of_each = weight if values is None else weight * values
            self._sums[i] += np.bincount(cell, of_each, _FIRST[-1])

    def gathered(self) -> tuple[Floats, Floats]:
        """Unit vectors (cells, 3) and their weights (cells,), which sum to 1."""
        heavy = self._sums[:, self._sums[3] > LEAST * self._sums[3].max()]
        length = np.sqrt((heavy[:3] ** 2).sum(0))
        return (heavy[:3] / np.maximum(length, 1e-30)).T.copy(), heavy[3] / heavy[3].sum()


def cells_of(point: Floats) -> NDArray[np.int64]:
    """Number of the cell of each unit vector (n, 3)."""
    up = np.arcsin(np.clip(point[:, 2], -1, 1)) / np.pi + 0.5
    ring = np.clip((up * RINGS).astype(np.int64), 0, RINGS - 1)
    around = np.arctan2(point[:, 1], point[:, 0]) / (2 * np.pi) + 0.5
    column = np.minimum((around * _CELLS[ring]).astype(np.int64), _CELLS[ring] - 1)
    return np.asarray(_FIRST[ring] + column)
