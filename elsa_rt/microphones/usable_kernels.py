"""The compiled kernel of the used channels. It validates nothing: `usable` does."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from elsa_rt.jit.numba_compiler import compiled
from elsa_rt.microphones.usable import LARGEST


@compiled
def take_usable(rows: NDArray[np.int64], x: NDArray[np.float32], out: NDArray[np.float32]) -> int:
    """Copy ``rows`` of ``x`` (channels, n) to ``out`` (c, n); returns how many became silence."""
    largest, found = np.float32(LARGEST), 0
    for c in range(rows.size):
        source, to = x[rows[c]], out[c]
        bad = np.int32(0)
        for k in range(source.size):
            value = source[k]
            usable = abs(value) <= largest  # false for NaN
            to[k] = value if usable else np.float32(0)
            bad += np.int32(0) if usable else np.int32(1)
        found += bad
    return found
