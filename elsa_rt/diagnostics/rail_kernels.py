"""The compiled kernel of clipping. It validates nothing: `rails` does."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from elsa_rt.diagnostics.rails import RUN
from elsa_rt.jit.numba_compiler import compiled

PIECE = 1024
"""Samples that are looked at together: hardly any lie near a rail."""


@compiled
def stands(row: NDArray[np.float32], limits: NDArray[np.float32]) -> int:
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
