"""Hours of a simulated home: what sounds while nobody waits for it, and single sounds to be found.

An hour of it is what "false alarms per hour" means for a bundle: `KINDS` says what it is made of.
Its sounds and rooms are those of one `Side`: of training, or of none; half of these are for
calibration alone, the other half for evaluation alone.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from elsa_rt.audio.ambisonics import rotate_foa, rotation
from elsa_rt.errors import UsageError
from export.acoustics.noise import Hiss, diffuse_noise
from export.scenes.places import Places
from export.scenes.studio import QUIET_DB
from export.settings import FEATURES, STEP_S
from export.synthesis.music import melody

RATE = FEATURES.rate

Side = Literal["training", "calibration", "evaluation"]

STREAM_S = 120.0
KINDS = {"quiet": 0.25, "home": 0.35, "talk": 0.15, "music": 0.1, "noise": 0.15}
"""Kinds of stream and their shares of the time."""

PAUSE_S = {"quiet": 60.0, "home": 25.0, "talk": 0.8, "music": 60.0, "noise": 45.0}
"""Mean silence between two sounds."""

BED_DBFS = {"quiet": (-80, -65), "home": (-70, -50), "talk": (-70, -50), "music": (-70, -50),
            "noise": (-50, -30)}  # fmt: skip
HISS_DBFS = (-95.0, -70.0)
SNR_DB = (0.0, 30.0)  # of a sound above the bed
TALK = ("speech", "man speaking", "woman speaking", "child speaking", "laughing", "shouting",
        "crowd", "coughing", "throat clearing")  # fmt: skip
HUM_S = (10.0, 60.0)  # between two changes of a steady noise
LOOP_S = 20.0
"""Noise of this length, made by a Fourier transform, goes on without a seam."""

TAUGHT_SHARE = 0.5
"""Of the sounds that are clips of training, where these are allowed."""

LEAD_S, TAIL_S = 2.0, 3.0
OCCASION_S = 4.0
PEAK = 0.7


class HomeEvent(NamedTuple):
    """A sound of a stream."""

    start_s: float  # when it arrives
    end_s: float  # when it stops at its source
    label: int  # -1 for what has none
    clip: int
    azimuth_deg: float
    elevation_deg: float


class HomeStream(NamedTuple):
    """AmbiX float32 (4, n) at `RATE` Hz, and what sounds in it."""

    foa: NDArray[np.float32]
    events: list[HomeEvent]


class World:
    """Streams of one side, each from a seed of its own.

    With ``taught`` clips of training sound beside those of no training: more kinds of sounds than
    either side has. They tell how prompts of other sounds fare, not how well their own label is
    known.
    """

    def __init__(self, work: Path, side: Side, taught: bool = False) -> None:
        with np.load(_there(work / "clips.npz")) as stored:
            self._samples, self._bounds = stored["samples"], stored["bounds"]
            self.label_of: NDArray[np.int64] = stored["label"]
            self.labels = [str(label) for label in stored["labels"]]
            self.trained = len(self.labels)
            if "unseen_labels" in stored:
                self.labels += [str(label) for label in stored["unseen_labels"]]
            held, unseen = stored["validation"], stored.get("unseen", np.zeros(len(self.label_of)))
            groups = [str(json.loads(str(about))["group"]) for about in stored["about"]]
        self.side, kept = side, np.asarray(held | (unseen > 0))
        training = np.flatnonzero(~kept)
        self._places = Places(_there(work / "rooms.npz").parent, validation=side != "training")
        self._rooms = np.arange(len(self._places))
        if side == "training":
            self.clips = training
        else:
            evaluation = side == "evaluation"
            self._rooms = self._rooms[int(evaluation) :: 2]
            self.clips = side_of(kept, self.label_of, groups, evaluation)
            if not self.clips.size:  # too few for two sides: of use to try the tools alone
                self.clips = np.flatnonzero(kept)
        if not self.clips.size or not self._rooms.size:
            raise UsageError(
                f"{work}: too few clips or rooms of {side}: run python -m export prepare with "
                "more of them"
            )
        self._hiss = Hiss(int(STREAM_S * RATE))
        self._by_label = {
            int(label): self.clips[self.label_of[self.clips] == label]
            for label in np.unique(self.label_of[self.clips])
        }
        self.taught = training if taught else np.empty(0, np.intp)
        self._taught_by_label = {
            int(label): self.taught[self.label_of[self.taught] == label]
            for label in np.unique(self.label_of[self.taught])
        }

    def stream(self, number: int) -> HomeStream:
        """The background stream ``number``; the same from the same number."""
        rng = np.random.default_rng([23 if self.side == "training" else 17, number])
        kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
        length = int(STREAM_S * RATE)
        bed = 10 ** (rng.uniform(*BED_DBFS[kind]) / 20)
        noise = diffuse_noise(int(LOOP_S * RATE), RATE, rng)
        foa = np.tile(np.float32(bed) * noise, round(STREAM_S / LOOP_S))
        if kind == "noise":
            foa *= _hum(length, rng)
        foa += self._hiss.draw(rng) * np.float32(10 ** (rng.uniform(*HISS_DBFS) / 20))
        events: list[HomeEvent] = []
        if kind == "music":
            tune = melody(STREAM_S, RATE, rng)
            self._add(foa, events, tune, 0, self._room(rng), bed, (-1, -1), rng)
        speakers = [self._room(rng) for _ in range(2)]
        at = rng.exponential(PAUSE_S[kind])
        while at < STREAM_S - 1:
            clip, mono = self._draw(rng, talk=kind == "talk")
            room = speakers[int(rng.integers(2))] if kind == "talk" else self._room(rng)
            about = int(self.label_of[clip]), clip
            self._add(foa, events, mono, int(at * RATE), room, bed, about, rng)
            at += mono.size / RATE + rng.exponential(PAUSE_S[kind])
        return HomeStream(_within(foa), events)

    def target(self, number: int, snr_db: float) -> HomeStream:
        """A single sound of a trained label in steady noise ``snr_db`` below it."""
        rng = np.random.default_rng([19, number])
        labels = [label for label in self._by_label if label < self.trained]
        label = labels[number % len(labels)]
        clip = int(rng.choice(self._by_label[label]))
        mono = self._clip(clip)
        length = mono.size + int((LEAD_S + TAIL_S) * RATE)
        foa = np.float32(10 ** (rng.uniform(-70, -45) / 20)) * diffuse_noise(length, RATE, rng)
        bed, events = float(np.sqrt((foa[0] ** 2).mean())), list[HomeEvent]()
        self._add(foa, events, mono, int(LEAD_S * RATE), self._room(rng), bed, (label, clip), rng,
                  snr_db)  # fmt: skip
        return HomeStream(_within(foa), events)

    def occasion(
        self, clip: int, room: tuple[int, float], snr_db: float, rng: np.random.Generator
    ) -> HomeStream:
        """``clip`` alone, up to `OCCASION_S` of it, at ``room`` (see `draw_room`) in noise.

        All occasions are of one length.
        """
        mono = self._clip(clip)[: int(OCCASION_S * RATE)]
        length = int((LEAD_S + OCCASION_S + TAIL_S) * RATE)
        foa = np.float32(10 ** (rng.uniform(-70, -50) / 20)) * diffuse_noise(length, RATE, rng)
        bed, events = float(np.sqrt((foa[0] ** 2).mean())), list[HomeEvent]()
        about = int(self.label_of[clip]), clip
        self._add(foa, events, mono, int(LEAD_S * RATE), room, bed, about, rng, snr_db)
        return HomeStream(_within(foa), events)

    def draw_room(self, rng: np.random.Generator) -> tuple[int, float]:
        """A place, and how far it is turned to the left, in degrees."""
        return self._room(rng)

    def _room(self, rng: np.random.Generator) -> tuple[int, float]:
        """A place, and how far it is turned to the left."""
        return int(rng.choice(self._rooms)), float(rng.uniform(-180, 180))

    def _clip(self, clip: int) -> NDArray[np.float32]:
        cut = self._samples[self._bounds[clip] : self._bounds[clip + 1]]
        return cut.astype(np.float32) / np.float32(32767)

    def _draw(self, rng: np.random.Generator, *, talk: bool) -> tuple[int, NDArray[np.float32]]:
        # turn about, so that labels which training has alone sound, too
        taught = bool(self._taught_by_label) and rng.random() < TAUGHT_SHARE
        clips = self._taught_by_label if taught else self._by_label
        mine = [label for label in clips if not talk or self.labels[label] in TALK]
        clip = int(rng.choice(clips[int(rng.choice(mine or list(clips)))]))
        return clip, self._clip(clip)

    def _add(
        self, foa: NDArray[np.float32], events: list[HomeEvent], mono: NDArray[np.float32],
        start: int,
        room: tuple[int, float], bed: float, about: tuple[int, int], rng: np.random.Generator,
        snr_db: float | None = None,
    ) -> None:  # fmt: skip
        """Play ``mono`` from ``start`` on; ``about`` it are its label and clip."""
        place, turn_deg = room
        response = self._places.responses(place)[0]
        turn = rotation(turn_deg, 0, 0)
        wet = fftconvolve(mono[None], rotate_foa(turn).astype(np.float32) @ response, axes=1)
        delay = int(np.abs(response[0]).argmax())
        loud = _loudness(mono, wet[0, delay:])
        level = bed * 10 ** ((rng.uniform(*SNR_DB) if snr_db is None else snr_db) / 20)
        wet = wet[:, : foa.shape[1] - start]
        foa[:, start : start + wet.shape[1]] += np.float32(level / max(loud, 1e-9)) * wet
        x, y, z = turn @ self._places.where(place, _first(self._places, place)).direction[0]
        first, last = (start + delay) / RATE, min(start + delay + mono.size, foa.shape[1]) / RATE
        angles = np.degrees([np.arctan2(y, x), np.arcsin(np.clip(z, -1, 1))])
        events.append(HomeEvent(first, last, *about, *map(float, angles)))


def side_of(
    held: NDArray[np.bool_], label: NDArray[np.int64], groups: list[str], evaluation: bool
) -> NDArray[np.intp]:
    """Clips (n,) of one side of those that are ``held`` from training.

    Recordings of one source, its group, are on one side. Of each label every other group goes to
    calibration; where there is but one, it is for evaluation.
    """
    mine: dict[str, bool] = {}
    for one in np.unique(label[held]):
        found = {groups[i] for i in np.flatnonzero(held & (label == one))}
        order = sorted(found, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
        for rank, group in enumerate(order):
            mine.setdefault(group, rank % 2 == 0)
    return np.array([i for i in np.flatnonzero(held) if mine[groups[i]] == evaluation], np.intp)


def _first(places: Places, place: int) -> NDArray[np.float32]:
    """Shares (points, 1) of a source that stands where its path begins."""
    shares = np.zeros((len(places.responses(place)), 1), np.float32)
    shares[0] = 1
    return shares


def _loudness(dry: NDArray[np.float32], wet: NDArray[np.float32]) -> float:
    """RMS of ``wet`` in the steps in which ``dry`` (n,), at the same time, is loud."""
    size = min(round(STEP_S * RATE), dry.size)
    count = min(dry.size, wet.size) // size
    source, heard = ((x[: count * size].reshape(count, size) ** 2).mean(1) for x in (dry, wet))
    return float(np.sqrt(heard[source >= source.max() * 10 ** (-QUIET_DB / 10)].mean()))


def _hum(length: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Gains (length,) of a noise that changes now and then by up to 10 dB."""
    at, knots = 0.0, [0.0]
    while at < length / RATE:
        at += rng.uniform(*HUM_S)
        knots += [at, at + rng.uniform(0.1, 3)]
    levels = np.repeat(10 ** (rng.uniform(-10, 0, (len(knots) + 1) // 2) / 20), 2)[: len(knots)]
    time = np.arange(length) / RATE
    return np.interp(time, knots, levels).astype(np.float32)


def _within(foa: NDArray[np.float32]) -> NDArray[np.float32]:
    return foa * np.float32(min(1.0, PEAK / max(float(np.abs(foa).max()), 1e-9)))


def _there(path: Path) -> Path:
    if not path.is_file():
        raise UsageError(f"reading {path}: there is no such file: run python -m export prepare")
    return path
