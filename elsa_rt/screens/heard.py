"""Known sounds as they come and go: the answer to "what does it hear?" without any prompt."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from elsa_rt.encoder.output import SOUNDING
from elsa_rt.hearing import Hearing, Label

WINDOW = 6
"""Steps that are looked at together: labels of impulsive sounds flicker."""

NEEDED = 3
"""Steps of the window that must name the same sound."""

SILENT_S = 1.2
"""Seconds without the sound after which it is over."""


@dataclass(frozen=True)
class HeardSound:
    """A known sound that begins or ends."""

    state: Literal["start", "end"]
    name: str
    probability: float  # 0..1: the present one at the start, the highest at the end
    start_s: float  # stream time
    last_s: float
    azimuth_deg: float  # -180..180, left positive; where it was heard last
    elevation_deg: float  # -90..90
    words: str  # "behind, left"


def told_of(labels: Sequence[Label], told_from: float) -> Label | None:
    """The narrowest label that is sure enough to be told, of labels sorted by probability.

    From 0.5 on only a broader label and its narrower ones can be so sure together, and the
    narrower one is the less probable of them.
    """
    sure = [label for label in labels if label.probability >= max(told_from, 0.5)]
    return sure[-1] if sure else None


class HeardLog:
    """Follows which known sound is heard.

    Parameters
    ----------
    told_from : float, 0..1
        `KnownSounds.told_from`: probability from which a label is worth telling.
    """

    def __init__(self, told_from: float) -> None:
        self._told_from = told_from
        self._recent: deque[str | None] = deque(maxlen=WINDOW)
        self.now: HeardSound | None = None

    def step(self, hearing: Hearing) -> tuple[HeardSound, ...]:
        """Take one step; returns the sounds that ended and began with it."""
        label = told_of(hearing.labels, self._told_from)
        active = hearing.activity >= SOUNDING
        self._recent.append(label.name if label is not None else None)
        told: list[HeardSound] = []
        here = self.now
        if here is not None and label is not None and label.name == here.name and active:
            here = self.now = self._moved(here, hearing, label)
        if here is not None and hearing.time_s - here.last_s > SILENT_S:
            told.append(replace(here, state="end"))
            here = self.now = None
        new = label is not None and (here is None or here.name != label.name)
        if new and active and label and self._recent.count(label.name) >= NEEDED:
            if here is not None:
                told.append(replace(here, state="end"))
            self.now = self._begin(hearing, label)
            told.append(self.now)
        return tuple(told)

    def finish(self) -> tuple[HeardSound, ...]:
        """The stream is over: the sound that is still heard ends."""
        here, self.now = self.now, None
        return () if here is None else (replace(here, state="end"),)

    def _begin(self, hearing: Hearing, label: Label) -> HeardSound:
        return HeardSound(
            "start",
            label.name,
            label.probability,
            hearing.time_s,
            hearing.time_s,
            hearing.azimuth_deg,
            hearing.elevation_deg,
            hearing.words,
        )

    def _moved(self, here: HeardSound, hearing: Hearing, label: Label) -> HeardSound:
        return replace(
            here,
            probability=max(here.probability, label.probability),
            last_s=hearing.time_s,
            azimuth_deg=hearing.azimuth_deg,
            elevation_deg=hearing.elevation_deg,
            words=hearing.words,
        )
