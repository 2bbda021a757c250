"""Samples in memory as a source."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elsa_rt.audio.block import Block
from elsa_rt.errors import SourceError, UsageError
from elsa_rt.sources.base import BLOCK_S, Closing


class ArraySource(Closing):
    """Samples in memory, full scale -1..1.

    Parameters
    ----------
    samples : float (channels, n)
    rate : int, Hz
    block : int, samples, optional
        Length of the blocks; a tenth of a second unless told.
    """

    live = False

    def __init__(
        self, samples: NDArray[Any], rate: int, block: int | None = None, name: str = "array"
    ) -> None:
        samples = np.asarray(samples)
        if samples.dtype.kind != "f":
            raise SourceError(
                f"{name} holds {samples.dtype}: floats of full scale -1..1 are needed, "
                "e.g. samples / 32768 for int16"
            )
        if samples.ndim != 2 or samples.shape[1] < samples.shape[0]:
            raise SourceError(
                f"{name} has shape {samples.shape}: (channels, n) is needed, perhaps samples.T"
            )
        if rate < 1 or (block is not None and block < 1):
            raise UsageError(f"{name}: rate {rate} and block {block} must be positive")
        self.name = name
        self.rate = rate
        self.channels = samples.shape[0]
        self._samples = samples.astype(np.float32)
        self._block = block or max(1, round(rate * BLOCK_S))

    def __iter__(self) -> Iterator[Block]:
        for start in range(0, self._samples.shape[1], self._block):
            yield Block(self._samples[:, start : start + self._block].copy(), self.rate, start)
