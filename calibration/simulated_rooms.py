"""Recordings of simulated capsules in a simulated room: claps, and noise from everywhere.

Image sources in a shoebox until `EARLY_S`, after that echoes at random times from random
directions that decay as the room does. Capsules in free air are rendered in time, each echo with
the capsule's own gain and arrival.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from elsa_rt.jit.numba_compiler import compiled
from elsa_rt.microphones.capsules import SOUND_SPEED, Capsules, sphere_grid

EARLY_S = 0.05
TAPS = 32  # of the windowed sinc that places an echo between two samples
LATE = 1_500  # echoes after the early ones


@dataclass(frozen=True)
class Device:
    """A microphone as it really is.

    Attributes
    ----------
    capsules : Capsules
    order : the capsule of each channel
    signs, gains_db, delays_s : of each channel
    turn : float64 (3, 3), from the microphone's axes to the room's
    """

    capsules: Capsules
    order: tuple[int, ...] = (0, 1, 2, 3)
    signs: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0)
    gains_db: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)
    delays_s: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)
    turn: NDArray[np.float64] = field(default_factory=lambda: np.eye(3))

    @property
    def gains(self) -> NDArray[np.float64]:
        """Signed factors (4,) of the channels."""
        return np.array(self.signs) * 10 ** (np.array(self.gains_db) / 20)


@dataclass(frozen=True)
class SimulatedRoom:
    """A shoebox, and where the microphone stands in it: metres, x, y, z from a corner."""

    size: tuple[float, float, float] = (5.2, 4.3, 2.8)
    microphone: tuple[float, float, float] = (2.4, 2.0, 1.3)
    t60: float = 0.4


def response(
    room: SimulatedRoom, towards: NDArray[np.float64], distance: float, device: Device, rate: int,
    rng: np.random.Generator,
) -> NDArray[np.float64]:  # fmt: skip
    """Impulse response (4, n) of ``device`` for a source so far ``towards`` (3,)."""
    vectors, gains = _early(room, towards, distance)
    late, late_gains = _late(room, distance, rng)
    vectors, gains = np.concatenate([vectors, late]), np.concatenate([gains, late_gains])
    lengths = np.linalg.norm(vectors, axis=1)
    own = (vectors / lengths[:, None]) @ device.turn  # in the microphone's axes
    chosen = device.capsules.directions[list(device.order)]
    cosines = own @ chosen.T  # (echo, channel)
    a = device.capsules.directivity
    heard = gains[:, None] * (a + (1 - a) * cosines) * device.gains
    arrival = lengths[:, None] / SOUND_SPEED - cosines * device.capsules.radius_m / SOUND_SPEED
    arrival = arrival + np.array(device.delays_s)
    out = np.zeros((4, math.ceil((EARLY_S + room.t60) * rate) + 2 * TAPS))
    _place(np.ascontiguousarray(arrival * rate + TAPS), np.ascontiguousarray(heard), out)
    return out


def diffuse_noise(
    device: Device, rate: int, seconds: float, rng: np.random.Generator, uneven: float = 0.5
) -> NDArray[np.float64]:
    """Noise (4, n) of power about 1 that comes from everywhere, not quite evenly.

    ``uneven`` is the spread of the directions' levels, natural logarithm of the power.
    """
    count = round(seconds * rate)
    coarse = np.fft.rfftfreq(1024, 1 / rate)
    directions = sphere_grid(240) @ np.linalg.qr(rng.normal(size=(3, 3)))[0]
    weights = np.exp(uneven * rng.normal(size=240))
    responses = device.capsules.responses(directions, coarse)[:, :, list(device.order)]
    responses = responses * np.sqrt(weights / weights.sum())[:, None]
    covariance = responses.swapaxes(1, 2) @ responses.conj()  # (f, 4, 4)
    root = np.linalg.cholesky(covariance + 1e-6 * np.eye(4))
    hz = np.fft.rfftfreq(count, 1 / rate)
    at = np.minimum(np.searchsorted(coarse, hz, side="right") - 1, len(coarse) - 2)
    share = ((hz - coarse[at]) / coarse[1])[:, None, None]
    root = root[at] * (1 - share) + root[at + 1] * share
    white = rng.normal(size=(len(hz), 4, 2)) @ [1, 1j] * math.sqrt(count / 2)
    spectra = (root @ white[:, :, None])[:, :, 0] * device.gains
    spectra = spectra * np.exp(-2j * np.pi * hz[:, None] * np.array(device.delays_s))
    return np.asarray(np.fft.irfft(spectra, count, axis=0).T, np.float64)


def clap(rate: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """A clap of two hands: some milliseconds of noise, most of it at 1 to 5 kHz."""
    count = round(0.012 * rate)
    time_s = np.arange(count) / rate
    burst = rng.normal(size=count) * np.exp(-time_s / 0.0012) * np.minimum(1, time_s / 0.0001)
    spectrum = np.fft.rfft(burst, 2 * count)
    hz = np.fft.rfftfreq(2 * count, 1 / rate)
    peak = rng.uniform(1_500, 3_000)
    shape = (hz / peak) / (1 + (hz / peak) ** 2)
    burst = np.fft.irfft(spectrum * shape)
    return np.asarray(burst / np.abs(burst).max(), np.float64)


def _early(
    room: SimulatedRoom, towards: NDArray[np.float64], distance: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Vectors (e, 3) from the microphone to the images, the source first, and their gains."""
    size, ears = np.array(room.size), np.array(room.microphone)
    source = ears + distance * towards
    if not ((source > 0) & (source < size)).all():
        raise ValueError(f"a source at {source} does not lie in the room {size}")
    reach = EARLY_S * SOUND_SPEED + distance
    counts = np.ceil(reach / (2 * size)).astype(int)
    grids = [np.arange(-n, n + 1) for n in counts]
    n = np.stack(np.meshgrid(*grids, indexing="ij"), -1).reshape(-1, 1, 3)
    p = np.stack(np.meshgrid([0, 1], [0, 1], [0, 1], indexing="ij"), -1).reshape(1, -1, 3)
    vectors = (2 * n * size + (1 - 2 * p) * source - ears).reshape(-1, 3)
    bounces = (np.abs(n - p) + np.abs(n)).sum(axis=2).ravel()
    lengths = np.linalg.norm(vectors, axis=1)
    order = np.argsort(bounces + 1e-3 * lengths)
    order = order[lengths[order] < reach]
    return vectors[order], _wall(room) ** bounces[order] / lengths[order]


def _late(
    room: SimulatedRoom, distance: float, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Echoes from anywhere (LATE, 3) and their gains: as strong as the last early ones."""
    size = np.array(room.size)
    time_s = EARLY_S + rng.uniform(0, room.t60, LATE)
    directions = rng.normal(size=(LATE, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    # image sources would come this often, each 1 / distance strong
    density = 4 * np.pi * SOUND_SPEED**3 * time_s**2 / size.prod()
    per_second = LATE / room.t60
    gains = 10 ** (-3 * time_s / room.t60) / (SOUND_SPEED * time_s) * np.sqrt(density / per_second)
    vectors = directions * (time_s * SOUND_SPEED + distance)[:, None]
    return vectors, gains * rng.choice([-1, 1], LATE)


def _wall(room: SimulatedRoom) -> float:
    """Reflection factor of all walls for the room's reverberation time (Eyring)."""
    x, y, z = room.size
    surface = 2 * (x * y + y * z + x * z)
    absorbed = 1 - math.exp(-24 * math.log(10) / SOUND_SPEED * x * y * z / (surface * room.t60))
    return math.sqrt(1 - absorbed)


@compiled
def _place(
    arrival: NDArray[np.float64], gains: NDArray[np.float64], out: NDArray[np.float64]
) -> None:
    """Add an impulse of ``gains`` (e, c) at ``arrival`` (e, c) samples to ``out`` (c, n)."""
    echoes, channels = arrival.shape
    for c in range(channels):
        for e in range(echoes):
            first = int(math.floor(arrival[e, c])) - TAPS // 2 + 1
            if first < 0 or first + TAPS > out.shape[1]:
                continue
            for k in range(TAPS):
                t = first + k - arrival[e, c]
                sinc = math.sin(math.pi * t) / (math.pi * t) if abs(t) > 1e-9 else 1.0
                out[c, first + k] += (
                    gains[e, c] * sinc * (0.5 + 0.5 * math.cos(2 * math.pi * t / TAPS))
                )
