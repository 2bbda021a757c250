"""What is heard besides the sounds of a scene: the diffuse field and the microphone's own noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from elsa_rt.audio.ambisonics import rotate_foa, rotation
from export.settings import FEATURES

RECORDED = 0.5  # share of the backgrounds that are recorded, where there are any

DIFFUSE = np.array([1, 3**-0.5, 3**-0.5, 3**-0.5], np.float32)
"""RMS of W, Y, Z, X in a diffuse field; they are uncorrelated there."""

HISS = np.array([1, 3**0.5, 3**0.5, 3**0.5], np.float32)
"""RMS of equal capsules' noise in W, Y, Z, X after a tetrahedron's matrix."""


def diffuse_noise(length: int, rate: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Isotropic background (4, length) AmbiX with a random slope and hum; W has RMS 1.

    In a diffuse field Y, Z and X are uncorrelated with W and carry a third of its power each.
    """
    size = fft.next_fast_len(length, real=True)
    frequency = np.maximum(fft.rfftfreq(size, 1 / rate), 20.0).astype(np.float32)
    spectrum = rng.standard_normal((4, frequency.size, 2), np.float32).view(np.complex64)[..., 0]
    logs = np.log(frequency)
    shape = np.exp(np.float32(rng.uniform(-1.1, 0.1)) * logs)
    for _ in range(int(rng.integers(0, 4))):
        centre, width = rng.uniform(np.log(60), np.log(6000)), rng.uniform(0.02, 0.6)
        bump = np.exp(-(((logs - np.float32(centre)) / np.float32(width)) ** 2))
        shape = shape * (1 + np.float32(rng.uniform(0, 8)) * bump)
    noise = fft.irfft(spectrum * (shape * DIFFUSE[:, None]), size)[:, :length]
    return np.asarray(noise / np.sqrt((noise[0] ** 2).mean()), np.float32)


class DiffuseNoise:
    """Backgrounds (4, length) of RMS 1 in W: recorded ones of a work directory, and made ones."""

    def __init__(self, work: Path, validation: bool, length: int) -> None:
        self._length = length
        self._cuts: list[NDArray[np.int16]] = []
        if (work / "backgrounds.npz").exists():
            with np.load(work / "backgrounds.npz") as stored:
                cuts = np.split(stored["samples"], stored["bounds"][1:-1], axis=1)
                held = stored["validation"]
            self._cuts = [cut for cut, h in zip(cuts, held, strict=True) if h == validation]

    def draw(self, rng: np.random.Generator) -> NDArray[np.float32]:
        """A background, turned at random."""
        if not self._cuts or rng.random() > RECORDED:
            return diffuse_noise(self._length, FEATURES.rate, rng)
        cut = self._cuts[int(rng.integers(len(self._cuts)))]
        start = int(rng.integers(cut.shape[1] - self._length + 1))
        turn = rotate_foa(rotation(rng.uniform(-180, 180), 0, 0)).astype(np.float32)
        foa = turn @ cut[:, start : start + self._length].astype(np.float32)
        return foa / np.float32(max(float(np.sqrt((foa[0] ** 2).mean())), 1e-9))


class Hiss:
    """Capsule noise (4, n) of RMS 1 in W, cut from a fixed stock: drawing it anew is slow."""

    def __init__(self, length: int) -> None:
        self._length = length
        stock = np.random.default_rng(0).standard_normal((4, 2 * length), np.float32)
        self._stock = stock * HISS[:, None]

    def draw(self, rng: np.random.Generator) -> NDArray[np.float32]:
        start = int(rng.integers(self._length))
        return self._stock[:, start : start + self._length]
