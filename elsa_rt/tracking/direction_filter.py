"""A direction that turns, estimated from noisy directions: a Kalman filter on the unit sphere.

The state is a unit vector and its angular velocity in the tangent plane there. What is measured is
taken into that plane by the logarithm of the sphere, what is found is taken back by its
exponential, and velocities are carried along great circles by parallel transport: nothing happens
at +-180 degrees or at the poles, and a source on a great circle is followed exactly. All noise is
the same in both axes of the plane, so one 2 x 2 covariance does for both.

Sources: Kalman filtering in tangent planes, Hauberg, Lauze and Pedersen, "Unscented Kalman
filtering on Riemannian manifolds" (2013). Motion of a sound source as a Langevin process (an
Ornstein-Uhlenbeck velocity), Vermaak and Blake, "Nonlinear filtering for speaker tracking in noisy
and reverberant environments" (2001).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Vector = tuple[float, float, float]
"""A unit vector, or a tangent one in radians or radians a second. Three numbers of Python: those
of NumPy take three times as long."""

Given = Sequence[float] | NDArray[np.floating]
"""The same as others have it."""

SPEED_SIGMA_DEG = 30.0
"""How fast sources turn: standard deviation of each axis of the velocity, degrees a second."""

SPEED_MEMORY_S = 4.0
"""For so long a velocity goes on, roughly."""

SILENT_MEMORY_S = 0.5
"""The same of a sound that is silent: where it went on to is anybody's guess."""


class DirectionFilter:
    """Direction and angular velocity of one sound.

    Parameters
    ----------
    direction : (3,) unit vector
        The first measurement.
    sigma : float, radians
        Standard deviation of each axis of it.

    Attributes
    ----------
    place : tuple of 3 float, a unit vector
        The direction.
    turning : tuple of 3 float
        The velocity, radians a second, tangent to it.
    """

    def __init__(self, direction: Given, sigma: float) -> None:
        self.place = _unit(*vector(direction))
        self.turning: Vector = 0.0, 0.0, 0.0
        self._place, self._cross = sigma**2, 0.0  # covariance of place and velocity, each axis
        self._speed = math.radians(SPEED_SIGMA_DEG) ** 2

    @property
    def direction(self) -> NDArray[np.float64]:
        """The direction (3,)."""
        return np.array(self.place)

    @property
    def velocity(self) -> NDArray[np.float64]:
        """The velocity (3,), radians a second."""
        return np.array(self.turning)

    @velocity.setter
    def velocity(self, velocity: Given) -> None:
        self.turning = vector(velocity)

    @property
    def variance(self) -> float:
        """Of each axis of the direction, in squared radians."""
        return self._place

    def predict(self, seconds: float, memory_s: float = SPEED_MEMORY_S) -> None:
        """Turn on for ``seconds``: the exact integral of an Ornstein-Uhlenbeck velocity."""
        kept = math.exp(-seconds / memory_s)
        reach = memory_s * (1 - kept)  # seconds that the velocity is good for
        x, y, z = self.turning
        self._move(reach * x, reach * y, reach * z)
        x, y, z = self.turning
        self.turning = kept * x, kept * y, kept * z
        usual = math.radians(SPEED_SIGMA_DEG) ** 2
        drift = seconds - 2 * reach + memory_s / 2 * (1 - kept**2)
        self._place += 2 * reach * self._cross + reach**2 * self._speed
        self._place += 2 * usual * memory_s * drift
        self._cross = kept * (self._cross + reach * self._speed) + usual * reach * (1 - kept)
        self._speed = kept**2 * self._speed + usual * (1 - kept**2)

    def surprise(self, angle: float, sigma: float) -> float:
        """Squared Mahalanobis distance of a measurement at ``angle``, radians.

        If it fits it is chi-squared, of two degrees of freedom.
        """
        return angle**2 / (self._place + sigma**2)

    def update(self, direction: Given, sigma: float) -> None:
        """Take a measurement (3,) with the standard deviation ``sigma`` of each axis, radians."""
        x, y, z = logarithm(self.place, direction)
        trust = self._place + sigma**2
        place_gain, speed_gain = self._place / trust, self._cross / trust
        u, v, w = self.turning
        self.turning = u + speed_gain * x, v + speed_gain * y, w + speed_gain * z
        self._move(place_gain * x, place_gain * y, place_gain * z)
        self._speed -= speed_gain * self._cross
        self._place *= 1 - place_gain
        self._cross *= 1 - place_gain

    def _move(self, x: float, y: float, z: float) -> None:
        """Go along the great circle that a tangent begins, in radians."""
        there = exponential(self.place, (x, y, z))
        # parallel transport along the short way; steps are far from half a turn
        along = _dot(self.turning, there) / (1 + _dot(self.place, there))
        (a, b, c), (d, e, f), (u, v, w) = self.place, there, self.turning
        self.turning = u - along * (a + d), v - along * (b + e), w - along * (c + f)
        self.place = there


def exponential(direction: Given, tangent: Given) -> Vector:
    """Point on the sphere reached from ``direction`` along ``tangent`` (radians)."""
    (a, b, c), (x, y, z) = vector(direction), vector(tangent)
    angle = math.sqrt(x * x + y * y + z * z)
    if angle < 1e-12:
        return a, b, c
    here, there = math.cos(angle), math.sin(angle) / angle
    return _unit(here * a + there * x, here * b + there * y, here * c + there * z)


def logarithm(direction: Given, other: Given) -> Vector:
    """The tangent at ``direction`` (3,) whose great circle reaches ``other`` (3,), radians.

    Of the many ways to the opposite point any one is taken.
    """
    here, there = vector(direction), vector(other)
    x, y, z = _across(here, there)
    size = math.sqrt(x * x + y * y + z * z)
    if size < 1e-12:
        if _dot(here, there) > 0:
            return 0.0, 0.0, 0.0
        least = min(range(3), key=lambda axis: abs(here[axis]))
        x, y, z = _across(here, (float(least == 0), float(least == 1), float(least == 2)))
        size = math.sqrt(x * x + y * y + z * z)
    scale = angle_between(here, there) / size
    return scale * x, scale * y, scale * z


def angle_between(one: Given, other: Given) -> float:
    """Radians between two unit vectors (3,), 0..pi; exact for small angles, too."""
    (a, b, c), (x, y, z) = vector(one), vector(other)
    return 2 * math.asin(min(math.sqrt((a - x) ** 2 + (b - y) ** 2 + (c - z) ** 2) / 2, 1.0))


def vector(given: Given) -> Vector:
    """Three numbers of Python."""
    if isinstance(given, np.ndarray):
        given = given.tolist()
    x, y, z = given
    return x, y, z


def length(given: Vector) -> float:
    """Of a vector."""
    return math.sqrt(_dot(given, given))


def _dot(one: Vector, other: Vector) -> float:
    return one[0] * other[0] + one[1] * other[1] + one[2] * other[2]


def _across(direction: Vector, other: Vector) -> Vector:
    """The part of ``other`` that is tangent at ``direction``."""
    along = _dot(other, direction)
    (a, b, c), (x, y, z) = direction, other
    return x - along * a, y - along * b, z - along * c


def _unit(x: float, y: float, z: float) -> Vector:
    size = math.sqrt(x * x + y * y + z * z)
    return x / size, y / size, z / size
