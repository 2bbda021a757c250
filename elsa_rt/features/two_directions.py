"""Two directions at once, from how the intensity of single bands and frames scatters.

Where two sounds are alive, each rules some bands and frames: their intensities gather around two
directions. Intensities are gathered on the sphere and fade; those of a band that gets louder count,
those of its reverberation, which comes later and from elsewhere, hardly do (the precedence effect).
A mixture of two gatherings and of what comes from everywhere is fitted by expectation and
maximisation (von Mises-Fisher densities of one width): the directions to the last two seconds, the
shares to what is newer.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.features.direction_histogram import DirectionHistogram, cells_of
from elsa_rt.features.intensity import FeatureSettings, direction_bands
from elsa_rt.jit.kernel import Kernel

Floats = NDArray[np.float32]

DIRECTION_MEMORY_S, SHARE_MEMORY_S = 2.0, 0.3
"""Time constants of the two histograms: sounds stay where they are for longer than they sound."""

CONCENTRATION = 8.0
"""Of a gathering: its points lie about 20 degrees from the middle."""

ROUNDS = 4
"""Of the fit at each step; it starts where that of the step before ended."""

LOUDNESS_POWER = 0.3
"""Exponent of a band's energy in its weight: the loud must not drown the soft."""

START_SHARE = (0.4, 0.4)
"""Of the two gatherings, where a fit starts."""

PLANE_POWER = 4.0
"""Exponent of a band's intensity over its energy in its weight: near 1 one sound rules the band."""

ENVELOPE_DB_S = 22.3
"""How fast the envelope of a band falls; a band counts the less, the further below it lies."""


REFINE = Kernel("elsa_rt.features.two_directions_kernels", "refine", "f1 f2 f1 f2 f1 f1 i i")


class TwoDirections(NamedTuple):
    """Two unit vectors (2, 3), the stronger first, and the shares (2,) of what comes from there."""

    direction: NDArray[np.float64]
    share: NDArray[np.float64]

    @property
    def apart_deg(self) -> float:
        """Angle between the two."""
        return math.degrees(math.acos(float(np.clip(np.dot(*self.direction), -1, 1))))

    def strongest_first(self) -> TwoDirections:
        """The same, the direction with the larger share first."""
        order = np.argsort(-self.share)
        return TwoDirections(self.direction[order], self.share[order])


class DirectionMixture:
    """Follows the two directions of one stream, step by step.

    ``mel`` of a step is (frames, 8, mels), see `elsa_rt.features.intensity.Frames`.
    """

    def __init__(self, settings: FeatureSettings, step_frames: int) -> None:
        self._fit = MixtureFit()
        self._bands = slice(*direction_bands(settings))
        frame_s = settings.hop / settings.rate
        self._fall = np.float32(ENVELOPE_DB_S * frame_s * math.log(10) / 10)
        self._long, self._short = (
            DirectionHistogram(math.exp(-step_frames * frame_s / memory_s))
            for memory_s in (DIRECTION_MEMORY_S, SHARE_MEMORY_S)
        )
        self.reset()

    def reset(self) -> None:
        """Forget all; the next step is the first."""
        self._long.reset()
        self._short.reset()
        self._envelope: Floats | None = None
        self._found = TwoDirections(np.array([[1.0, 0, 0], [-1.0, 0, 0]]), np.zeros(2))

    def step(self, mel: Floats) -> TwoDirections:
        """Take the frames of one step."""
        active = mel[:, 1:4, self._bands].transpose(0, 2, 1)  # (frames, bands, 3)
        level = mel[:, 0, self._bands]
        length = np.sqrt((active**2).sum(2))
        weight = length**PLANE_POWER * np.exp(LOUDNESS_POWER * level - self._below(level))
        point = (active / np.maximum(length, 1e-6)[..., None]).reshape(-1, 3)
        cell = cells_of(point)
        for histogram in (self._long, self._short):
            histogram.add(point, weight.reshape(-1), cell)
        if not self._long.total > 0:
            return self._found
        found = self._fit.directions(*self._long.gathered(), self._found.direction)
        share = self._fit.shares(*self._short.gathered(), found.direction)
        self._found = TwoDirections(found.direction, share).strongest_first()
        return self._found

    def _below(self, level: Floats) -> Floats:
        """How far (frames, bands) of log power lies below the envelope of the frames before."""
        envelope = level[0] if self._envelope is None else self._envelope
        below = np.empty_like(level)
        for i, now in enumerate(level):
            below[i] = np.maximum(envelope - now, 0)
            envelope = np.maximum(now, envelope - self._fall)
        self._envelope = envelope
        return below


class MixtureFit:
    """Fits the mixture to unit vectors (n, 3) with weights (n,) that sum to 1."""

    def __init__(self) -> None:
        self._refine = REFINE.bind(np.array([CONCENTRATION], np.float32))

    def directions(
        self, point: Floats, weight: Floats, start: NDArray[np.floating]
    ) -> TwoDirections:
        """Directions and shares, from directions ``start`` (2, 3) on.

        It starts twice, the second time from the mean and the heaviest gathering beside it, and
        the likelier fit counts.
        """
        first = _unit(weight @ point)
        rest = weight * ((point @ first) < math.cos(math.radians(40)))
        starts = [start, np.stack([first, _mode(point, rest, first)])]
        found = [self._refined(point, weight, one, moves=True) for one in starts]
        likely, _ = max(found, key=lambda one: one[1])
        return likely.strongest_first()

    def shares(
        self, point: Floats, weight: Floats, middle: NDArray[np.floating]
    ) -> NDArray[np.float64]:
        """What share (2,) gathers around two directions that stay where they are."""
        return self._refined(point, weight, middle, moves=False)[0].share

    def _refined(
        self, point: Floats, weight: Floats, middle: NDArray[np.floating], *, moves: bool
    ) -> tuple[TwoDirections, float]:
        """A fit, and its log likelihood."""
        direction, share = middle.astype(np.float32), np.array(START_SHARE, np.float32)
        likelihood = np.zeros(1, np.float32)
        self._refine(point, weight, direction, share, likelihood, ROUNDS, moves)
        return TwoDirections(direction.astype(float), share.astype(float)), float(likelihood[0])


def _mode(point: Floats, weight: Floats, other: Floats) -> Floats:
    """Around which of some of the points most weight lies."""
    heavy = np.argsort(-weight)[:24]
    if not weight[heavy[0]] > 0:
        return np.asarray(-other)
    near = np.exp(CONCENTRATION * (point[heavy] @ point.T - 1)) @ weight
    return np.asarray(point[heavy[int(near.argmax())]])


def _unit(vector: Floats) -> Floats:
    length = float(np.linalg.norm(vector))
    if length < 1e-9:
        return np.array([1, 0, 0], np.float32)
    return np.asarray(vector / length, np.float32)
