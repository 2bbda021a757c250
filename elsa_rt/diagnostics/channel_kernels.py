"""The compiled kernels that look at one channel. They validate nothing: `rails`, `delays` do."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from elsa_rt.diagnostics.rails import RUN
from elsa_rt.jit import vector as v
from elsa_rt.jit.numba_compiler import compiled

Floats = NDArray[np.float32]

BYTES = 4

PIECE = 1024
"""Samples that are looked at together: hardly any lie near a rail."""


@compiled
def stands(row: Floats, limits: Floats) -> int:
    """1 where `RUN` neighbours of ``row`` (n,) lie below or above both ``limits`` (2,), else 0."""
    low, high = limits[0], limits[1]
    for begin in range(0, row.size, PIECE):
        piece, near = row[begin : begin + PIECE], np.int32(0)
        for k in range(piece.size):
            near += np.int32(1) if piece[k] <= low or piece[k] >= high else np.int32(0)
        if near:
            below = above = 0
            for k in range(max(0, begin - RUN + 1), min(begin + PIECE, row.size)):
                below = below + 1 if row[k] <= low else 0
                above = above + 1 if row[k] >= high else 0
                if below == RUN or above == RUN:
                    return 1
    return 0


@compiled
def add_step_energy(piece: int, energy: NDArray[np.float64], row: Floats) -> int:
    """Add to ``energy`` (m,) that of the steps from sample to sample in each piece of ``row``.

    ``row`` holds ``m piece + 1`` samples; ``piece`` is a multiple of the lanes of a vector.
    """
    at = row.ctypes.data
    for m in range(energy.size):
        total = v.zero()
        for _ in range(piece // v.LANES):
            step = v.subtract(v.read(at + BYTES), v.read(at))
            total = v.multiply_add(step, step, total)
            at += v.LANES * BYTES
        energy[m] += v.total(total)
    return energy.size
