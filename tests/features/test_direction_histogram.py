"""Directions gathered on the sphere: what is kept, what fades, and what a reflection weighs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from elsa_rt.audio.ambisonics import angle_deg, direction_from_angles
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.features.direction_histogram import DirectionHistogram, cells_of
from elsa_rt.features.two_directions import DirectionMixture


def add(histogram: DirectionHistogram, point: np.ndarray) -> None:
    histogram.add(point, np.ones(len(point), np.float32), cells_of(point))


def points(*azimuths: float) -> np.ndarray:
    return np.stack([direction_from_angles(a, 0) for a in azimuths]).astype(np.float32)


@pytest.mark.parametrize("elevation", [-90, -89, -45, 0, 5, 89, 90])
@pytest.mark.parametrize("azimuth", [-180, -90.1, 0, 44.9, 179.9, 180])
def test_a_direction_comes_back_as_it_went_in(azimuth: float, elevation: float) -> None:
    histogram = DirectionHistogram(0.5)
    point = direction_from_angles(azimuth, elevation).astype(np.float32)
    add(histogram, point[None])
    found, weight = histogram.gathered()
    assert weight.tolist() == [1]
    assert angle_deg(found[0], point) < 0.1


def test_what_came_before_fades() -> None:
    histogram = DirectionHistogram(0.5)
    for azimuth in (0, 90, 180):
        add(histogram, points(azimuth))
    found, weight = histogram.gathered()
    of = {
        round(float(angle_deg(p, points(0)[0]))): float(w)
        for p, w in zip(found, weight, strict=True)
    }
    assert of == pytest.approx({0: 1 / 7, 90: 2 / 7, 180: 4 / 7})
    assert histogram.total == pytest.approx(1.75)
    histogram.reset()
    assert histogram.total == 0


def test_near_directions_share_a_cell_and_far_ones_do_not() -> None:
    histogram = DirectionHistogram(1.0)
    add(histogram, points(*np.arange(0.5, 360, 1.0)))
    found, weight = histogram.gathered()
    assert len(found) == 36
    np.testing.assert_allclose(weight, 1 / 36, rtol=1e-5)


def test_a_late_reflection_weighs_less_than_what_came_first(bundle: Path) -> None:
    """A burst from the left, its decay from the right: the decay is no second direction."""
    loaded = ModelBundle.load(bundle)
    frames = loaded.step_frames
    mixture = DirectionMixture(loaded.features, frames)
    left, right = points(90)[0], points(-90)[0]
    for step in range(12):
        mel = np.zeros((frames, 8, loaded.features.mels), np.float32)
        begins = step % 4 == 0
        mel[:, 0] = (0.0 if begins else -3.0 * (step % 4)) - 2
        mel[:, 1:4] = (left if begins else right)[None, :, None] * 0.95
        found = mixture.step(mel)
    assert angle_deg(found.direction[0], left) < 5
    assert found.share[1] < 0.25
