"""A matrix of FIR filters on a stream: every output is a filtered mix of all inputs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from elsa_rt.errors import UsageError
from elsa_rt.jit.kernel import Kernel

AT_ONCE = 4
"""Taps that one pass over the samples takes; their number is a multiple of it."""

PIECE = 2048
"""Samples that are filtered at a time: what a pass touches stays in the processor's cache."""


FILTER = Kernel("elsa_rt.microphones.fir_kernels", "filter_matrix", "f3 f2 f2 i", uses=[__name__])


class MatrixFir:
    """Filters a stream with ``taps`` and keeps it aligned in time.

    Parameters
    ----------
    taps : float32 (outputs, inputs, t)
        A multiple of `AT_ONCE` of them.
    delay : int, samples
        That the filters bring; the output is moved back by it, so that it comes late by
        ``latency`` samples and `flush` gives the rest.
    """

    block = 1

    def __init__(self, taps: NDArray[np.float32], delay: int) -> None:
        if taps.ndim != 3 or taps.shape[2] % AT_ONCE or not 0 <= delay < taps.shape[2]:
            raise UsageError(
                f"filters of shape {taps.shape} with a delay of {delay}: (outputs, inputs, taps) "
                f"with a multiple of {AT_ONCE} taps, and a delay within them, is needed"
            )
        self.latency = delay
        self._taps = np.ascontiguousarray(taps, np.float32)
        self._filter = FILTER.bind(self._taps)
        self._kept = np.zeros((taps.shape[1], taps.shape[2] - 1), np.float32)
        self.reset()
        # compiled or loaded now: an open microphone would lose sound meanwhile
        self.step(np.zeros((taps.shape[1], 1), np.float32))
        self.reset()

    def reset(self) -> None:
        """Forget all sound; the next sample is the first."""
        self._kept[:] = 0
        self._early = self.latency  # outputs still to be left out

    def step(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take (inputs, n); give (outputs, m), less than n only at the beginning."""
        x = np.concatenate([self._kept, x], axis=1)
        self._kept[:] = x[:, x.shape[1] - self._kept.shape[1] :]
        out = np.zeros((self._taps.shape[0], x.shape[1] - self._kept.shape[1]), np.float32)
        self._filter(x, out, PIECE)
        early = min(self._early, out.shape[1])
        self._early -= early
        return out[:, early:]

    def flush(self) -> NDArray[np.float32]:
        """The samples still held back; the next `step` begins a new signal."""
        rest = self.step(np.zeros((self._taps.shape[1], self.latency), np.float32))
        self.reset()
        return rest
