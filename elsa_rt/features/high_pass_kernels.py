"""The compiled kernels of the high-pass filter. They validate nothing: `high_pass` does."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from elsa_rt.jit.numba_compiler import compiled


@compiled
def _section(x: NDArray[np.float64], c: NDArray[np.float64], state: NDArray[np.float64]) -> None:
    """Filter ``x`` (n, 4) in place by one section ``c`` (5,), transposed direct form II."""
    b0, b1, b2, a1, a2 = c[0], c[1], c[2], c[3], c[4]
    p0, p1, p2, p3 = state[0, 0], state[0, 1], state[0, 2], state[0, 3]
    q0, q1, q2, q3 = state[1, 0], state[1, 1], state[1, 2], state[1, 3]
    for k in range(x.shape[0]):  # four channels side by side become vector code
        x0, x1, x2, x3 = x[k, 0], x[k, 1], x[k, 2], x[k, 3]
        y0, y1, y2, y3 = b0 * x0 + p0, b0 * x1 + p1, b0 * x2 + p2, b0 * x3 + p3
        p0, p1 = b1 * x0 - a1 * y0 + q0, b1 * x1 - a1 * y1 + q1
        p2, p3 = b1 * x2 - a1 * y2 + q2, b1 * x3 - a1 * y3 + q3
        q0, q1, q2, q3 = b2 * x0 - a2 * y0, b2 * x1 - a2 * y1, b2 * x2 - a2 * y2, b2 * x3 - a2 * y3
        x[k, 0], x[k, 1], x[k, 2], x[k, 3] = y0, y1, y2, y3
    state[0, 0], state[0, 1], state[0, 2], state[0, 3] = p0, p1, p2, p3
    state[1, 0], state[1, 1], state[1, 2], state[1, 3] = q0, q1, q2, q3


@compiled
def filter_sections(
    c: NDArray[np.float64],
    state: NDArray[np.float64],
    work: NDArray[np.float64],
    x: NDArray[np.float32],
    out: NDArray[np.float32],
) -> int:
    """Filter ``x`` (4, n) into ``out`` (4, n) by all sections ``c`` (s, 5); returns n.

    ``state`` is (s, 2, 4); as many samples are filtered at a time as ``work`` (piece, 4) holds.
    """
    for begin in range(0, x.shape[1], work.shape[0]):
        count = min(work.shape[0], x.shape[1] - begin)
        for channel in range(4):
            for k in range(count):
                work[k, channel] = x[channel, begin + k]
        for section in range(c.shape[0]):
            _section(work[:count], c[section], state[section])
        for channel in range(4):
            for k in range(count):
                out[channel, begin + k] = work[k, channel]
    return x.shape[1]
