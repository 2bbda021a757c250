"""Streaming sampling-rate conversion."""

from __future__ import annotations

from functools import lru_cache
from math import ceil

import numpy as np
import soxr
from numpy.typing import NDArray

QUALITY = "HQ"
"""soxr's recipe: 20 bits, flat to 0.91 of the lower Nyquist frequency, linear phase."""


@lru_cache
def latency(rate: int, model_rate: int) -> int:
    """By how many samples at ``model_rate`` the output can trail the input.

    soxr filters in blocks of its own choice, so the lag is measured: the largest seen while
    pushing silence, plus the pieces it was pushed in. 48 kHz to 32 kHz gives about
    590 samples (19 ms), most of them for its blocks and not for the filter's look-ahead.
    """
    stream = soxr.ResampleStream(rate, model_rate, 1, dtype="float32", quality=QUALITY)
    piece = np.zeros((max(1, rate // 4000), 1), np.float32)
    ratio = model_rate / rate
    given, largest = 0, 0.0
    for count in range(1, ceil(rate / 4 / len(piece)) + 1):
        given += len(stream.resample_chunk(piece))
        largest = max(largest, count * len(piece) * ratio - given)
    return ceil(largest + len(piece) * ratio)


class Resampler:
    """Float32 (channels, n) at ``rate`` to (channels, m) at ``model_rate``.

    The output is aligned with the input in time: sample k lies at ``k / model_rate`` seconds.
    It comes late by at most ``latency`` samples, and any split of the input gives the same bits.
    """

    def __init__(self, channels: int, rate: int, model_rate: int) -> None:
        self.latency = latency(rate, model_rate)
        self._nothing = np.empty((0, channels), np.float32)
        self._stream = soxr.ResampleStream(
            rate, model_rate, channels, dtype="float32", quality=QUALITY
        )

    def step(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take (channels, n); give the (channels, m) that are ready, perhaps none.

        Both lie in memory sample by sample, as soxr has them; others are copied.
        """
        ready: NDArray[np.float32] = self._stream.resample_chunk(np.ascontiguousarray(samples.T))
        return ready.T

    def flush(self) -> NDArray[np.float32]:
        """The samples still held back; the next `step` begins a new signal."""
        rest: NDArray[np.float32] = self._stream.resample_chunk(self._nothing, last=True)
        self.reset()
        return rest.T

    def reset(self) -> None:
        """Forget all sound; the next sample is the first."""
        self._stream.clear()
