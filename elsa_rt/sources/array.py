"""Samples in memory as a source."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elsa_rt.audio.block import MAX_RATE_HZ, Block
from elsa_rt.errors import SourceError, UsageError
from elsa_rt.hints import coerce
from elsa_rt.sources.base import BLOCK_S, Source


def as_samples(given: Any, name: str) -> NDArray[Any]:
    """What was given as an array, be it nested lists.

    Raises
    ------
    SourceError
        No array can be made of it.
    """
    try:
        return np.asarray(given)
    except Exception as error:  # whatever a stranger's object raises, it is no array
        raise SourceError(f"{name} is no array of samples ({error}): give (channels, n)") from None


class ArraySource(Source):
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
        samples = as_samples(samples, name)
        rate, block = coerce(rate, int, "rate"), coerce(block, int | None, "block")
        if samples.dtype.kind != "f":
            raise SourceError(
                f"{name} holds {samples.dtype}: floats of full scale -1..1 are needed, "
                "e.g. samples / 32768 for int16"
            )
        if samples.ndim != 2 or samples.shape[1] < samples.shape[0]:
            raise SourceError(
                f"{name} has shape {samples.shape}: (channels, n) is needed, perhaps samples.T"
            )
        if not 1 <= rate <= MAX_RATE_HZ or (block is not None and block < 1):
            raise UsageError(
                f"{name}: rate {rate} Hz and block {block}: 1..{MAX_RATE_HZ} Hz and a positive "
                "block are possible"
            )
        self.name = name
        self.rate = rate
        self.channels = samples.shape[0]
        self._samples = samples.astype(np.float32)
        self._block = block or max(1, round(rate * BLOCK_S))

    def __iter__(self) -> Iterator[Block]:
        for start in range(0, self._samples.shape[1], self._block):
            yield Block(self._samples[:, start : start + self._block].copy(), self.rate, start)
