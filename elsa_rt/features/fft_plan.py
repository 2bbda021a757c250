"""Stages and factors of a Fourier transform, for `elsa_rt.features.fft`; without the compiler."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SIGNALS = 2
"""Complex ones, side by side."""


def plan(size: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Radix of each stage, 4 or at last 2, and cosines and sines that the stages multiply by.

    A stage of radix r on n values needs ``w^(k p)``, w a turn by 1 / n, for each of n / r positions
    p and k from 1 to r - 1: rows of all p, the cosines and the sines of each k. ``size`` is a power
    of two.
    """
    stages, factors, left = [], list[NDArray[np.float64]](), size
    while left > 1:
        radix = 4 if left % 4 == 0 else 2
        powers = np.arange(1, radix)[:, None] * np.arange(left // radix)
        angles = -2 * np.pi * powers / left
        factors.append(np.stack([np.cos(angles), np.sin(angles)], axis=1).ravel())
        stages.append(radix)
        left //= radix
    return np.array(stages, np.int64), np.concatenate(factors).astype(np.float32)
