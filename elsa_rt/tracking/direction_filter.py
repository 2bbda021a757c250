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

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
"""(3,): a unit vector, or a tangent one in radians or radians a second."""

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
    direction : (3,) unit vector
    velocity : (3,) radians a second, tangent to it
    """

    def __init__(self, direction: NDArray[np.floating], sigma: float) -> None:
        self.direction: Vector = _unit(np.asarray(direction, np.float64))
        self.velocity: Vector = np.zeros(3)
        self._place, self._cross = sigma**2, 0.0  # covariance of place and velocity, each axis
        self._speed = math.radians(SPEED_SIGMA_DEG) ** 2

    @property
    def variance(self) -> float:
        """Of each axis of the direction, in squared radians."""
        return self._place

    def predict(self, seconds: float, memory_s: float = SPEED_MEMORY_S) -> None:
        """Turn on for ``seconds``: the exact integral of an Ornstein-Uhlenbeck velocity."""
        kept = math.exp(-seconds / memory_s)
        reach = memory_s * (1 - kept)  # seconds that the velocity is good for
        self._move(reach * self.velocity)
        self.velocity *= kept
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

    def update(self, direction: NDArray[np.floating], sigma: float) -> None:
        """Take a measurement (3,) with the standard deviation ``sigma`` of each axis, radians."""
        off = logarithm(self.direction, np.asarray(direction, np.float64))
        trust = self._place + sigma**2
        place_gain, speed_gain = self._place / trust, self._cross / trust
        self.velocity += speed_gain * off
        self._move(place_gain * off)
        self._speed -= speed_gain * self._cross
        self._place *= 1 - place_gain
        self._cross *= 1 - place_gain

    def _move(self, tangent: Vector) -> None:
        """Go along the great circle that ``tangent`` (3,) begins, in radians."""
        there = exponential(self.direction, tangent)
        # parallel transport along the short way; steps are far from half a turn
        both = self.direction + there
        along = float(self.velocity @ there) / (1 + float(self.direction @ there))
        self.velocity = self.velocity - along * both
        self.direction = there


def exponential(direction: Vector, tangent: Vector) -> Vector:
    """Point on the sphere reached from ``direction`` along ``tangent`` (radians)."""
    angle = length(tangent)
    if angle < 1e-12:
        return direction
    return _unit(math.cos(angle) * direction + math.sin(angle) / angle * tangent)


def logarithm(direction: Vector, other: Vector) -> Vector:
    """The tangent at ``direction`` (3,) whose great circle reaches ``other`` (3,), radians.

    Of the many ways to the opposite point any one is taken.
    """
    across = other - float(direction @ other) * direction
    if length(across) < 1e-12:
        if float(direction @ other) > 0:
            return np.zeros(3)
        axis = np.eye(3)[int(np.abs(direction).argmin())]
        across = axis - float(axis @ direction) * direction
    return np.asarray(across * (angle_between(direction, other) / length(across)))


def angle_between(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """Radians between two unit vectors (3,), 0..pi; exact for small angles, too."""
    return 2 * math.asin(min(length(one - other) / 2, 1.0))


def length(vector: NDArray[np.floating]) -> float:
    """Of a vector (3,); quicker than `numpy.linalg.norm` for so short ones."""
    return math.sqrt(float(vector @ vector))


def _unit(vector: Vector) -> Vector:
    return np.asarray(vector / length(vector))
