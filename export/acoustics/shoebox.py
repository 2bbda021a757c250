"""Shoebox rooms: image sources up to the mixing time, then a diffuse tail of the asked decay."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.signal import butter, sosfilt

from export.acoustics.arrivals import COINCIDENT, SOUND_SPEED, TAPS, Arrivals, record, sphere

MIXED_S = 0.08  # after the direct sound; later images are too many to be told apart
MIXING_S = 0.02  # the tail fades in over the last of that
TAIL_DENSITY = 8_000  # arrivals a second of the tail: enough to be Gaussian in every band
TAIL_DB = 60.0  # how far the tail is followed
JITTER_M = 0.08  # images beyond the first order move by up to this: no sweeping echoes
SCATTER = 0.2  # of a room that is not asked for more or less
WALLS_DIFFER = 0.15  # spread of the walls' reflection exponents
LEAK = 0.1  # amplitude that a source sends at least everywhere
RUMBLE_HZ = 45.0  # image sources of walls that only ever reflect in phase pile up below


class Room(NamedTuple):
    """A box with its corner at the origin."""

    size: NDArray[np.float64]  # (3,) metres
    t60: tuple[float, float]  # seconds below and above `export.acoustics.arrivals.CROSSOVER_HZ`
    reflection: NDArray[np.float64]  # (2, 6) log amplitude per hit of walls x0, x1, y0, ... z1
    scatter: float  # share of the energy of a hit that goes anywhere instead of where mirrors send


class Source(NamedTuple):
    """A sound's place, and its pattern ``omni + (1 - omni) cos`` about where it faces."""

    place: NDArray[np.float64]  # (3,) metres from the corner
    facing: NDArray[np.float64]  # (3,) unit vector
    omni: tuple[float, float] = (
        1.0,
        1.0,
    )  # below and above `export.acoustics.arrivals.CROSSOVER_HZ`

    def radiates(self, away: NDArray[np.float64]) -> NDArray[np.float64]:
        """Amplitude (2, n) of both bands towards unit vectors ``away`` (n, 3)."""
        omni = np.array(self.omni)[:, None]
        return np.maximum(omni + (1 - omni) * (away @ self.facing), LEAK)

    def diffuse(self) -> NDArray[np.float64]:
        """RMS amplitude (2,) of both bands over all directions."""
        return np.sqrt((self.radiates(sphere(200)) ** 2).mean(1))


def build_room(
    size: ArrayLike, t60: tuple[float, float], scatter: float, rng: np.random.Generator
) -> Room:
    """Room whose walls, each a little different, give the two reverberation times in seconds."""
    dims = np.asarray(size, float)
    spread = rng.uniform(1 - WALLS_DIFFER, 1 + WALLS_DIFFER, 6)
    walls = np.stack([spread * reflection(dims, t, spread) for t in t60])
    return Room(dims, t60, walls, scatter)


def absorption(size: ArrayLike, t60: float) -> float:
    """Mean energy absorption 0..1 of the walls that gives ``t60`` seconds after Eyring."""
    x, y, z = (float(side) for side in np.asarray(size))
    surface = 2 * (x * y + y * z + x * z)
    return 1 - math.exp(-24 * math.log(10) / SOUND_SPEED * x * y * z / (surface * t60))


def reflection(size: NDArray[np.float64], t60: float, spread: NDArray[np.float64]) -> float:
    """Log amplitude per hit with which the images have decayed as asked at the mixing time.

    An image at ``r`` metres in direction u has hit the walls ``r |u_i| / size_i`` times along
    each axis. The mean of its energy over all directions is what a room's images decay by
    (Lehmann and Johansson, 2008); slower than Eyring's formula, for few hits weigh most.
    """
    away = np.abs(sphere(400))
    hits = (away / size) @ spread.reshape(3, 2).mean(1)  # of unit spread, per metre
    reach = SOUND_SPEED * min(MIXED_S, t60 / 2)
    wanted = -6 * math.log(10) * reach / SOUND_SPEED / t60

    def error(log_amplitude: float) -> float:
        return math.log(np.exp(2 * log_amplitude * hits * reach).mean()) - wanted

    return float(brentq(error, -20.0, 0.0))


def images(
    room: Room,
    source: Source,
    listener: ArrayLike,
    reach: float,
    jitter: float,
    rng: np.random.Generator,
) -> Arrivals:
    """Direct sound and reflections within ``reach`` metres; the first is the direct sound.

    Allen and Berkley's images, each with gain 1 / distance and one factor per hit. Those of more
    than one hit are moved by up to ``jitter`` metres along each axis.
    """
    ears = np.asarray(listener, float)
    for place in (source.place, ears):
        if not ((0 < place) & (place < room.size)).all():
            raise ValueError(f"{place} does not lie inside the room {room.size}")
    offset, hit, mirror = _lattice(room.size, source.place, ears, reach)
    offset += (hit.sum(1) > 1)[:, None] * rng.uniform(-jitter, jitter, offset.shape)
    distance = np.sqrt((offset**2).sum(1))
    direction = offset / distance[:, None]
    # a wave that has been mirrored left the source mirrored
    low, high = np.exp(hit @ room.reflection.T).T * source.radiates(-mirror * direction)
    mirrors = (1 - room.scatter) ** (hit.sum(1) / 2) / distance
    order = np.argsort(hit.sum(1), kind="stable")
    every = (distance / SOUND_SPEED, direction, low * mirrors, high * mirrors)
    return Arrivals(*(values[order] for values in every))


def _lattice(
    size: NDArray[np.float64], source: NDArray[np.float64], ears: NDArray[np.float64], reach: float
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Images within ``reach``: offsets (n, 3), hits of the six walls (n, 6), signs (n, 3)."""
    offsets, hits, signs = [], [], []
    for side, a, b in zip(size, source, ears, strict=True):
        count = math.ceil(reach / (2 * side))
        n = np.repeat(np.arange(-count, count + 1), 2)
        mirrored = np.tile([0, 1], n.size // 2)
        signs.append(1 - 2 * mirrored)
        offsets.append(2 * n * side + signs[-1] * a - b)
        hits.append(np.stack([np.abs(n - mirrored), np.abs(n)], 1))
    squared = [axis**2 for axis in offsets]
    near = np.add.outer(np.add.outer(squared[0], squared[1]), squared[2]) < reach**2
    index = np.nonzero(near)
    offset = np.stack([axis[i] for axis, i in zip(offsets, index, strict=True)], 1)
    hit = np.concatenate([axis[i] for axis, i in zip(hits, index, strict=True)], 1)
    return offset, hit, np.stack([axis[i] for axis, i in zip(signs, index, strict=True)], 1)


def tail(room: Room, start: float, stop: float, rng: np.random.Generator) -> Arrivals:
    """Diffuse arrivals of random sign between ``start`` and ``stop`` seconds.

    A room of volume V has ``4 pi c^3 t^2 / V`` images a second of gain 1 / (c t) each, so that
    lossless walls would return ``4 pi c / V`` of energy a second; the rest is the decay.
    """
    count = max(0, int((stop - start) * TAIL_DENSITY))
    time = rng.uniform(start, stop, count)
    direction = rng.normal(size=(count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    energy = 4 * np.pi * SOUND_SPEED / float(room.size.prod()) / TAIL_DENSITY
    sign = rng.choice([-1.0, 1.0], count) * math.sqrt(energy)
    low, high = (sign * 10 ** (-3 * time / t60) for t60 in room.t60)
    return Arrivals(time, direction, low, high)


def reverberate(
    room: Room, source: Source, listener: ArrayLike, rng: np.random.Generator
) -> Arrivals:
    """All that arrives from ``source`` until the tail is `TAIL_DB` down; the direct sound first.

    What the walls scatter, and later all, is left to the tail.
    """
    direct = float(np.linalg.norm(source.place - np.asarray(listener, float)))
    mixed = direct / SOUND_SPEED + MIXED_S
    early = images(room, source, listener, mixed * SOUND_SPEED, JITTER_M, rng)
    ending = np.sqrt(np.clip((mixed - early.time) / MIXING_S, 0, 1))
    early = early._replace(low=early.low * ending, high=early.high * ending)
    late = tail(room, early.time[1:].min(initial=mixed), TAIL_DB / 60 * max(room.t60), rng)
    hits = SOUND_SPEED * late.time / 2 * (1 / room.size).sum()
    mirrored = (1 - room.scatter) ** hits * np.clip((mixed - late.time) / MIXING_S, 0, 1)
    low, high = source.diffuse()[:, None] * np.sqrt(1 - mirrored)
    late = late._replace(low=late.low * low, high=late.high * high)
    return Arrivals(*(np.concatenate(pair) for pair in zip(early, late, strict=True)))


def without_rumble(response: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """Response (c, n) at ``rate`` Hz above `RUMBLE_HZ`."""
    high_pass = butter(2, RUMBLE_HZ, "highpass", fs=rate, output="sos")
    return sosfilt(high_pass, response, axis=1).astype(np.float32)


def room_response(
    size: ArrayLike, source: ArrayLike, listener: ArrayLike, t60: float, rate: int,
    rng: np.random.Generator,
) -> NDArray[np.float32]:  # fmt: skip
    """FOA impulse response (4, n) at ``rate`` Hz of a shoebox and an ideal microphone.

    Parameters
    ----------
    size, source, listener : (3,) metres
        x forward, y left, z up, from one corner.
    t60 : seconds
        Reverberation time below 1.5 kHz; above it is 40 to 100 % of that.
    rng : numpy.random.Generator
        How walls differ, images are jittered and the tail falls.

    Returns
    -------
    float32 (4, n)
        AmbiX; the direct sound has gain 1 / distance and arrives after distance / 343 m/s.
    """
    room = build_room(size, (t60, t60 * rng.uniform(0.4, 1.0)), SCATTER, rng)
    everywhere = Source(np.asarray(source, float), np.array([1.0, 0, 0]))
    arrivals = reverberate(room, everywhere, listener, rng)
    length = math.ceil(arrivals.time.max() * rate) + 2 * TAPS
    return without_rumble(record(arrivals, COINCIDENT, rate, length), rate)
