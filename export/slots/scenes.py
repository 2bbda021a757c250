"""Scenes of two sounds at once, with what each of them is by itself.

A scene is four seconds of a mixture as the device hears it, two directions that a finder might
have given, the beams at them, and the truth: the level of each sound alone in every band and
frame, and what the student remembers of it when it hears it alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from elsa_rt.audio.ambisonics import angle_deg, rotation
from elsa_rt.encoder.slot_masks import mixture_of
from elsa_rt.encoder.two_sounds import APART_DEG, pattern
from elsa_rt.features.intensity import IntensityFeatures
from export.scenes.studio import PEAK_DB, TILT_DEG, Part, Studio
from export.student.model import Student

Floats = NDArray[np.float32]

ALONE = 0.12
"""Share of scenes with one sound: the other direction is where nothing is."""

SOFTER_DB = (0.0, 10.0)  # the second sound is so much quieter
SNR_DB = (12.0, 30.0)  # of the louder one over the diffuse background
ONSET = (-0.2, 0.35)  # of a sound, as a share of the scene
OFF_DEG = (3.0, 16.0)  # errors of directions: their standard deviation is drawn from here
ASTRAY = 0.1  # share of scenes of two in which one direction is where nothing is

NOTHING = -30.0
"""Log power of a sound in whose direction nothing is, and of all that is fainter."""


class TwoSounds(NamedTuple):
    """One scene."""

    mixture: Floats  # (5, frames, mels), see `elsa_rt.encoder.slot_masks.mixture_of`
    beams: Floats  # (2, frames, mels) log power of the beams at both directions
    alone: Floats  # (2, frames, mels) log power of each sound
    heard: Floats  # (2, steps, sound) what the student remembers of each
    directions: Floats  # (2, 3)
    present: Floats  # (2,) 1 where the direction is that of a sound


class PairStudio(Studio):
    """Makes scenes of two sounds of one split; ``student`` hears each sound alone."""

    def __init__(self, work: Path, validation: bool, student: Student) -> None:
        super().__init__(work, validation)
        self._student = student.eval()
        self._analysis = IntensityFeatures(self.settings)

    def pair(self, rng: np.random.Generator) -> TwoSounds:
        """Make one scene."""
        turn = rotation(rng.uniform(-180, 180), *rng.normal(0, TILT_DEG, 2))
        parts = self._parts(1 if rng.random() < ALONE else 2, turn, rng)
        floor = max(map(_loudness, parts)) * 10 ** (-rng.uniform(*SNR_DB) / 20)
        noise = np.float32(floor) * self._background.draw(rng)
        mixture = np.sum([part.foa for part in parts], axis=0) + noise
        peak = max(float(np.abs(mixture).max()), 1e-6)
        gain = np.float32(10 ** (rng.uniform(*PEAK_DB) / 20) / peak)
        alone = [part.foa * gain for part in parts]
        alone += [np.zeros_like(mixture)] * (2 - len(parts))
        directions, present = _found([_middle(part) for part in parts], rng)
        return self._scene(mixture * gain, alone, directions, present)

    def _parts(self, count: int, turn: NDArray[np.float64], rng: np.random.Generator) -> list[Part]:
        """Sounds that are far enough apart, the first the louder one."""
        softer = 10 ** (-rng.uniform(*SOFTER_DB) / 20)
        parts: list[Part] = []
        while len(parts) < count:
            onset = int(rng.uniform(*ONSET) * self._length)
            level = softer if parts else 1.0
            part = self._play(self._casting.one(onset, level, rng), turn, rng)
            near = parts and angle_deg(_middle(part), _middle(parts[0])) < APART_DEG
            if part.level.any() and not near:
                parts.append(part)
        return parts

    def _scene(
        self, mixture: Floats, alone: Sequence[Floats], directions: Floats, present: Floats
    ) -> TwoSounds:
        first, second = directions.astype(float)
        patterns = pattern(first, second), pattern(second, first)
        beams = np.stack([self._level(each @ mixture) for each in patterns])
        apart = np.stack([self._frames(each) for each in alone])
        with torch.inference_mode():
            heard = self._student(torch.from_numpy(apart))[0].sound.numpy()
        levels = np.where(present[:, None, None] > 0, apart[:, :, 0], NOTHING)
        return TwoSounds(
            mixture_of(self._frames(mixture)), beams, np.maximum(levels, NOTHING), heard,
            directions, present,
        )  # fmt: skip

    def _frames(self, foa: Floats) -> Floats:
        self._analysis.reset()
        return self._analysis.step(foa).mel

    def _level(self, mono: Floats) -> Floats:
        """Log power (frames, mels) of one channel."""
        return self._frames(np.stack([mono, *np.zeros((3, mono.size), np.float32)]))[:, 0]


def _loudness(part: Part) -> float:
    heard = part.level[part.level > 0]
    return float(np.sqrt((heard**2).mean()))


def _middle(part: Part) -> NDArray[np.float64]:
    """Direction of a sound, in the middle of it if it moves."""
    steps = np.flatnonzero(part.level > 0)
    return part.where.direction[steps[steps.size // 2] if steps.size else 0]


def _found(truth: Sequence[NDArray[np.float64]], rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Directions (2, 3) as a finder gives them, and which of them (2,) belong to a sound."""
    off = math.radians(rng.uniform(*OFF_DEG))
    found = [_unit(each + rng.normal(0, off, 3)) for each in truth]
    if len(found) == 1:
        return np.array([*found, _elsewhere(truth, found[0], rng)], np.float32), _flags(1, 0)
    if rng.random() >= ASTRAY:
        return np.array(found, np.float32), _flags(1, 1)
    astray = int(rng.integers(2))
    found[astray] = _elsewhere(truth, found[1 - astray], rng)
    return np.array(found, np.float32), _flags(astray, 1 - astray)


def _flags(*present: int) -> Floats:
    return np.array(present, np.float32)


def _elsewhere(
    truth: Sequence[NDArray[np.float64]], other: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """A direction away from ``other`` and from all sounds."""
    while True:
        one = _unit(rng.normal(0, [1, 1, 0.5]))
        if all(angle_deg(one, each) >= APART_DEG for each in (other, *truth)):
            return one


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(vector / np.linalg.norm(vector))
