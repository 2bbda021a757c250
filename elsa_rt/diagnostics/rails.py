"""Clipping: samples that stand at a rail, whatever its level."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from elsa_rt.diagnostics.still import Extremes
from elsa_rt.jit.kernel import Kernel
from elsa_rt.quantiles import median

RUN = 3  # samples in a row at the rail are no peak but a cut one
LEAST = 0.02  # of full scale between the middle and a rail: smaller steps are those of the bits
TOLERANCES = (1e-4, 4e-3)  # of the rail: digital ones are sharp, analogue ones are not
STANDING = (RUN, 8)  # samples at such a rail: a steep peak may have four in the wider one by chance
FEW = 4096  # samples tell the middle as well as all
CROWDED = 4  # times as many samples at the rail as in the three tolerances below it

STANDS = Kernel(
    "elsa_rt.diagnostics.channel_kernels", "stands", "f1 f1",
    uses=["elsa_rt.jit.vector", __name__],
)  # fmt: skip


def rail_counts(
    samples: NDArray[np.floating], extremes: Extremes | None = None
) -> NDArray[np.int64]:
    """How many of ``samples`` (c, n) stand at a rail of their channel: int (c,).

    A rail is the highest or lowest value, if samples stand there in runs and hardly any just
    below. The top of a smooth wave is no rail, however slow: half of its samples within four
    tolerances lie within one. Nor is a channel at one that never moves.
    """
    counts, stands = np.zeros(len(samples), np.int64), STANDS.bind()
    if samples.shape[1] < RUN:
        return counts
    lows, highs = (samples.min(axis=1), samples.max(axis=1)) if extremes is None else extremes
    for channel, row in enumerate(samples):
        low, high = float(lows[channel]), float(highs[channel])
        width = max(TOLERANCES) * max(abs(low), abs(high), high - low)
        limits = np.array([low + width, high - width], np.float32)
        if not stands(np.ascontiguousarray(row, np.float32), limits):  # most often
            continue
        sides = (
            (1, high, np.flatnonzero(row >= high - width)),
            (-1, -low, np.flatnonzero(row <= low + width)),
        )
        middle = float(median(row[:: 1 + row.size // FEW]))
        for sign, top, at in sides:
            counts[channel] += _at_rail(row, sign, top, sign * middle, at)
    return counts


def _at_rail(
    row: NDArray[np.floating], sign: int, top: float, middle: float, at: NDArray[np.intp]
) -> int:
    """Samples at the rail ``top`` of ``sign`` times ``row``; those near it are ``at`` indices."""
    if top - middle < LEAST:
        return 0
    values = sign * row[at]
    for tolerance, least in zip(TOLERANCES, STANDING, strict=True):
        width = tolerance * max(abs(top), top - middle)
        near = at[values >= top - width]
        standing = _in_runs(near)
        if standing < least:
            continue
        below = np.count_nonzero(sign * row >= top - 4 * width) - near.size
        if standing >= CROWDED * below:
            return standing
    return 0


def _in_runs(at: NDArray[np.intp]) -> int:
    """How many of ascending indices stand in runs of `RUN` or more."""
    if not (at[RUN - 1 :] - at[: max(0, at.size - RUN + 1)] == RUN - 1).any():  # most often
        return 0
    ends = np.flatnonzero(np.diff(at) != 1)
    lengths = np.diff(np.concatenate([[-1], ends, [at.size - 1]]))
    return int(lengths[lengths >= RUN].sum())
