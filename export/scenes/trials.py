"""A sound in a room in noise, rendered once for all bundles, and what each says of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from elsa_rt.audio.ambisonics import rotate_foa, rotation
from elsa_rt.config import Config
from elsa_rt.encoder.audio import AudioEncoder
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.features.intensity import IntensityFeatures
from export.acoustics.noise import diffuse_noise
from export.scenes.material import SEED, Clip, TrialRoom
from export.scenes.studio import MASKED_DB, QUIET_DB
from export.settings import FEATURES, STEP_S

SNRS_DB = (20.0, 10.0)
LEAD_S = 0.5  # of background before the sound
TAIL_S = 0.2  # and after it: its last step is whole whatever the step
PEAK = 0.3
RATE = FEATURES.rate


class About(NamedTuple):
    """What is so of a trial; NaN where it is not known."""

    clip: int
    label: int
    snr_db: float
    direction: NDArray[np.float64]  # (3,)
    distance_m: float
    t30_s: float
    floor_m2: float


class Wet(NamedTuple):
    """A clip in a room, without background."""

    foa: NDArray[np.float32]  # (4, n)
    dry: NDArray[np.float32]  # (n,) as it arrives by the direct way


class Staged(NamedTuple):
    """What is heard in a trial, at the training rate."""

    about: About
    foa: NDArray[np.float32]  # (4, n), with background
    wet: Wet
    floor: float  # RMS of the background that belongs to ``wet``


class Trial(NamedTuple):
    """What a bundle said, step by step; ``active`` are the steps in which the sound is heard."""

    about: About
    step_s: float
    embedding: NDArray[np.float32]  # (steps, 512)
    direction: NDArray[np.float64]  # (steps, 3)
    closed: NDArray[np.float64]  # (steps, 3) energy flow, not normalised
    said_m: NDArray[np.float64]  # (steps,)
    activity: NDArray[np.float64]  # (steps,)
    active: NDArray[np.bool_]  # (steps,)

    @property
    def whole(self) -> NDArray[np.float32]:
        """Embedding (512,) of the whole clip, not normalised: the sum over its active steps."""
        return np.asarray(self.embedding[self.active].sum(0))


def staged(
    clips: Sequence[Clip], rooms: Sequence[TrialRoom], snrs_db: Sequence[float] = SNRS_DB
) -> Iterator[Staged]:
    """Every clip at every SNR, each in a room drawn for it and turned at random."""
    for clip in clips:
        for snr_db in snrs_db:
            # of its own seed: other clips do not change it
            rng = np.random.default_rng([SEED, clip.number, int(snr_db)])
            room = rooms[int(rng.integers(len(rooms)))]
            yield stage(clip, room, rotation(rng.uniform(-180, 180), 0, 0), snr_db, rng)


def stage(
    clip: Clip, room: TrialRoom, turn: NDArray[np.float64], snr_db: float, rng: np.random.Generator
) -> Staged:
    """Render ``clip`` in ``room`` turned by ``turn`` (3, 3), with background."""
    wet = play(clip.samples, room, turn)
    floor = loudness(wet) * 10 ** (-snr_db / 20)
    foa = wet.foa + (floor * diffuse_noise(wet.dry.size, RATE, rng)).astype(np.float32)
    about = About(
        clip.number, clip.label, snr_db, turn @ room.direction, room.distance_m, room.t30_s,
        room.floor_m2,
    )  # fmt: skip
    return Staged(about, full_scale(foa), wet, floor)


def play(mono: NDArray[np.float32], room: TrialRoom, turn: NDArray[np.float64]) -> Wet:
    """``mono`` (n,) in a turned room, after `LEAD_S` of silence."""
    dry = np.pad(mono, (int(LEAD_S * RATE), int(TAIL_S * RATE)))
    response = rotate_foa(turn).astype(np.float32) @ room.response
    foa = fftconvolve(dry[None], response, axes=1)[:, : dry.size].astype(np.float32)
    delay = int(np.abs(response[0]).argmax())
    return Wet(foa, np.roll(dry, delay))


def full_scale(foa: NDArray[np.float32]) -> NDArray[np.float32]:
    """``foa`` with the peak `PEAK`."""
    return np.asarray(foa * (PEAK / np.abs(foa).max()), np.float32)


def loudness(wet: Wet) -> float:
    """RMS of W over the training steps in which the dry sound is loud."""
    dry, heard = (step_levels(x, STEP_S) for x in (wet.dry, wet.foa[0]))
    return float(np.sqrt((heard[_loud(dry)] ** 2).mean()))


def sounding(wet: Wet, floor: float, step_s: float) -> NDArray[np.bool_]:
    """(steps,): whether the direct sound is loud and not lost in a background of RMS ``floor``."""
    dry, heard = (step_levels(x, step_s) for x in (wet.dry, wet.foa[0]))
    return np.asarray(_loud(dry) & (heard > floor * 10 ** (-MASKED_DB / 20)))


def _loud(level: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray(level > level.max() * 10 ** (-QUIET_DB / 20))


def step_levels(mono: NDArray[np.float32], step_s: float) -> NDArray[np.float64]:
    """RMS of ``mono`` (n,) at the training rate in each whole step of ``step_s`` seconds."""
    steps = int(mono.size / (step_s * RATE) + 1e-9)
    edges = np.round(np.arange(steps + 1) * step_s * RATE).astype(int)
    power = np.concatenate([[0.0], np.cumsum(mono.astype(float) ** 2)])[edges]
    return np.asarray(np.sqrt(np.maximum(np.diff(power), 0) / np.diff(edges)))


class TrialReader:
    """A bundle as the device runs it, for one trial after another."""

    def __init__(self, bundle: ModelBundle) -> None:
        self.bundle = bundle
        self._features = IntensityFeatures(bundle.features)
        self._stream = AudioEncoder(bundle, Config(threads=1)).streams().lanes[0]

    def hear(self, trial: Staged) -> Trial:
        """Stream ``trial`` from a fresh start."""
        active = sounding(trial.wet, trial.floor, self.bundle.step_s)
        said = self.listen(trial.foa)
        steps = min(len(active), len(said[0]))  # resampling may round the last one away
        embedding, direction, closed, said_m, activity = (values[:steps] for values in said)
        return Trial(
            trial.about, self.bundle.step_s, embedding, direction, closed, said_m, activity,
            active[:steps],
        )  # fmt: skip

    def listen(self, foa: NDArray[np.float32]) -> tuple[NDArray[Any], ...]:
        """Embedding, direction, energy flow, distance and activity of each whole step."""
        rate, step = self.bundle.features.rate, self.bundle.step_frames
        if rate != RATE:
            foa = np.ascontiguousarray(soxr.resample(foa.T, RATE, rate).T)
        self._features.reset()
        self._stream.reset()
        frames = self._features.step(foa)
        sounds = self._stream.step(frames, foa)
        flow = frames.intensity[: len(sounds) * step].reshape(len(sounds), step, 3).sum(1)
        # of several slots the most active one answers
        slot = [int(sound.activity.argmax()) for sound in sounds]
        said = (
            np.stack([values[k] for values, k in zip(column, slot, strict=True)])
            for column in zip(*sounds, strict=True)
        )
        embedding, direction, activity, distance = said
        numbers = (direction, flow, distance, activity)
        return (embedding, *(values.astype(float) for values in numbers))
