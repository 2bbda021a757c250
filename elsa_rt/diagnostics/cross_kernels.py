"""The compiled kernel of cross-spectra in a band. It validates nothing: `cross_spectra` does."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from elsa_rt.jit import vector as v
from elsa_rt.jit.numba_compiler import compiled

Floats = NDArray[np.float32]

BYTES = 4


@compiled
def _project(turns: int, size: int, x: int, across: int, found: Floats) -> None:
    """Sums ``found`` (2, 4) of four rows of ``size`` floats with the two rows at ``turns``.

    The first row is at ``x``; ``across`` is the number of bytes from a row to the next.
    """
    a0, a1, a2, a3 = v.zero(), v.zero(), v.zero(), v.zero()
    b0, b1, b2, b3 = v.zero(), v.zero(), v.zero(), v.zero()
    for at in range(0, size * BYTES, v.LANES * BYTES):
        one, other, here = v.read(turns + at), v.read(turns + size * BYTES + at), x + at
        row = v.read(here)
        a0, b0 = v.multiply_add(row, one, a0), v.multiply_add(row, other, b0)
        row = v.read(here + across)
        a1, b1 = v.multiply_add(row, one, a1), v.multiply_add(row, other, b1)
        row = v.read(here + 2 * across)
        a2, b2 = v.multiply_add(row, one, a2), v.multiply_add(row, other, b2)
        row = v.read(here + 3 * across)
        a3, b3 = v.multiply_add(row, one, a3), v.multiply_add(row, other, b3)
    found[0, 0], found[0, 1], found[0, 2], found[0, 3] = (
        v.total(a0), v.total(a1), v.total(a2), v.total(a3)
    )  # fmt: skip
    found[1, 0], found[1, 1], found[1, 2], found[1, 3] = (
        v.total(b0), v.total(b1), v.total(b2), v.total(b3)
    )  # fmt: skip


@compiled
def gather_cross(
    hop: int, turns: NDArray[np.float32], found: Floats, total: NDArray[np.float64], x: Floats
) -> int:
    """Add the cross-spectra of the windows of ``x`` (4, n) to ``total``; returns their number.

    ``turns`` (f, 2, window) holds the cosines and sines of each bin under the window, ``total``
    (f, 4, 8) real and imaginary parts in turn; ``found`` (2, 4) is memory to work in.
    """
    size, across = turns.shape[2], x.shape[1] * BYTES
    count = max(0, (x.shape[1] - size) // hop + 1)
    for window in range(count):
        begin = x.ctypes.data + window * hop * BYTES
        for f in range(turns.shape[0]):
            _project(turns.ctypes.data + 2 * f * size * BYTES, size, begin, across, found)
            for i in range(4):
                re, im = np.float64(found[0, i]), np.float64(found[1, i])
                for j in range(4):
                    other_re, other_im = np.float64(found[0, j]), np.float64(found[1, j])
                    total[f, i, 2 * j] += re * other_re + im * other_im
                    total[f, i, 2 * j + 1] += im * other_re - re * other_im
    return count
