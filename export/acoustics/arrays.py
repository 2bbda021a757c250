"""Real ambisonic microphones: tetrahedra of cardioids, arrays known by their errors, good ones."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from elsa_rt.audio.ambisonics import rotate_foa, rotation
from export.acoustics.arrivals import COINCIDENT, SOUND_SPEED, Arrivals, Capsules, record, sphere

KINDS = {"tetrahedron": 0.45, "array": 0.35, "good": 0.2}
"""Kinds of microphone and how often each is drawn."""

CORNERS = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3)
"""Where the capsules FLU, FRD, BLD, BRU of a tetrahedron look, as x, y, z."""

MOUNT_DEG = 1.0  # capsules and mounts are never quite true
KNOTS = 24  # of the smooth random mixtures over frequency
GRID = 97  # frequencies of which an equaliser is made


class Microphone(NamedTuple):
    """Capsules, and the matrices that take them to AmbiX, of a sampling rate and length.

    Attributes
    ----------
    capsules : Capsules
    encoding : complex64 (n // 2 + 1, 4, 4)
        AmbiX from capsules by frequency of a transform of ``n`` samples.
    """

    capsules: Capsules
    encoding: NDArray[np.complex64]

    def hear(self, arrivals: Arrivals, rate: int) -> NDArray[np.float32]:
        """AmbiX response (4, n) to ``arrivals``."""
        n = 2 * (len(self.encoding) - 1)
        spectrum = fft.rfft(record(arrivals, self.capsules, rate, n))
        encoded = np.einsum("fij,jf->if", self.encoding, spectrum, optimize=True)
        return np.asarray(fft.irfft(encoded, n), np.float32)


def random_microphone(rng: np.random.Generator, rate: int, n: int) -> Microphone:
    """Draw a microphone at ``rate`` Hz for responses of ``n`` (even) samples."""
    frequency = np.maximum(fft.rfftfreq(n, 1 / rate), 1.0)
    kind = rng.choice(list(KINDS), p=list(KINDS.values()))
    if kind == "tetrahedron":
        return tetrahedron(rng, frequency)
    encoding = array_errors(rng, frequency) if kind == "array" else small_errors(rng, frequency)
    return Microphone(COINCIDENT, encoding)


def tetrahedron(
    rng: np.random.Generator, frequency: NDArray[np.float64], radius: float | None = None,
    flaws: float = 1.0, equalised: bool | None = None,
) -> Microphone:  # fmt: skip
    """Four capsules ``a + (1 - a) cos`` on a sphere of 10 to 25 mm that shades nothing.

    Capsules are apart, so that above ``c / (2 pi radius)`` the ideal matrix of the design encodes
    wrongly; ``flaws`` scales what its maker did wrong, and half of the makers equalise.

    Parameters
    ----------
    frequency : (bins,) Hz
    radius : metres
    """
    radius = rng.uniform(0.010, 0.025) if radius is None else radius
    equalised = rng.random() < 0.5 if equalised is None else equalised
    design = rng.uniform(0.4, 0.6)
    actual = design + flaws * rng.normal(0, 0.01, 4)
    mount = rotation(*(flaws * rng.normal(0, MOUNT_DEG, 3)))
    turned = np.stack([rotation(*(flaws * rng.normal(0, MOUNT_DEG, 3))) @ c for c in CORNERS])
    ideal = Capsules(radius * CORNERS, np.full(4, design), (1 - design) * CORNERS)
    real = Capsules(radius * turned @ mount.T, actual, (1 - actual)[:, None] * turned @ mount.T)
    matrix = _design_matrix(design)
    encoding = matrix[None] * _capsule_errors(rng, frequency, flaws)[:, None, :]
    if equalised:
        encoding *= _diffuse_equaliser(ideal, matrix, frequency)[:, :, None]
    encoding *= _band_limits(rng, frequency)[:, None, None] if flaws else 1
    return Microphone(real, encoding.astype(np.complex64))


def _design_matrix(a: float) -> NDArray[np.float64]:
    """AmbiX (4, 4) from ideal capsules: W is sum / (4 a), the rest signed sums."""
    figures = CORNERS[:, [1, 2, 0]].T * 3 / (4 * (1 - a))
    return np.concatenate([np.full((1, 4), 1 / (4 * a)), figures])


def _capsule_errors(
    rng: np.random.Generator, frequency: NDArray[np.float64], flaws: float
) -> NDArray[np.complex128]:
    """Gain and phase (bins, 4) of capsules that are no perfect match."""
    spread_db = flaws * (3.0 if rng.random() < 0.15 else 1.0)
    gain = 10 ** (rng.uniform(-spread_db, spread_db, 4) / 20)
    late = flaws * rng.normal(0, 2e-6, 4)  # seconds
    corner = flaws * rng.uniform(15, 60) * np.exp(rng.normal(0, 0.15, 4))  # of its low cut, Hz
    low_cut = 1 / (1 - 1j * corner / frequency[:, None])
    return gain * low_cut * np.exp(-2j * np.pi * frequency[:, None] * late)


def _diffuse_equaliser(
    capsules: Capsules, matrix: NDArray[np.float64], frequency: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Gain (bins, 4) that gives W, Y, Z, X their ideal power in a diffuse field, +-12 dB."""
    grid = np.linspace(frequency[0], frequency[-1], GRID)
    away = sphere(48)
    heard = capsules.omni + away @ capsules.figure.T
    phase = 2j * np.pi / SOUND_SPEED * away @ capsules.place.T
    encoded = (heard * np.exp(grid[:, None, None] * phase)) @ matrix.T
    power = (np.abs(encoded) ** 2).mean(1) * [1, 3, 3, 3]
    gain = np.clip(power**-0.5, 0.25, 4)
    return np.stack([np.interp(frequency, grid, channel) for channel in gain.T], 1)


def _band_limits(rng: np.random.Generator, frequency: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gain (bins,) of a microphone that ends somewhere: low cuts and dull tops."""
    low = rng.uniform(20, 110) if rng.random() < 0.4 else 15.0
    high = np.exp(rng.uniform(np.log(9_000), np.log(20_000)))
    return 1 / np.sqrt((1 + (low / frequency) ** 4) * (1 + (frequency / high) ** 6))


def array_errors(rng: np.random.Generator, frequency: NDArray[np.float64]) -> NDArray[np.complex64]:
    """Encoding (bins, 4, 4) that spoils ideal AmbiX as arrays of many capsules do.

    W is right at all frequencies. Above a random limit Y, Z and X turn into smooth random
    mixtures of everything; below, gains differ a little and the lowest octaves are weak.
    """
    wrong = np.clip((frequency / np.exp(rng.uniform(np.log(2500), np.log(12000)))) ** 2.2, 0, 1)
    weak = 1 / (1 + (rng.uniform(20, 140) / frequency) ** 2)
    knots = np.linspace(0, frequency[-1], KNOTS)
    coarse = rng.normal(0, 0.5, (3, 4, KNOTS)) + 1j * rng.normal(0, 0.5, (3, 4, KNOTS))
    gain = 10 ** (rng.normal(0, 0.7, 3) / 20)
    encoding = np.zeros((frequency.size, 4, 4), np.complex64)
    encoding[:, 0, 0] = 1
    for row in (1, 2, 3):
        for column in range(4):
            encoding[:, row, column] = wrong * np.interp(frequency, knots, coarse[row - 1, column])
        encoding[:, row, row] += 1 - wrong
        encoding[:, row] *= (gain[row - 1] * weak)[:, None]
    return encoding


def small_errors(rng: np.random.Generator, frequency: NDArray[np.float64]) -> NDArray[np.complex64]:
    """Encoding (bins, 4, 4) of a good microphone: a little crosstalk, a slightly untrue mount."""
    mixing = np.eye(4) + rng.normal(0, 0.01, (4, 4))
    mixing = rotate_foa(rotation(*rng.normal(0, MOUNT_DEG, 3))) @ mixing
    limits = _band_limits(rng, frequency) if rng.random() < 0.5 else np.ones(frequency.size)
    return (limits[:, None, None] * mixing).astype(np.complex64)
