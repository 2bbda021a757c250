"""Two directions at once, from how the intensity of single bands and frames scatters.

Where two sounds are alive, each rules some bands and frames: their intensities gather around two
directions. A mixture of two such gatherings and of what comes from everywhere is fitted to the last
moments by expectation and maximisation (von Mises-Fisher densities of one width).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.features.intensity import FeatureSettings, direction_bands

Floats = NDArray[np.float32]

MEMORY_S = 0.4
"""What is fitted to: so much of the newest sound."""

CONCENTRATION = 8.0
"""Of a gathering: its points lie about 20 degrees from the middle."""

ROUNDS = 4
"""Of the fit at each step; it starts where that of the step before ended."""

LOUDNESS_POWER = 0.3
"""Exponent of a band's energy in its weight: the loud must not drown the soft."""


class TwoDirections(NamedTuple):
    """Two unit vectors (2, 3), the stronger first, and the shares (2,) of what comes from there."""

    direction: NDArray[np.float64]
    share: NDArray[np.float64]

    @property
    def apart_deg(self) -> float:
        """Angle between the two."""
        return math.degrees(math.acos(float(np.clip(np.dot(*self.direction), -1, 1))))


class DirectionMixture:
    """Follows the two directions of one stream, step by step.

    ``mel`` of a step is (frames, 8, mels), see `elsa_rt.features.intensity.Frames`.
    """

    def __init__(self, settings: FeatureSettings, step_frames: int) -> None:
        self._bands = slice(*direction_bands(settings))
        steps = max(1, round(MEMORY_S * settings.rate / (settings.hop * step_frames)))
        self._size = steps
        self.reset()

    def reset(self) -> None:
        """Forget all; the next step is the first."""
        self._steps: list[tuple[Floats, Floats]] = []
        self._found = TwoDirections(np.array([[1.0, 0, 0], [-1.0, 0, 0]]), np.zeros(2))

    def step(self, mel: Floats) -> TwoDirections:
        """Take the frames of one step."""
        active = mel[:, 1:4, self._bands].transpose(0, 2, 1).reshape(-1, 3)  # (n, 3)
        level = mel[:, 0, self._bands].reshape(-1)
        length = np.sqrt((active**2).sum(1))
        weight = length**2 * np.exp(LOUDNESS_POWER * level)
        self._steps.append((active / np.maximum(length, 1e-6)[:, None], weight))
        del self._steps[: -self._size]
        point = np.concatenate([points for points, _ in self._steps])
        weight = np.concatenate([weights for _, weights in self._steps])
        total = float(weight.sum())
        if total <= 0:
            return self._found
        share = (weight / total).astype(np.float32)
        self._found = fit(point, share, self._found.direction)
        return self._found


def fit(point: Floats, weight: Floats, start: NDArray[np.floating]) -> TwoDirections:
    """Fit to unit vectors (n, 3) with weights (n,) that sum to 1, from directions (2, 3) on.

    It starts twice, the second time from the mean and the heaviest gathering beside it, and the
    likelier fit counts.
    """
    middle = start.astype(np.float32)
    first = _unit(weight @ point)
    rest = weight * ((point @ first) < math.cos(math.radians(40)))
    starts = [middle, np.stack([first, _mode(point, rest, first)])]
    found = [_rounds(point, weight, one) for one in starts]
    likely = max(found, key=lambda one: one[2])
    order = np.argsort(-likely[1])
    return TwoDirections(likely[0][order].astype(float), likely[1][order].astype(float))


def _rounds(point: Floats, weight: Floats, middle: Floats) -> tuple[Floats, Floats, float]:
    share, likelihood = np.array([0.4, 0.4], np.float32), -math.inf
    peak = CONCENTRATION / (2 * math.pi * (1 - math.exp(-2 * CONCENTRATION)))
    everywhere = 1 / (4 * math.pi)
    for _ in range(ROUNDS):
        density = share * peak * np.exp(CONCENTRATION * (point @ middle.T - 1))  # (n, 2)
        whole = density.sum(1) + (1 - share.sum()) * everywhere
        mine = weight[:, None] * density / whole[:, None]
        likelihood = float(weight @ np.log(whole))
        share = mine.sum(0)
        share = np.minimum(share, 0.98 * share / max(float(share.sum()), 1e-9))
        middle = np.stack([_unit(mine[:, k] @ point, middle[k]) for k in range(2)])
    return middle, share, likelihood


def _mode(point: Floats, weight: Floats, other: Floats) -> Floats:
    """Around which of some of the points most weight lies."""
    heavy = np.argsort(-weight)[:24]
    if not weight[heavy[0]] > 0:
        return np.asarray(-other)
    near = np.exp(CONCENTRATION * (point[heavy] @ point.T - 1)) @ weight
    return np.asarray(point[heavy[int(near.argmax())]])


def _unit(vector: Floats, instead: Floats | None = None) -> Floats:
    length = float(np.linalg.norm(vector))
    if length < 1e-9:
        return np.array([1, 0, 0], np.float32) if instead is None else instead
    return np.asarray(vector / length, np.float32)
