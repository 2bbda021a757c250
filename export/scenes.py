"""Spatial scenes made on the fly: sounds in rooms, in diffuse noise, with the truth of every step.

A scene is reproducible from its seed. Features come from the device's own code.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from elsa_rt.audio.ambisonics import rotate_foa, rotation
from elsa_rt.features.intensity import IntensityFeatures
from export.settings import FEATURES, STEP_S

SCENE_S = 4.0
SILENT = -1
"""Label and clip of a step in which nothing sounds."""

QUIET_DB = 30.0  # a step this far below the loudest of its sound does not count as active
MASKED_DB = 8.0  # nor does one this far below the background
BACKGROUND_ONLY = 0.08  # share of scenes without any sound
TWO_SOUNDS = 0.35  # share of scenes with a second one
TILT_DEG = 4.0  # microphones are never quite level


class Truth(NamedTuple):
    """What is so in each step; arrays of length steps."""

    label: NDArray[np.int64]  # SILENT where nothing sounds
    clip: NDArray[np.int64]
    direction: NDArray[np.float32]  # (steps, 3), zeros where nothing sounds
    distance: NDArray[np.float32]  # metres


class Scene(NamedTuple):
    """Features (frames, 8, mels) float16 and the truth of its steps."""

    mel: NDArray[np.float16]
    truth: Truth


@dataclass(frozen=True)
class Sound:
    """One clip at one place."""

    clip: int
    room: int
    skip: int  # samples of the clip's head that are left out
    onset: int  # samples from the scene's start
    level: float


class Studio:
    """Clips, responses and background of one split, and scenes made of them."""

    def __init__(self, work: Path, validation: bool) -> None:
        self.settings = FEATURES
        self.rate = self.settings.rate
        with np.load(work / "clips.npz") as clips:
            self._samples, self._bounds = clips["samples"], clips["bounds"]
            self.labels = [str(label) for label in clips["labels"]]
            self.label_of = clips["label"]
            self.clips = np.flatnonzero(clips["validation"] == validation)
        with np.load(work / "rooms.npz") as rooms:
            mine = np.flatnonzero(rooms["validation"] == validation)
            self._responses = rooms["responses"][mine]
            self._direction = rooms["direction"][mine]
            self._distance = rooms["distance"][mine]
        # rare labels are heard more often than their few clips, but not as often as the rich
        present, counts = np.unique(self.label_of[self.clips], return_counts=True)
        self._label_choice = present
        self._label_weight = np.minimum(counts, 24.0) ** 0.4
        self._label_weight /= self._label_weight.sum()
        self._features = IntensityFeatures(self.settings)
        self._length = int(SCENE_S * self.rate)
        self._size = fft.next_fast_len(self._length + self._responses.shape[2], real=True)

    def scene(self, rng: np.random.Generator) -> Scene:
        """Make one scene."""
        turn = rotation(rng.uniform(-180, 180), *rng.normal(0, TILT_DEG, 2))
        foa = np.zeros((4, self._length), np.float32)
        parts = []
        for sound in self._cast(rng):
            heard, envelope = self._play(sound, turn, rng)
            foa += heard
            parts.append((sound, envelope))
        noise = diffuse_noise(self._length, self.rate, rng)
        floor = self._background_level(parts, rng)
        foa += floor * noise
        gain = 10 ** (rng.uniform(-50, -3) / 20) / max(float(np.abs(foa).max()), 1e-9)
        foa = np.clip(foa * gain * (1.5 if rng.random() < 0.03 else 1), -1, 1)
        self._features.reset()
        mel = self._features.step(foa).mel
        return Scene(mel.astype(np.float16), self._truth(parts, floor, turn))

    def _cast(self, rng: np.random.Generator) -> list[Sound]:
        """Which sounds, where and when: one after another with a possible short overlap."""
        if rng.random() < BACKGROUND_ONLY:
            return []
        onset = 0 if rng.random() < 0.25 else int(rng.uniform(0, 0.5) * self._length)
        first = self._choose(onset, 1.0, rng)
        end = onset + self._clip(first.clip).size - first.skip
        latest = self._length - int(0.5 * self.rate)
        if rng.random() > TWO_SOUNDS or end > latest:
            return [first]
        start = int(rng.uniform(max(0, end - 0.1 * self.rate), latest))
        return [first, self._choose(start, 10 ** (rng.uniform(-8, 8) / 20), rng)]

    def _choose(self, onset: int, level: float, rng: np.random.Generator) -> Sound:
        label = rng.choice(self._label_choice, p=self._label_weight)
        clip = int(rng.choice(self.clips[self.label_of[self.clips] == label]))
        spare = self._clip(clip).size - int(1.5 * self.rate)
        skip = int(rng.integers(spare)) if spare > 0 and rng.random() < 0.6 else 0
        return Sound(clip, int(rng.integers(len(self._responses))), skip, onset, level)

    def _clip(self, clip: int) -> NDArray[np.float32]:
        cut = self._samples[self._bounds[clip] : self._bounds[clip + 1]]
        return cut.astype(np.float32) / np.float32(32767)

    def _play(
        self, sound: Sound, turn: NDArray[np.float64], rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """FOA (4, n) of one sound in its room, and its dry level in each step."""
        mono = bend(self._clip(sound.clip), rng)
        dry = np.zeros(self._length, np.float32)
        cut = mono[sound.skip :][: self._length - sound.onset]
        dry[sound.onset : sound.onset + cut.size] = cut
        spectrum = fft.rfft(dry, self._size) * colour(self._size, self.rate, rng)
        response = rotate_foa(turn).astype(np.float32) @ self._responses[sound.room].astype(
            np.float32
        )
        heard = fft.irfft(spectrum * fft.rfft(response, self._size), self._size)[:, : self._length]
        loudness = sound.level / max(float(np.sqrt((heard[0] ** 2).mean())), 1e-6) * 0.1
        delay = int(self._distance[sound.room] / 343 * self.rate)
        envelope = _step_level(np.roll(dry, delay), self.rate)
        wet = _step_level(heard[0] * loudness, self.rate)
        active = envelope > envelope.max(initial=1e-6) * 10 ** (-QUIET_DB / 20)
        return (heard * loudness).astype(np.float32), np.where(active, wet, 0)

    def _background_level(
        self, parts: list[tuple[Sound, NDArray[np.float32]]], rng: np.random.Generator
    ) -> float:
        """RMS of the background from an SNR of 35 to 0 dB, mostly the better ones."""
        levels = [envelope[envelope > 0] for _, envelope in parts]
        heard = np.concatenate([*levels, np.zeros(0, np.float32)])
        signal = float(np.sqrt((heard**2).mean())) if heard.size else 0.1
        return signal * 10 ** (-rng.triangular(0, 20, 35) / 20)

    def _truth(
        self,
        parts: list[tuple[Sound, NDArray[np.float32]]],
        floor: float,
        turn: NDArray[np.float64],
    ) -> Truth:
        steps = int(SCENE_S / STEP_S)
        truth = Truth(
            np.full(steps, SILENT), np.full(steps, SILENT), np.zeros((steps, 3), np.float32),
            np.zeros(steps, np.float32),
        )  # fmt: skip
        loudest = np.full(steps, floor * 10 ** (-MASKED_DB / 20))
        for sound, envelope in parts:
            wins = envelope > loudest
            loudest = np.maximum(loudest, envelope)
            truth.label[wins] = self.label_of[sound.clip]
            truth.clip[wins] = sound.clip
            truth.direction[wins] = turn @ self._direction[sound.room]
            truth.distance[wins] = self._distance[sound.room]
        return truth


def _step_level(mono: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    steps = mono.reshape(-1, int(STEP_S * rate))
    return np.asarray(np.sqrt((steps**2).mean(axis=1)), np.float32)


def bend(mono: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Play half of the clips up to 12 % faster or slower."""
    if rng.random() < 0.5:
        return mono
    speed = rng.uniform(0.88, 1.12)
    where = np.arange(0, mono.size - 1, speed)
    return np.interp(where, np.arange(mono.size), mono).astype(np.float32)


def colour(size: int, rate: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Gain (size // 2 + 1,) of a random smooth loudspeaker, its distance, and dull rooms."""
    frequency = fft.rfftfreq(size, 1 / rate)
    knots = np.geomspace(60, rate / 2, 8)
    octaves = np.log2((frequency + 30) / 500)
    gain_db = np.interp(np.log(frequency + 30), np.log(knots), rng.normal(0, 3, knots.size))
    gain_db += rng.normal(-0.8, 0.8) * octaves
    return (10 ** (gain_db / 20)).astype(np.float32)


def diffuse_noise(length: int, rate: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Isotropic background (4, length) AmbiX with a random slope and hum; W has RMS 1.

    In a diffuse field Y, Z and X are uncorrelated with W and carry a third of its power each.
    """
    size = fft.next_fast_len(length, real=True)
    frequency = np.maximum(fft.rfftfreq(size, 1 / rate), 20.0)
    noise = rng.standard_normal((4, size), np.float32)
    shape = frequency ** rng.uniform(-1.1, 0.1)
    for _ in range(int(rng.integers(0, 4))):
        centre, width = np.exp(rng.uniform(np.log(60), np.log(6000))), rng.uniform(0.02, 0.6)
        bump = np.exp(-((np.log(frequency / centre) / width) ** 2))
        shape = shape * (1 + rng.uniform(0, 8) * bump)
    noise = fft.irfft(fft.rfft(noise) * shape.astype(np.float32), size)[:, :length]
    noise *= np.array([1, 3**-0.5, 3**-0.5, 3**-0.5], np.float32)[:, None]
    return np.asarray(noise / np.sqrt((noise[0] ** 2).mean()), np.float32)
