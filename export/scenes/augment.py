"""Ways to make a recorded sound another one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft

LOW_PASSED = 0.3  # share of sounds that end below half the rate, as codecs and old rates have it
LOW_PASS_HZ = (3_500.0, 12_000.0)
LOW_PASS_DB = 60.0  # down, within a tenth of its frequency


def bend(mono: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Play half of the clips up to 12 % faster or slower, and so higher or lower."""
    if rng.random() < 0.5:
        return mono
    speed = rng.uniform(0.88, 1.12)
    where = np.arange(0, mono.size - 1, speed)
    return np.interp(where, np.arange(mono.size), mono).astype(np.float32)


def colour(size: int, rate: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Gain (size // 2 + 1,) of a random smooth loudspeaker, its distance, dull rooms, and perhaps
    a codec: so that where a recording ends tells nothing of what it holds.
    """
    frequency = fft.rfftfreq(size, 1 / rate)
    knots = np.geomspace(60, rate / 2, 24)
    coarse = np.interp(np.log(knots), np.log(knots[::3]), rng.normal(0, 3, 8))
    coarse += rng.normal(-0.8, 0.8) * np.log2(knots / 500)
    gain = np.interp(frequency, knots, 10 ** (coarse / 20))
    if rng.random() < LOW_PASSED:
        edge = np.exp(rng.uniform(*np.log(LOW_PASS_HZ)))
        gain *= 10 ** (-LOW_PASS_DB / 20 * np.clip(10 * (frequency / edge - 1), 0, 1))
    return gain.astype(np.float32)


def repeat(
    mono: NDArray[np.float32], longest: int, rate: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """A short clip a few times, with pauses of up to 0.6 s, in up to ``longest`` samples."""
    pause = np.zeros(int(rng.uniform(0.05, 0.6) * rate), np.float32)
    times = int(rng.integers(2, 5))
    return np.concatenate([mono, *[pause, mono] * (times - 1)])[:longest]
