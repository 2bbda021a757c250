"""Two sounds at once: two more streams of the same encoder, while two directions are alive.

One stream hears the mixture, always. While the intensity of the bands gathers around two
directions (`elsa_rt.features.two_directions`), each of two further streams hears what comes from
one of them: a beam with a null on the other and, where the bundle has one, a mask of its slot
(`elsa_rt.encoder.slot_masks`). Two sounds are told while the two streams hear unlike things. The
further streams cost as much as the first each, and only then.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.encoder.output import EncoderOutput, EncoderStream
from elsa_rt.encoder.slot_masks import QUIET, MaskModel, SlotMasks
from elsa_rt.features.intensity import Frames, IntensityFeatures
from elsa_rt.features.two_directions import DirectionMixture, TwoDirections

Floats = NDArray[np.float32]

APART_DEG = 45.0
"""Nearer directions are one: a beam of first order cannot part them."""

STEADY_DEG = 30.0
"""Two directions that move more from step to step are not believed."""

FOLLOW = 0.3
"""Share of a new direction in the one that is listened to."""

PREROLL_STEPS = 5
"""Steps that the further streams hear at once when they begin: what led to them."""

MASK_SHARE = 0.5
"""Of the mixture under its mask in the log power that a slot hears; the rest is the beam's."""

LIKENESS_KEPT = 0.5
"""Share of the likeness of the steps before in that of a step."""

LOUD, SLOPE = -5.0, 1.5
"""Bands count from so far below the mean power on (natural logarithm), and how fast they do."""


class Watch(NamedTuple):
    """When the further streams run, and when two sounds are told.

    Attributes
    ----------
    share_begins, share_lasts : float
        What must come from the weaker direction for the streams to begin, and to go on.
    begin_steps, end_steps : int
        So many steps in a row must tell of two directions to begin, and not to end.
    alike : float
        Two slots whose embeddings are this alike are one sound and its reflection.
    split : float
        By how much less alike they must be for each neper (of power) that the mask takes from the
        louder bands of the slot that it takes less from: that of one sound is torn in two.
    """

    share_begins: float
    share_lasts: float
    begin_steps: int
    end_steps: int
    alike: float
    split: float


WITH_BEAMS = Watch(0.2, 0.1, 3, 6, 0.8, 0.0)
WITH_MASKS = Watch(0.12, 0.05, 2, 12, 0.94, 0.14)


class TwoSoundStream:
    """Wraps a stream of one slot into one of two; the second has activity 0 where there is none.

    ``block`` and ``latency`` are those of the encoder's own stream.
    """

    def __init__(
        self, bundle: ModelBundle, mixture: EncoderStream, slots: Sequence[EncoderStream],
        masks: MaskModel | None = None,
    ) -> None:  # fmt: skip
        self.block, self.latency = mixture.block, mixture.latency
        self._samples = bundle.step_samples
        self._stream, self._slots = mixture, slots
        self._directions = DirectionMixture(bundle.features, bundle.step_frames)
        self._beams = tuple(Beam(bundle) for _ in range(2))
        self._masks = None if masks is None else SlotMasks(masks)
        self._watch = WITH_BEAMS if masks is None else WITH_MASKS
        self.reset()

    def reset(self) -> None:
        """Forget all sound; the next sample is the first."""
        self._mel: Floats | None = None
        self._foa = np.zeros((4, 0), np.float32)
        self._stream.reset()
        self._directions.reset()
        self._before: list[tuple[Floats, Floats]] = []  # mel and FOA of the last steps
        self._towards: NDArray[np.float64] | None = None  # (2, 3) while two are alive
        self._waiting: TwoDirections | None = None
        self._count = 0  # steps that told of two, or, while two are alive, that did not
        self._likeness: float | None = None  # of what the slots hear

    def step(self, frames: Frames, foa: Floats) -> list[EncoderOutput]:
        """Take AmbiX ``foa`` (4, n) and the frames that it completed; two slots for each step."""
        mel = frames.mel if self._mel is None else np.concatenate([self._mel, frames.mel])
        foa = np.concatenate([self._foa, foa], axis=1)
        heard = []
        while len(mel) >= self.block:
            heard.append(self._hear(mel[: self.block], foa[:, : self._samples]))
            mel, foa = mel[self.block :], foa[:, self._samples :]
        self._mel, self._foa = mel.copy(), foa.copy()
        return heard

    def _hear(self, mel: Floats, foa: Floats) -> EncoderOutput:
        self._follow(self._directions.step(mel))
        (sound,) = self._stream.step(_frames(mel), foa)
        heard = _with_nothing(sound)
        if self._towards is not None:
            two, likeness = self._hear_two(mel, foa, self._towards)
            if likeness < self._watch.alike:
                heard = two
        self._before = [*self._before[1 - PREROLL_STEPS :], (mel, foa)]
        return heard

    def _follow(self, found: TwoDirections) -> None:
        """Decide whether two are alive, and where."""
        apart, weaker = found.apart_deg >= APART_DEG, float(found.share.min())
        if self._towards is None:
            seems = apart and weaker >= self._watch.share_begins
            steady = self._waiting is not None and _moved_deg(self._waiting, found) <= STEADY_DEG
            self._count = self._count + 1 if seems and steady else int(seems)
            self._waiting = found if seems else None
            if self._count >= self._watch.begin_steps:
                self._begin(found)
        elif apart and weaker >= self._watch.share_lasts:
            self._count = 0
            self._towards = _towards(self._towards, found.direction)
        else:
            self._count += 1
            if self._count >= self._watch.end_steps:
                self._towards, self._waiting, self._count = None, None, 0

    def _begin(self, found: TwoDirections) -> None:
        self._towards, self._count, self._likeness = found.direction, 0, None
        for k, (beam, stream) in enumerate(zip(self._beams, self._slots, strict=True)):
            beam.begin(found.direction[k], found.direction[1 - k])
            stream.reset()
        if self._masks is not None:
            self._masks.reset()
        for mel, foa in self._before:
            self._hear_two(mel, foa, found.direction)

    def _hear_two(
        self, mel: Floats, foa: Floats, towards: NDArray[np.float64]
    ) -> tuple[EncoderOutput, float]:
        """What the slots hear in a step, and how alike that is."""
        parts, kept = self._parted(mel, foa, towards)
        slots = []
        for frames, stream in zip(parts, self._slots, strict=True):
            (sound,) = stream.step(frames, foa)
            slots.append(sound)
        heard = EncoderOutput(*map(np.concatenate, zip(*slots, strict=True)))
        likeness = float(heard.embedding[0] @ heard.embedding[1]) - self._watch.split * kept
        before = likeness if self._likeness is None else self._likeness
        self._likeness = LIKENESS_KEPT * before + (1 - LIKENESS_KEPT) * likeness
        return heard, self._likeness

    def _parted(
        self, mel: Floats, foa: Floats, towards: NDArray[np.float64]
    ) -> tuple[list[Frames], float]:
        """What comes from each direction, and the mean log gain of the slot that keeps more."""
        beams = [
            beam.step(mel, foa, towards[k], towards[1 - k]) for k, beam in enumerate(self._beams)
        ]
        if self._masks is None:
            return beams, 0.0
        gain = self._masks.step(mel, np.stack([beam.mel[:, 0] for beam in beams]), towards)
        for beam, each in zip(beams, gain, strict=True):
            beam.mel[:, 0] += MASK_SHARE * (mel[:, 0] + each - beam.mel[:, 0])
        level = np.log(np.exp(mel[:, 0]).mean() + np.float32(QUIET))
        loud = 1 / (1 + np.exp((LOUD + level - mel[:, 0]) / SLOPE))
        return beams, float((loud * gain).sum((1, 2)).max() / loud.sum())


class Beam:
    """What arrives from one direction and not from another, in the form of the encoder's frames."""

    def __init__(self, bundle: ModelBundle) -> None:
        self._features = IntensityFeatures(bundle.features)
        self._pattern = np.zeros(4, np.float32)

    def begin(self, towards: NDArray[np.float64], away: NDArray[np.float64]) -> None:
        """The next step is the first."""
        self._features.reset()
        self._pattern = pattern(towards, away)

    def step(
        self, mel: Floats, foa: Floats, towards: NDArray[np.float64], away: NDArray[np.float64]
    ) -> Frames:
        """Frames of the beam; ``mel`` are those of ``foa`` (4, n) itself.

        The level is the beam's. The intensity of each band points at the direction as far as that
        of the mixture does; the rest counts as diffuse.
        """
        before, self._pattern = self._pattern, pattern(towards, away)
        fade = np.linspace(0, 1, foa.shape[1], dtype=np.float32)
        mono = (before @ foa) * (1 - fade) + (self._pattern @ foa) * fade
        heard = self._features.step(np.stack([mono, *np.zeros((3, mono.size), np.float32)])).mel
        unit = towards.astype(np.float32)
        along = np.clip(np.einsum("hxm,x->hm", mel[:, 1:4], unit), 0, 1)
        heard[:, 1:4] = unit[None, :, None] * along[:, None]
        heard[:, 4:7] = mel[:, 4:7]
        heard[:, 7] = 1 - along
        return _frames(heard)


def pattern(towards: NDArray[np.float64], away: NDArray[np.float64]) -> Floats:
    """Weights (4,) of AmbiX channels W, Y, Z, X: gain 1 at one direction, 0 at the other.

    Of all such patterns of first order the one that hears least of what comes from everywhere.
    """
    constraints = np.stack([[1, *towards], [1, *away]])  # rows on (w, x, y, z)
    spread = np.diag([1.0, 3.0, 3.0, 3.0])  # inverse of the diffuse power of W, X, Y, Z
    gain = spread @ constraints.T @ np.linalg.solve(constraints @ spread @ constraints.T, [1, 0])
    w, x, y, z = gain
    return np.array([w, y, z, x], np.float32)


def _towards(old: NDArray[np.float64], new: NDArray[np.float64]) -> NDArray[np.float64]:
    """The old directions moved to the new ones that they are nearest to."""
    if (old * new).sum() < (old * new[::-1]).sum():
        new = new[::-1]
    moved = (1 - FOLLOW) * old + FOLLOW * new
    return np.asarray(moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-9))


def _moved_deg(old: TwoDirections, new: TwoDirections) -> float:
    """How far the direction that moved more has moved."""
    cosine = old.direction @ new.direction.T
    straight, crossed = np.diag(cosine).min(), np.diag(cosine[:, ::-1]).min()
    return math.degrees(math.acos(min(1.0, max(-1.0, float(max(straight, crossed))))))


def _frames(mel: Floats) -> Frames:
    nothing = np.zeros(len(mel), np.float32)
    return Frames(np.ascontiguousarray(mel), np.zeros((len(mel), 3), np.float32), *3 * [nothing])


def _with_nothing(sound: EncoderOutput) -> EncoderOutput:
    """One slot with a second in which nothing sounds; it points where the first does."""
    return EncoderOutput(
        np.concatenate([sound.embedding, np.zeros_like(sound.embedding)]),
        np.concatenate([sound.direction, sound.direction]),
        np.concatenate([sound.activity, np.zeros_like(sound.activity)]),
        np.concatenate([sound.distance_m, np.full_like(sound.distance_m, np.nan)]),
    )
