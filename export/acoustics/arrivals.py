"""What arrives at a microphone from a source in a room, and what its capsules make of it.

Conventions are those of `elsa_rt.audio.ambisonics`: x forward, y left, z up; AmbiX W, Y, Z, X.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import fft

SOUND_SPEED = 343.0  # m/s
CROSSOVER_HZ = 1_500.0  # walls absorb more above
TAPS = 32  # of the windowed sinc that places an arrival between samples
FRACTIONS = 512  # places between two samples; the nearest is taken


class Arrivals(NamedTuple):
    """Plane waves; arrays of length n."""

    time: NDArray[np.float64]  # seconds after the sound left the source
    direction: NDArray[np.float64]  # (n, 3) unit vectors towards where it comes from
    low: NDArray[np.float64]  # amplitude below `CROSSOVER_HZ`
    high: NDArray[np.float64]  # and above


class Capsules(NamedTuple):
    """Places and patterns ``omni + figure . direction`` of c capsules."""

    place: NDArray[np.float64]  # (c, 3) metres from the centre
    omni: NDArray[np.float64]  # (c,)
    figure: NDArray[np.float64]  # (c, 3)


COINCIDENT = Capsules(
    np.zeros((4, 3)),
    np.array([1.0, 0, 0, 0]),
    np.array([[0.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]]),
)
"""An ideal ambisonic microphone: its capsules are W, Y, Z, X themselves."""


def sphere(count: int) -> NDArray[np.float64]:
    """Unit vectors (count, 3) spread evenly on the sphere (Fibonacci's lattice)."""
    z = 1 - (2 * np.arange(count) + 1) / count
    turn = np.pi * (3 - np.sqrt(5)) * np.arange(count)
    level = np.sqrt(1 - z**2)
    return np.stack([level * np.cos(turn), level * np.sin(turn), z], 1)


def record(arrivals: Arrivals, capsules: Capsules, rate: int, length: int) -> NDArray[np.float32]:
    """Signals (c, length) of ``capsules`` at ``rate`` Hz; arrivals that do not fit are left out.

    A capsule nearer to where a wave comes from hears it earlier, by ``place . direction`` over
    the speed of sound.
    """
    bands = np.zeros((2, len(capsules.omni), length), np.float32)
    delay = capsules.place * (rate / SOUND_SPEED)
    gains = np.stack([arrivals.low, arrivals.high], 1)
    _place(arrivals.time * rate, arrivals.direction, gains, delay, capsules.omni,
           capsules.figure, _fractional_delays(), bands)  # fmt: skip
    return _join(bands, rate)


@njit(cache=True, nogil=True, fastmath=True)
def _place(
    time: NDArray[np.float64],
    direction: NDArray[np.float64],
    gains: NDArray[np.float64],
    place: NDArray[np.float64],
    omni: NDArray[np.float64],
    figure: NDArray[np.float64],
    sincs: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """Add each arrival to ``out`` (2, c, n); times and places are in samples."""
    fractions, taps = sincs.shape[0] - 1, sincs.shape[1]
    for i in range(time.size):
        x, y, z = direction[i, 0], direction[i, 1], direction[i, 2]
        for c in range(omni.size):
            delay = time[i] - (x * place[c, 0] + y * place[c, 1] + z * place[c, 2])
            whole = int(np.floor(delay))
            start = whole - taps // 2 + 1
            if start < 0 or start + taps > out.shape[2]:
                continue
            pattern = omni[c] + x * figure[c, 0] + y * figure[c, 1] + z * figure[c, 2]
            low, high = np.float32(pattern * gains[i, 0]), np.float32(pattern * gains[i, 1])
            sinc = sincs[int((delay - whole) * fractions + 0.5)]
            for k in range(taps):
                out[0, c, start + k] += low * sinc[k]
                out[1, c, start + k] += high * sinc[k]


def _fractional_delays() -> NDArray[np.float32]:
    """Hann-windowed sincs (FRACTIONS + 1, TAPS); row i is late by i / FRACTIONS of a sample."""
    late = np.arange(FRACTIONS + 1)[:, None] / FRACTIONS
    t = np.arange(TAPS) - (TAPS // 2 - 1) - late
    return (np.sinc(t) * (0.5 + 0.5 * np.cos(np.pi * t / (TAPS // 2)))).astype(np.float32)


def _join(bands: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """Sum of the low and the high band through complementary zero-phase slopes."""
    n = fft.next_fast_len(bands.shape[-1] + 64, real=True)  # room for the slopes' ringing
    spectrum = fft.rfft(bands, n)
    above = 1 / (1 + (CROSSOVER_HZ / np.maximum(fft.rfftfreq(n, 1 / rate), 1e-9)) ** 4)
    above = above.astype(np.float32)
    joined = fft.irfft(spectrum[0] * (1 - above) + spectrum[1] * above, n)
    return np.asarray(joined[:, : bands.shape[-1]], np.float32)
