"""Spatial scenes made on the fly: sounds in rooms, in diffuse noise, with the truth of every step.

A scene is reproducible from its seed. Features come from the device's own code.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from elsa_rt.audio.ambisonics import rotate_foa, rotation
from elsa_rt.features.intensity import IntensityFeatures
from export.acoustics.noise import DiffuseNoise, Hiss
from export.scenes.augment import colour
from export.scenes.casting import KINDS, Casting, CastSound, Clips
from export.scenes.places import Places, Where, draw_journey
from export.settings import FEATURES, STEP_S

SCENE_S = 4.0
SILENT = -1
"""Label and clip of a step in which nothing sounds."""

QUIET_DB = 30.0  # a step this far below the loudest of its sound does not count as active
MASKED_DB = 8.0  # nor does one this far below the background
SNR_DB = (0.0, 20.0, 35.0)  # worst, likeliest and best
CLEAN = 0.05  # share of scenes without any background
HISS_DB = (-100.0, -62.0)  # the microphone's own noise below full scale
DIGITAL = 0.4  # share of silent scenes in which even that is missing
PEAK_DB = (-50.0, -3.0)  # of a scene, below full scale
TURNED_DOWN = 0.5  # share of scenes heard through a preamplifier that is turned down, hiss and all
TURNED_DOWN_DB = 42.0  # by up to this
FAINTEST = 1e-3  # peak that is still made louder: below lie rounding errors of sounds gone by
CLIPPED = 0.03  # share of scenes that are too loud
TILT_DEG = 4.0  # microphones are never quite level

UNTAUGHT = np.zeros(0, np.float32)
"""In place of the teacher's embedding of a scene where there is no teacher."""


class Truth(NamedTuple):
    """What is so in each step; arrays of length steps."""

    label: NDArray[np.int64]  # SILENT where nothing sounds
    clip: NDArray[np.int64]
    direction: NDArray[np.float32]  # (steps, 3), zeros where nothing sounds
    distance: NDArray[np.float32]  # metres; NaN where unknown or nothing sounds, as all that follow
    t30: NDArray[np.float32]  # seconds
    floor: NDArray[np.float32]  # square metres


class Rendered(NamedTuple):
    """FOA float32 (4, n) at ``FEATURES.rate`` and the truth of its steps."""

    foa: NDArray[np.float32]
    truth: Truth


class Scene(NamedTuple):
    """Features (frames, 8, mels) float16 and the truth of its steps."""

    mel: NDArray[np.float16]
    truth: Truth
    taught: NDArray[np.float32] = UNTAUGHT


def analyse(rendered: Rendered, features: IntensityFeatures) -> Scene:
    """What the device makes of a scene."""
    features.reset()
    return Scene(features.step(rendered.foa).mel.astype(np.float16), rendered.truth)


class Part(NamedTuple):
    """One sound as it is heard."""

    sound: CastSound
    foa: NDArray[np.float32]  # (4, n)
    level: NDArray[np.float32]  # (steps,) RMS of W; 0 where the source is quiet
    where: Where  # in each step


class Studio:
    """Clips and places of one split, and scenes made of them."""

    def __init__(self, work: Path, validation: bool) -> None:
        self.settings = FEATURES
        self.rate = self.settings.rate
        self.clips = Clips(work, validation, self.rate)
        self.labels = self.clips.labels
        self._places = Places(work, validation)
        self._features = IntensityFeatures(self.settings)
        self._length, self._memory = int(SCENE_S * self.rate), self._places.memory
        self._casting = Casting(self.clips, self._places, self._length)
        self._background = DiffuseNoise(work, validation, self._length)
        self._hiss = Hiss(self._length)

    def scene(self, rng: np.random.Generator) -> Scene:
        """Make one scene."""
        return analyse(self.render(rng), self._features)

    def render(self, rng: np.random.Generator) -> Rendered:
        """Make one scene, as sound."""
        kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
        turn = rotation(rng.uniform(-180, 180), *rng.normal(0, TILT_DEG, 2))
        parts = [self._play(sound, turn, rng) for sound in self._casting.sounds(kind, rng)]
        floor, foa = 0.0, np.zeros((4, self._length), np.float32)
        for part in parts:
            foa += part.foa
        if kind != "silence" and (kind == "background" or rng.random() > CLEAN):
            floor = _signal_level(parts) * 10 ** (-rng.triangular(*SNR_DB) / 20)
            foa += np.float32(floor) * self._background.draw(rng)
        peak = max(float(np.abs(foa).max()), FAINTEST)
        wanted = 1.5 if rng.random() < CLIPPED else 10 ** (rng.uniform(*PEAK_DB) / 20)
        gain, hiss = wanted / peak, 0.0
        if kind != "silence" or rng.random() > DIGITAL:
            hiss = 10 ** (rng.uniform(*HISS_DB) / 20) / gain
            foa += np.float32(hiss) * self._hiss.draw(rng)
        if rng.random() < TURNED_DOWN:
            gain *= 10 ** (-rng.uniform(0, TURNED_DOWN_DB) / 20)
        foa *= np.float32(gain)
        return Rendered(np.clip(foa, -1, 1, out=foa), self._truth(parts, math.hypot(floor, hiss)))

    def _play(self, sound: CastSound, turn: NDArray[np.float64], rng: np.random.Generator) -> Part:
        """One sound in its room, with what it did before the scene still in the air."""
        mono = sound.mono[: self._length - sound.onset]
        journey = draw_journey(rng)
        shares = self._places.shares(sound.place, np.arange(mono.size) / mono.size, journey)
        turned = rotate_foa(turn).astype(np.float32) @ self._places.responses(sound.place)
        size = self._transform(mono.size)
        mixed = np.zeros((4, size // 2 + 1), np.complex64)
        for response, share in zip(turned, shares, strict=True):
            mixed += fft.rfft(mono * share, size) * fft.rfft(response, size)
        mixed *= colour(size, self.rate, rng)
        heard = self._on_stage(fft.irfft(mixed, size), sound.onset)
        source = _step_level(self._on_stage(mono[None], sound.onset)[0])
        wet = _step_level(heard[0])
        active = source > max(float(source.max()) * 10 ** (-QUIET_DB / 20), 1e-6)
        loud = float(np.sqrt((wet[active] ** 2).mean())) if active.any() else 1.0
        gain = np.float32(0.1 * sound.level / max(loud, 1e-6))
        middles = (np.arange(wet.size) + 0.5) * STEP_S * self.rate
        moments = (middles - sound.onset) / mono.size
        where = self._places.where(sound.place, self._places.shares(sound.place, moments, journey))
        where = where._replace(direction=where.direction @ turn.T)
        return Part(sound, heard * gain, np.where(active, wet * gain, 0), where)

    def _transform(self, samples: int) -> int:
        """Length of a transform for a sound of so many samples and its response.

        A sound longer than the scene began before it: what wraps around falls there. Half seconds
        of 32 kHz have small factors: they are faster than the next fast length.
        """
        half = self.rate // 2
        return math.ceil((min(samples, self._length) + self._memory) / half) * half

    def _on_stage(self, sound: NDArray[np.float32], onset: int) -> NDArray[np.float32]:
        """The part of ``sound`` (c, n) that falls into the scene (c, length)."""
        stage = np.zeros((len(sound), self._length), np.float32)
        begin = max(0, onset)
        part = sound[:, begin - onset :][:, : self._length - begin]
        stage[:, begin : begin + part.shape[1]] = part
        return stage

    def _truth(self, parts: Sequence[Part], floor: float) -> Truth:
        """The loudest sound of each step that the background does not mask."""
        steps = int(SCENE_S / STEP_S)
        unknown = np.full((3, steps), np.nan, np.float32)
        truth = Truth(np.full(steps, SILENT), np.full(steps, SILENT),
                      np.zeros((steps, 3), np.float32), *unknown)  # fmt: skip
        loudest = np.full(steps, floor * 10 ** (-MASKED_DB / 20))
        for part in parts:
            wins = part.level > loudest
            loudest = np.maximum(loudest, part.level)
            truth.label[wins] = self.clips.label_of[part.sound.clip]
            truth.clip[wins] = part.sound.clip
            truth.direction[wins] = part.where.direction[wins]
            truth.distance[wins] = part.where.distance[wins]
            truth.t30[wins], truth.floor[wins] = part.where.t30, part.where.floor
        return truth


def _step_level(mono: NDArray[np.float32]) -> NDArray[np.float32]:
    """RMS (steps,) of ``mono`` (n,)."""
    steps = mono.reshape(int(SCENE_S / STEP_S), -1)
    return np.asarray(np.sqrt((steps**2).mean(axis=1)), np.float32)


def _signal_level(parts: Sequence[Part]) -> float:
    """RMS of all active steps; a tenth where there are none."""
    levels = np.concatenate([part.level for part in parts]) if parts else np.zeros(0)
    heard = levels[levels > 0]
    return float(np.sqrt((heard**2).mean())) if heard.size else 0.1
