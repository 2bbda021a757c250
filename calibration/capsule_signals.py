"""What capsules on a sphere hear of a plane wave, by the series of spherical Bessel functions.

An implementation of its own, beside `elsa_rt.microphones.capsules`: the one checks the other. Both
keep the conventions that stand there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import eval_legendre, spherical_jn, spherical_yn

from elsa_rt.microphones.capsules import SOUND_SPEED

ORDERS = 30  # enough for a sphere of 25 mm far beyond 20 kHz


def modal_gains(
    frequencies: NDArray[np.floating[Any]], radius_m: float, directivity: float, *, rigid: bool
) -> NDArray[np.complex128]:
    """Gains (f, ORDERS) of the orders of a plane wave; positive frequencies.

    In free air ``i^n (a j_n - i (1 - a) j_n')``, on a rigid sphere ``i^n (j_n - j_n' h_n / h_n')``
    with the spherical Hankel function of the second kind (Rafaely, *Fundamentals of Spherical
    Array Processing*, 2015, section 2.5 and 4.2).
    """
    x = (2 * np.pi * frequencies * radius_m / SOUND_SPEED)[:, None]
    n = np.arange(ORDERS)
    j, slope = spherical_jn(n, x), spherical_jn(n, x, derivative=True)
    if not rigid:
        free = 1j**n * (directivity * j - 1j * (1 - directivity) * slope)
        return np.asarray(free, np.complex128)
    with np.errstate(all="ignore"):  # where y_n overflows, h_n / h_n' is a ratio of infinities
        h = j - 1j * spherical_yn(n, x)
        h_slope = slope - 1j * spherical_yn(n, x, derivative=True)
        gains = 1j**n * (j - slope * h / h_slope)
    return np.where(np.isfinite(gains), gains, 0)


def plane_wave_responses(
    capsules: NDArray[np.float64],
    directions: NDArray[np.float64],
    frequencies: NDArray[np.floating[Any]],
    radius_m: float,
    directivity: float = 0.5,
    *,
    rigid: bool = False,
) -> NDArray[np.complex128]:
    """What ``capsules`` (c, 3) hear from unit vectors ``directions`` (d, 3): (f, d, c)."""
    cosines = directions @ capsules.T
    gains = modal_gains(frequencies, radius_m, directivity, rigid=rigid)
    weights = gains * (2 * np.arange(ORDERS) + 1)
    shapes = np.stack([eval_legendre(n, cosines) for n in range(ORDERS)])  # (n, d, c)
    return np.tensordot(weights, shapes, 1)
