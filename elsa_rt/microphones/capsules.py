"""Capsules on a sphere, and what a plane wave does to each of them.

direction   unit vector from the middle to the capsule, in the microphone's own axes
order       type I is FLU, FRD, BLD, BRU; type II is FLD, FRU, BLU, BRD
directivity a of ``a + (1 - a) cos(angle)``: 1 omnidirectional, 0.5 cardioid, 0 figure of eight
time        a capsule that looks at the source hears it first; ``exp(+j omega t)``
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elsa_rt.audio.ambisonics import CARDIOID

SOUND_SPEED = 343.0  # m/s

LAYOUTS = {
    "type-i": [[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]],
    "type-ii": [[1, 1, -1], [1, -1, 1], [-1, 1, 1], [-1, -1, -1]],
}
"""Signs of x, y, z of the capsules of the two ways to set a tetrahedron into a cube."""

MIN_KR = 1e-3
"""Below this the series of a rigid sphere keeps its value: ever larger numbers would cancel."""


@dataclass(frozen=True)
class Capsules:
    """Geometry and directivity of four capsules.

    Attributes
    ----------
    directions : float64 (4, 3), unit vectors
    radius_m : float, metres, 0 or more
    directivity : float, 0..1
        Of capsules in free air; those in a rigid body hear pressure.
    rigid : bool
        They are set into the surface of a rigid sphere.
    """

    directions: NDArray[np.float64]
    radius_m: float = 0.0
    directivity: float = CARDIOID
    rigid: bool = False

    @property
    def coincidence_hz(self) -> float:
        """``c / (2 pi r)``: above it the capsules no longer hear as from one point."""
        return SOUND_SPEED / (2 * math.pi * self.radius_m) if self.radius_m else math.inf

    def responses(
        self, directions: NDArray[np.float64], frequencies: NDArray[np.floating[Any]]
    ) -> NDArray[np.complex128]:
        """Responses of the capsules to plane waves of amplitude 1.

        Parameters
        ----------
        directions : float64 (d, 3), unit vectors towards the sources
        frequencies : float64 (f,), Hz

        Returns
        -------
        complex128 (f, d, 4)
        """
        cosines = directions @ self.directions.T  # (d, 4)
        kr = 2 * np.pi * frequencies * self.radius_m / SOUND_SPEED
        if self.rigid:
            return _on_rigid_sphere(kr, cosines)
        pattern = self.directivity + (1 - self.directivity) * cosines
        return pattern * np.exp(1j * kr[:, None, None] * cosines)


def layout(name: str) -> NDArray[np.float64]:
    """Directions (4, 3) of the tetrahedron called ``name``, one of `LAYOUTS`."""
    return np.array(LAYOUTS[name], float) / math.sqrt(3)


def sphere_grid(count: int) -> NDArray[np.float64]:
    """About evenly spread unit vectors (count, 3), on Fibonacci's spiral."""
    n = np.arange(count) + 0.5
    z = 1 - 2 * n / count
    azimuth = np.pi * (1 + math.sqrt(5)) * n
    level = np.sqrt(1 - z**2)
    return np.stack([level * np.cos(azimuth), level * np.sin(azimuth), z], -1)


def _on_rigid_sphere(kr: ArrayLike, cosines: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Pressure (f, d, 4) on a rigid sphere, relative to the wave in its middle without it.

    The sum over n of ``(2n + 1) i^(n-1) / (x^2 h_n'(x)) P_n``, h the spherical Hankel function of
    the second kind (Williams, *Fourier Acoustics*, 1999, section 6.10.3).
    """
    x = np.maximum(np.asarray(kr, float), MIN_KR)[:, None]
    orders = int(math.ceil(float(x.max()))) + 16
    below = np.exp(-1j * x) / x  # h_(n-1), at first h_(-1) = (cos x - i sin x) / x
    hankel = 1j * np.exp(-1j * x) / x  # h_0
    legendre_below, legendre = np.zeros_like(cosines), np.ones_like(cosines)
    total = np.zeros((x.size, *cosines.shape), complex)
    for n in range(orders):
        slope = below - (n + 1) / x * hankel
        weight = (2 * n + 1) * 1j ** (n - 1) / (x**2 * slope)  # (f, 1)
        total += weight[:, :, None] * legendre
        below, hankel = hankel, (2 * n + 1) / x * hankel - below
        legendre_below, legendre = (
            legendre,
            ((2 * n + 1) * cosines * legendre - n * legendre_below) / (n + 1),
        )
    return total
