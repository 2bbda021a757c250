"""The channels of a source that are used, and silence in place of what is no sound."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from elsa_rt.jit.kernel import Kernel
from elsa_rt.wording import counted

LARGEST = 2.0**20
"""Samples above this magnitude are treated as invalid; their square would overflow float32."""

TAKE = Kernel("elsa_rt.microphones.usable_kernels", "take_usable", "i1 f2 f2", uses=[__name__])


class UsedChannels:
    """Takes channels out of those of a source.

    Parameters
    ----------
    numbers : sequence of int
        The channels, counted from 1.
    """

    def __init__(self, numbers: Sequence[int]) -> None:
        self._count, self._needed = len(numbers), max(numbers)
        self._take = TAKE.bind(np.array(numbers, np.int64) - 1)

    def step(self, samples: NDArray[np.floating]) -> tuple[NDArray[np.float32], int]:
        """Take samples (channels, n) of a source.

        Returns
        -------
        float32 (c, n), int
            A copy of the channels that are used, and how many of its samples are `unusable` and
            became silence.

        Raises
        ------
        ValueError
            The source has fewer channels than that.
        """
        if len(samples) < self._needed:
            raise ValueError(f"channel {self._needed} of {len(samples)}")
        given = np.ascontiguousarray(samples, np.float32)
        taken = np.empty((self._count, given.shape[1]), np.float32)
        return taken, self._take(given, taken)


def unusable(samples: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Mask of samples that are NaN, infinite or absurdly large."""
    return ~(np.abs(samples) <= LARGEST)


def became_silence(count: int) -> str:
    """In words, what happened to ``count`` samples that are `unusable`."""
    return (
        f"{counted(count, 'sample')} {'was' if count == 1 else 'were'} NaN, infinite or beyond "
        "all scale and became silence"
    )
