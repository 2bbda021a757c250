"""The compiled kernel of a mix of channels. It validates nothing: `to_foa` does."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from elsa_rt.jit.numba_compiler import compiled


@compiled
def mix(matrix: NDArray[np.float32], x: NDArray[np.float32], out: NDArray[np.float32]) -> int:
    """Write ``out`` (4, n), ``matrix`` (4, 4) times the samples ``x`` (n, 4); returns n.

    Each output is summed in the same order however the samples are split.
    """
    for o in range(4):
        a, b, c, d = matrix[o, 0], matrix[o, 1], matrix[o, 2], matrix[o, 3]
        row = out[o]
        for k in range(row.size):
            row[k] = ((a * x[k, 0] + b * x[k, 1]) + c * x[k, 2]) + d * x[k, 3]
    return x.shape[0]
