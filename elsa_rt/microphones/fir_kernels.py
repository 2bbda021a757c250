"""The compiled kernels of the FIR filters. They validate nothing: `fir` does."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from elsa_rt.jit.numba_compiler import compiled
from elsa_rt.microphones.fir import AT_ONCE


@compiled
def _add(row: NDArray[np.float32], g: NDArray[np.float32], x: NDArray[np.float32]) -> None:
    """Add four taps ``g`` on ``x`` (3 + n) to ``row`` (n)."""
    n = row.size
    g0, g1, g2, g3 = g[0], g[1], g[2], g[3]
    x0, x1, x2, x3 = x[3 : 3 + n], x[2 : 2 + n], x[1 : 1 + n], x[:n]
    for k in range(n):  # views of their own and one index: this way it becomes vector code
        row[k] += (g0 * x0[k] + g1 * x1[k]) + (g2 * x2[k] + g3 * x3[k])


@compiled
def filter_matrix(
    taps: NDArray[np.float32], x: NDArray[np.float32], out: NDArray[np.float32], piece: int
) -> int:
    """Add ``taps`` (o, i, t) on ``x`` (i, t - 1 + n) to ``out`` (o, n); returns n. t in steps of 4.

    Each output is summed in the same order however the samples are split.
    """
    outputs, inputs, length = taps.shape
    count = out.shape[1]
    for begin in range(0, count, piece):
        end = min(begin + piece, count)
        for o in range(outputs):
            row = out[o, begin:end]
            for i in range(inputs):
                if not taps[o, i].any():
                    continue
                for t in range(0, length, AT_ONCE):
                    at = length - 1 - t
                    _add(row, taps[o, i, t : t + AT_ONCE], x[i, begin + at - 3 : end + at])
    return count
