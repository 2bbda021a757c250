"""Clipping: samples that stand at a rail, whatever its level."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RUN = 3  # samples in a row at the rail are no peak but a cut one
LEAST = 0.02  # of full scale between the middle and a rail: smaller steps are those of the bits
TOLERANCES = (1e-4, 4e-3)  # of the rail: digital ones are sharp, analogue ones are not
FEW = 4096  # samples tell the middle as well as all
CROWDED = 4  # times as many samples at the rail as in the three tolerances below it


def rail_counts(samples: NDArray[np.floating]) -> NDArray[np.int64]:
    """How many of ``samples`` (c, n) stand at a rail of their channel: int (c,).

    A rail is the highest or lowest value, if samples stand there in runs and hardly any just
    below. The top of a smooth wave is no rail, however slow: half of its samples within four
    tolerances lie within one. Nor is a channel at one that never moves.
    """
    counts = np.zeros(len(samples), np.int64)
    for channel, row in enumerate(samples):
        if row.size < RUN:
            continue
        low, high = float(row.min()), float(row.max())
        width = max(TOLERANCES) * max(abs(low), abs(high), high - low)
        near = (row >= high - width) | (row <= low + width)
        if np.count_nonzero(near) < RUN:
            continue
        middle = float(np.median(row[:: 1 + row.size // FEW]))
        for side in (row, -row):
            counts[channel] += _at_rail(side, middle if side is row else -middle)
    return counts


def _at_rail(x: NDArray[np.floating], middle: float) -> int:
    top = float(x.max())
    if top - middle < LEAST:
        return 0
    for tolerance in TOLERANCES:
        width = tolerance * max(abs(top), top - middle)
        near = x >= top - width
        standing = _longest_runs(near)
        if standing == 0:
            continue
        below = np.count_nonzero(x >= top - 4 * width) - np.count_nonzero(near)
        if standing >= CROWDED * below:
            return standing
    return 0


def _longest_runs(near: NDArray[np.bool_]) -> int:
    """Samples of ``near`` that stand in runs of `RUN` or more."""
    starts = near[: len(near) - RUN + 1].copy()
    for later in range(1, RUN):
        starts &= near[later : len(near) - RUN + 1 + later]
    if not starts.any():  # most often
        return 0
    edges = np.flatnonzero(np.diff(np.concatenate([[False], near, [False]]).astype(np.int8)))
    lengths = edges[1::2] - edges[::2]
    return int(lengths[lengths >= RUN].sum())
