"""Presence of a sound in front of the background, from the level alone."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable

from elsa_rt.features.intensity import FeatureSettings

MEAN_S = 0.05
"""The level is the mean power of so many seconds."""

RISE_DB_PER_S = 2.0
"""The floor rises so fast at most: what goes on for long becomes background."""

FIRST_FLOOR_DB = -65.0
"""The floor before anything was heard, in dBFS: a recording may begin with its sound."""

MIN_FLOOR_DB = -90.0

HALF_DB, SPREAD_DB = 10.0, 2.0
"""So far above the floor a sound is as likely there as not, and how fast that changes."""


class Presence:
    """Follows the level of W and, below it, a floor that falls at once and rises slowly.

    ``block`` and ``latency`` count frames.
    """

    block = 1
    latency = 1

    def __init__(self, settings: FeatureSettings) -> None:
        hop_s = settings.hop / settings.rate
        self._recent: deque[float] = deque(maxlen=max(1, round(MEAN_S / hop_s)))
        self._rise = _power(RISE_DB_PER_S * hop_s)
        self._partial = math.ceil(settings.window / settings.hop)
        self.reset()

    def reset(self) -> None:
        """Forget all frames; the next is the first."""
        self._recent.clear()
        self._floor = _power(FIRST_FLOOR_DB)
        self._skip = self._partial  # frames that look at the silence before the stream, too

    def step(self, power: Iterable[float]) -> list[float]:
        """Take the power of frames; returns how many times the floor each level is, >= 1."""
        return [self._follow(float(value)) for value in power]

    def _follow(self, power: float) -> float:
        self._recent.append(power)
        level = sum(self._recent) / len(self._recent)
        if self._skip:
            self._skip -= 1
            if not self._skip:
                self._recent.clear()
        else:
            self._floor = min(self._floor * self._rise, max(level, _power(MIN_FLOOR_DB)))
        return max(level / self._floor, 1.0)


def activity(above: float) -> float:
    """Activity 0..1 of a level that is ``above`` times the floor, a power ratio >= 1."""
    return 1 / (1 + math.exp((HALF_DB - 10 * math.log10(above)) / SPREAD_DB))


def _power(decibels: float) -> float:
    return 10 ** (decibels / 10)
