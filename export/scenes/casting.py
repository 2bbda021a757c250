"""Which sounds a scene has, where and when."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from export.scenes.augment import bend, repeat
from export.scenes.places import Places

KINDS = {"one": 0.42, "in turn": 0.26, "at once": 0.20, "background": 0.08, "silence": 0.04}
"""Kinds of scene and how often each is made."""

INTERFERER_DB = (3.0, 15.0)  # a sound of "at once" that is not the first is so much quieter
TURN_DB = 8.0  # sounds in turn differ by up to this
ALREADY_ON = 0.35  # share of scenes whose first sound began before
REPEATED = 0.25  # share of clips shorter than `SHORT_S` that come again and again
SHORT_S = 1.2
DOUBLED = 0.1  # share of sounds made of two clips of their label at one place
COMMON = 24.0  # clips of a label; more make it no likelier
RARITY = 0.4  # exponent that lets rare labels be heard more often than their few clips


@dataclass(frozen=True)
class CastSound:
    """One sound at one place, or on one path."""

    clip: int
    mono: NDArray[np.float32]
    place: int  # index of a place of the rooms
    onset: int  # samples from the scene's start; below 0 where it began before
    level: float


class Clips:
    """The clips of one split, drawn by label."""

    def __init__(self, work: Path, validation: bool, rate: int) -> None:
        with np.load(work / "clips.npz") as clips:
            self._samples, self._bounds = clips["samples"], clips["bounds"]
            self.labels = [str(label) for label in clips["labels"]]
            self.label_of = clips["label"]
            mine = (clips["validation"] == validation) & ~clips["unseen"]
        self.members = np.flatnonzero(mine)
        self.rate = rate
        self._present, counts = np.unique(self.label_of[self.members], return_counts=True)
        self._weight = np.minimum(counts, COMMON) ** RARITY
        self._weight /= self._weight.sum()

    def samples(self, clip: int) -> NDArray[np.float32]:
        """Samples of a clip, at most 1."""
        cut = self._samples[self._bounds[clip] : self._bounds[clip + 1]]
        return cut.astype(np.float32) / np.float32(32767)

    def draw(self, longest: int, rng: np.random.Generator) -> tuple[int, NDArray[np.float32]]:
        """A clip and its samples, perhaps cut, bent, repeated or doubled."""
        label = rng.choice(self._present, p=self._weight)
        same = self.members[self.label_of[self.members] == label]
        clip = int(rng.choice(same))
        mono = self.samples(clip)
        spare = mono.size - int(1.5 * self.rate)
        if spare > 0 and rng.random() < 0.6:
            mono = mono[int(rng.integers(spare)) :]
        mono = bend(mono[: int(1.2 * longest)], rng)
        if mono.size < SHORT_S * self.rate and rng.random() < REPEATED:
            mono = repeat(mono, longest, self.rate, rng)
        if rng.random() < DOUBLED:
            mono = self._double(mono, int(rng.choice(same)), rng)
        return clip, mono[:longest]

    def _double(
        self, mono: NDArray[np.float32], other: int, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        added = bend(self.samples(other), rng)[: mono.size]
        start = int(rng.integers(mono.size - added.size + 1))
        mixed = mono.copy()
        mixed[start : start + added.size] += added * np.float32(rng.uniform(0.2, 1))
        return mixed


class Casting:
    """Chooses the sounds of scenes of ``length`` samples, and what sounded before."""

    def __init__(self, clips: Clips, places: Places, length: int) -> None:
        self._clips, self._places, self._length = clips, places, length
        self._memory = places.memory

    def sounds(self, kind: str, rng: np.random.Generator) -> list[CastSound]:
        """Sounds of a scene of one of `KINDS`; the first is the loudest of those at once."""
        if kind in ("silence", "background"):
            return []
        first = self._first(rng)
        if kind == "one":
            return [first]
        if kind == "at once":
            level = 10 ** (-rng.uniform(*INTERFERER_DB) / 20)
            return [first, self.one(int(rng.uniform(-0.1, 0.6) * self._length), level, rng)]
        latest = self._length - int(0.5 * self._clips.rate)
        end = first.onset + first.mono.size
        if end > latest:
            return [first]
        start = int(rng.uniform(max(0, end - 0.1 * self._clips.rate), latest))
        return [first, self.one(start, 10 ** (rng.uniform(-TURN_DB, TURN_DB) / 20), rng)]

    def _first(self, rng: np.random.Generator) -> CastSound:
        if rng.random() > ALREADY_ON:
            return self.one(int(rng.uniform(0, 0.5) * self._length), 1.0, rng)
        clip, mono = self._clips.draw(self._length + self._memory, rng)
        past = min(self._memory, int(0.7 * mono.size))
        return CastSound(clip, mono, self._places.draw(rng), -int(rng.integers(past + 1)), 1.0)

    def one(self, onset: int, level: float, rng: np.random.Generator) -> CastSound:
        """Any sound at any place."""
        onset = max(onset, -self._memory)
        clip, mono = self._clips.draw(self._length - onset, rng)
        return CastSound(clip, mono, self._places.draw(rng), onset, level)
