"""The Kalman filter on the sphere, against algebra, a textbook filter, and turned spheres."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from elsa_rt.audio.ambisonics import direction_from_angles
from elsa_rt.tracking.direction_filter import (
    SPEED_MEMORY_S,
    SPEED_SIGMA_DEG,
    DirectionFilter,
    angle_between,
    exponential,
    logarithm,
)

Floats = NDArray[np.float64]
SIGMA = math.radians(5.0)


def some_directions(count: int, seed: int = 0) -> Floats:
    vectors = np.random.default_rng(seed).normal(size=(count, 3))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def turned(seed: int) -> Floats:
    """A rotation (3, 3), any."""
    matrix, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return np.asarray(matrix * np.sign(np.linalg.det(matrix)))


def test_exponential_and_logarithm_are_inverse() -> None:
    for one, other in zip(some_directions(200), some_directions(200, 1), strict=True):
        tangent = logarithm(one, other)
        assert tangent @ one == pytest.approx(0, abs=1e-12)
        assert np.linalg.norm(tangent) == pytest.approx(math.acos(one @ other))
        np.testing.assert_allclose(exponential(one, tangent), other, atol=1e-12)


@pytest.mark.parametrize("azimuth_deg", [0.0, 90.0, 180.0, 33.0])
@pytest.mark.parametrize("elevation_deg", [0.0, 90.0, -90.0, 60.0])
def test_the_same_and_the_opposite_point(azimuth_deg: float, elevation_deg: float) -> None:
    here = direction_from_angles(azimuth_deg, elevation_deg)
    assert np.linalg.norm(logarithm(here, here)) == pytest.approx(0, abs=1e-7)
    across = logarithm(here, -here)
    assert np.linalg.norm(across) == pytest.approx(math.pi)
    np.testing.assert_allclose(exponential(here, across), -here, atol=1e-9)
    assert angle_between(here, -here) == pytest.approx(math.pi)


def test_a_velocity_goes_along_its_great_circle() -> None:
    heading = DirectionFilter(direction_from_angles(170.0, 0.0), SIGMA)
    speed = math.radians(90.0)
    heading.velocity = speed * direction_from_angles(-100.0, 0.0)  # to the left
    for _ in range(50):
        heading.predict(0.1)
    kept = math.exp(-5.0 / SPEED_MEMORY_S)
    gone = math.degrees(speed * SPEED_MEMORY_S * (1 - kept))
    want = direction_from_angles((170.0 + gone + 180) % 360 - 180, 0.0)
    np.testing.assert_allclose(heading.direction, want, atol=1e-9)
    assert np.linalg.norm(heading.velocity) == pytest.approx(speed * kept)
    assert heading.velocity @ heading.direction == pytest.approx(0, abs=1e-9)


def test_two_short_times_are_one_long_one() -> None:
    halves, whole = (DirectionFilter(direction_from_angles(20.0, 50.0), SIGMA) for _ in range(2))
    for heading in (halves, whole):
        heading.predict(0.1)
        heading.update(direction_from_angles(30.0, 55.0), SIGMA)
    halves.predict(0.3)
    halves.predict(0.5)
    whole.predict(0.8)
    np.testing.assert_allclose(halves.direction, whole.direction, atol=1e-12)
    np.testing.assert_allclose(halves.velocity, whole.velocity, atol=1e-12)
    probe = direction_from_angles(80.0, 10.0)
    assert halves.variance == pytest.approx(whole.variance)
    for heading in (halves, whole):
        heading.update(probe, SIGMA)  # the hidden parts of the covariance agree, too
    np.testing.assert_allclose(halves.velocity, whole.velocity, atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_no_direction_is_special(seed: int) -> None:
    """A turned world gives turned results: nothing happens at +-180 degrees or above."""
    rng = np.random.default_rng(seed)
    way = np.array([178, 70]) + np.cumsum(
        rng.normal(0, 4, (60, 2)), 0
    )  # around the back and the pole
    measured = np.array([direction_from_angles(*row) for row in way])
    matrix = turned(seed)
    plain, other = DirectionFilter(measured[0], SIGMA), DirectionFilter(matrix @ measured[0], SIGMA)
    for direction in measured[1:]:
        for heading, found in ((plain, direction), (other, matrix @ direction)):
            heading.predict(0.08)
            heading.update(found, SIGMA)
        np.testing.assert_allclose(other.direction, matrix @ plain.direction, atol=1e-9)
        np.testing.assert_allclose(other.velocity, matrix @ plain.velocity, atol=1e-9)


def test_in_a_small_patch_it_is_the_textbook_filter() -> None:
    """Against the plain linear filter, with its noise integrated numerically."""
    step_s, fine = 0.1, 4000
    rate, usual = 1 / SPEED_MEMORY_S, math.radians(SPEED_SIGMA_DEG) ** 2
    kept = math.exp(-rate * step_s)
    move = np.array([[1, (1 - kept) / rate], [0, kept]])
    times = (np.arange(fine) + 0.5) * step_s / fine
    reached = np.stack([(1 - np.exp(-rate * times)) / rate, np.exp(-rate * times)])
    noise = 2 * rate * usual * (reached @ reached.T) * step_s / fine
    state, covariance = np.zeros(2), np.diag([SIGMA**2, usual])
    heading = DirectionFilter(np.array([1.0, 0.0, 0.0]), SIGMA)
    for angle in np.random.default_rng(2).normal(0, 1e-5, 40):
        state, covariance = move @ state, move @ covariance @ move.T + noise
        gain = covariance[:, 0] / (covariance[0, 0] + SIGMA**2)
        state = state + gain * (angle - state[0])
        covariance = covariance - np.outer(gain, covariance[0])
        heading.predict(step_s)
        heading.update(np.array([math.cos(angle), math.sin(angle), 0.0]), SIGMA)
        assert heading.variance == pytest.approx(covariance[0, 0], rel=1e-5)
        assert heading.direction[1] == pytest.approx(state[0], rel=1e-4, abs=1e-10)
        assert heading.velocity[1] == pytest.approx(state[1], rel=1e-4, abs=1e-10)


def test_surprise_is_chi_squared() -> None:
    heading = DirectionFilter(direction_from_angles(0.0, 0.0), SIGMA)
    assert heading.surprise(math.radians(10.0), SIGMA) == pytest.approx(100 / 50)
    assert heading.surprise(0.0, SIGMA) == 0
