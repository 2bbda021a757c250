"""Stream time of each step, lost samples included."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from elsa_rt.audio.block import Block


class Timeline:
    """Sample-exact clock of one stream.

    The model hears the samples that came, spliced where some were lost. Sample p of it lies
    ``p * rate / model_rate`` source samples after the first, later by all losses before it.
    """

    def __init__(self, model_rate: int) -> None:
        self._model_rate = model_rate
        self.reset()

    def reset(self) -> None:
        """The next block is the first."""
        self._rate = 0
        self._start = 0  # index of the first sample that came
        self._count = 0  # samples that came
        self._gaps: deque[tuple[int, int]] = deque()  # (samples before it, samples lost), ahead
        self._lost = 0  # after the first sample, up to the last step
        self._lost_before = 0  # the first sample

    def add(self, block: Block) -> None:
        """Take note of the next block."""
        if not self._rate:
            self._rate = block.rate
            self._start, self._lost_before = block.start, block.dropped
        elif block.dropped:
            self._gaps.append((self._count, block.dropped))
        self._count += block.samples.shape[1]

    def at(self, model_sample: int) -> tuple[float, int]:
        """Seconds of the source at ``model_sample``, and samples lost until then.

        Ask in ascending order: what lies behind is forgotten.
        """
        while self._gaps and self._gaps[0][0] * self._model_rate < model_sample * self._rate:
            self._lost += self._gaps.popleft()[1]
        seconds = (self._start + self._lost) / self._rate + model_sample / self._model_rate
        return seconds, self._lost_before + self._lost

    def times(self, first: int, count: int) -> NDArray[np.float64]:
        """Seconds (count,) of the source at model samples from ``first`` on.

        They are not to lie before the last one that `at` was asked for.
        """
        samples = np.arange(first, first + count)
        lost = np.full(count, float(self._start + self._lost))
        for before, missing in self._gaps:
            lost[samples * self._rate >= before * self._model_rate] += missing
        return lost / self._rate + samples / self._model_rate
