"""The four channels that a calibration is about, from a file or a live source."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from elsa_rt.audio.block import Block
from elsa_rt.config import Config
from elsa_rt.errors import SourceError
from elsa_rt.microphones.library import profile_of
from elsa_rt.microphones.to_foa import pick_channels
from elsa_rt.microphones.usable import unusable
from elsa_rt.notices import OnNotice
from elsa_rt.sources.base import Source
from elsa_rt.sources.open import open_source

Samples = NDArray[np.float32]

CHUNK_S = 0.1
MOST_S = 30 * 60.0


class FourChannelReader:
    """Hears the chosen four channels of an open source.

    Attributes
    ----------
    numbers : as the device counts them, from 1
    rate : int, Hz
    dropped : int, samples lost so far
    """

    def __init__(self, source: Source, config: Config) -> None:
        self.name = source.name
        self.rate = source.rate
        self.numbers = pick_channels(profile_of(config), source.channels, source.name)
        self.dropped = 0
        self._chosen = np.array(self.numbers) - 1
        self._blocks = iter(source)

    def blocks(self, seconds: float) -> Iterator[Samples]:
        """Samples (4, n) that come next, some `CHUNK_S` at once, until there are ``seconds``.

        Raises
        ------
        SourceError
            The source ends before.
        """
        left = seconds * self.rate
        waiting: list[Samples] = []
        while left > 0:
            block = next(self._blocks, None)
            if block is None:
                raise SourceError(
                    f"{self.name} ended in the middle of the calibration: for recordings give "
                    "--noise and --claps"
                )
            self.dropped += block.dropped
            left -= block.samples.shape[1]
            waiting.append(self._four(block))
            if left <= 0 or sum(part.shape[1] for part in waiting) >= CHUNK_S * self.rate:
                yield np.concatenate(waiting, axis=1)
                waiting.clear()

    def _four(self, block: Block) -> Samples:
        """The chosen channels of ``block``, silence where they are no numbers."""
        chosen = block.samples[self._chosen]  # a copy
        chosen[unusable(chosen)] = 0
        return chosen

    def rest(self) -> Samples:
        """All that is left of a source that ends."""
        pieces, count = list[Samples](), 0
        for block in self._blocks:
            pieces.append(self._four(block))
            count += block.samples.shape[1]
            if count > MOST_S * self.rate:
                raise SourceError(
                    f"{self.name} is longer than {MOST_S / 60:.0f} minutes: cut out what a "
                    "calibration needs"
                )
        return np.concatenate([np.empty((4, 0), np.float32), *pieces], axis=1)


def read_recording(
    path: str, config: Config, on_notice: OnNotice
) -> tuple[Samples, int, tuple[int, ...]]:
    """The chosen four channels (4, n) of a file, its rate, and how it counts them."""
    with open_source(Path(path), config, on_notice) as source:
        ear = FourChannelReader(source, config)
        return ear.rest(), ear.rate, ear.numbers
