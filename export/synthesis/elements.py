"""What the sounds are made of: tones, modes, noise, resonances, envelopes and time.

Everything works on float64 (n,) at ``rate`` Hz and takes its chance from a NumPy Generator.
Decay times are T60: the seconds that a sound takes to fall by 60 dB.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline
from scipy.signal import butter, lfilter, sosfilt

Samples = NDArray[np.float64]
Rng = np.random.Generator

MAX_RATE_SHARE = 0.45
"""No partial is made above this share of the rate, so that none aliases."""


MAX_SOUND_S = 5.0
"""Seconds of the longest sound."""


def silence(seconds: float, rate: int) -> Samples:
    """Zeros (n,)."""
    return np.zeros(round(seconds * rate))


def log_uniform(rng: Rng, low: float, high: float) -> float:
    """A number between two positive ones, each octave as likely as the next."""
    return float(math.exp(rng.uniform(math.log(low), math.log(high))))


def add(track: Samples, sound: Samples, at: float, rate: int) -> None:
    """Mix ``sound`` into ``track`` from ``at`` seconds; what sticks out at its end is lost."""
    start = round(at * rate)
    room = track[start : start + sound.size]
    room += sound[: room.size]


def fade(size: int, rate: int, attack: float, release: float) -> Samples:
    """Envelope (size,) 0..1 with raised-cosine flanks of so many seconds."""
    envelope = np.ones(size)
    for flank, seconds in ((envelope, attack), (envelope[::-1], release)):
        n = min(max(1, round(seconds * rate)), size)
        flank[:n] *= 0.5 - 0.5 * np.cos(np.pi * (np.arange(n) + 0.5) / n)
    return envelope


def decay(size: int, rate: int, t60: float) -> Samples:
    """Exponential envelope (size,) from 1."""
    return np.asarray(np.exp(-math.log(1000) / (t60 * rate) * np.arange(size)))


def drift(size: int, rate: int, rng: Rng, hertz: float) -> Samples:
    """Smooth chance (size,) of about unit variance that wanders ``hertz`` times a second."""
    knots = rng.standard_normal(max(4, math.ceil(size / rate * hertz) + 3))
    curve = CubicSpline(np.arange(knots.size), knots)
    return np.asarray(curve(rng.uniform() + np.arange(size) * hertz / rate))


def tone(frequency: ArrayLike, gains: Sequence[float], size: int, rate: int) -> Samples:
    """Harmonic sound (size,); ``frequency`` in Hz may be a curve (size,)."""
    hertz = np.broadcast_to(np.asarray(frequency, float), (size,))
    phase = 2 * np.pi * np.cumsum(hertz) / rate
    highest = float(hertz.max(initial=1.0))
    sound = np.zeros(size)
    for k, gain in enumerate(gains, 1):
        if k * highest < MAX_RATE_SHARE * rate and gain:
            sound += gain * np.sin(k * phase)
    return sound


def square(harmonics: int) -> list[float]:
    """Gains of a band-limited square wave."""
    return [(k % 2) / k for k in range(1, harmonics + 1)]


def sawtooth(harmonics: int, slope: float = 1.0) -> list[float]:
    """Gains ``1 / k**slope`` of a sawtooth; a smaller slope is brighter."""
    return [k**-slope for k in range(1, harmonics + 1)]


def modes(
    frequencies: ArrayLike, t60s: ArrayLike, gains: ArrayLike, rate: int, rng: Rng
) -> Samples:
    """A struck body: decaying sines (n,) of random phase, at most `MAX_SOUND_S`."""
    parts = np.broadcast_arrays(*np.atleast_1d(frequencies, t60s, gains))
    sound = silence(min(MAX_SOUND_S, float(parts[1].max())), rate)
    for frequency, t60, gain in zip(*parts, strict=True):
        if frequency < MAX_RATE_SHARE * rate:
            size = min(sound.size, round(t60 * rate))
            angle = 2 * np.pi * frequency / rate * np.arange(size) + rng.uniform(0, 2 * np.pi)
            sound[:size] += gain * np.sin(angle) * decay(size, rate, t60)
    return sound


def noise(
    size: int, rate: int, rng: Rng, low: float, high: float, steepness: float = 2.0,
    slope: float = 0.0,
) -> Samples:  # fmt: skip
    """Noise (size,) of unit variance between two frequencies in Hz.

    Outside the band the power falls with ``f**(2 steepness)``, within it with ``f**slope``.
    """
    white = np.fft.rfft(rng.standard_normal(size))
    f = np.maximum(np.fft.rfftfreq(size, 1 / rate), 1.0)
    shape = f ** (-slope / 2) / np.sqrt(
        (1 + (low / f) ** (2 * steepness)) * (1 + (f / high) ** (2 * steepness))
    )
    sound = np.fft.irfft(white * shape, size)
    return np.asarray(sound / (np.std(sound) + 1e-12))


def burst(t60: float, rate: int, rng: Rng, low: float, high: float) -> Samples:
    """Noise that starts at once and dies away: a crack, a slap, a scrape."""
    size = max(8, round(t60 * rate))
    return noise(size, rate, rng, low, high) * decay(size, rate, t60)


def resonate(
    sound: Samples, rate: int, centres: Sequence[float], widths: Sequence[float],
    gains: Sequence[float],
) -> Samples:  # fmt: skip
    """Parallel two-pole resonances (Hz, bandwidth in Hz) with a gain of ``gains`` at each peak."""
    out = np.zeros_like(sound)
    for centre, width, gain in zip(centres, widths, gains, strict=True):
        radius = math.exp(-math.pi * width / rate)
        angle = 2 * math.pi * centre / rate
        # zeros at 0 Hz and at half the rate make the peak's gain about (1 - radius)
        poles = [1, -2 * radius * math.cos(angle), radius**2]
        out += gain * lfilter([(1 - radius**2) / 2, 0, (radius**2 - 1) / 2], poles, sound)
    return out


def record(sound: Samples, rng: Rng, rate: int) -> Samples:
    """What a microphone nearby makes of it: an uneven response and a small furnished place.

    The response starts at 40 Hz, wanders by some 3 dB over the octaves and dulls in the treble.
    The place adds a tail 14 to 28 dB below the sound and a hiss 50 to 70 dB below its peak.
    """
    sound = sosfilt(butter(2, 40, "highpass", fs=rate, output="sos"), sound)
    tail = noise(round(0.4 * rate), rate, rng, 150, rng.uniform(1500, 5000), 1)
    tail *= decay(tail.size, rate, rng.uniform(0.1, 0.4))
    place = np.append(1.0, tail * 10 ** (-rng.uniform(14, 28) / 20) / np.linalg.norm(tail))
    size = sound.size + place.size
    octave = np.log2(np.maximum(np.fft.rfftfreq(size, 1 / rate), 20) / 20)
    curve = CubicSpline(np.arange(0, 12, 2), rng.normal(0, 3, 6))(octave)
    roll_off = np.log2(rng.uniform(6000, 16000) / 20)
    response = 10 ** (curve / 20) / np.sqrt(1 + 2.0 ** (4 * (octave - roll_off)))
    out = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(place, size) * response, size)
    out = out[: sound.size + round(0.15 * rate)]
    floor = noise(out.size, rate, rng, 60, 8000, 1, rng.uniform(0, 1))
    return np.asarray(out + np.abs(out).max() * 10 ** (-rng.uniform(50, 70) / 20) * floor)


def finish(sound: Samples, rate: int, longest: float = MAX_SOUND_S) -> NDArray[np.float32]:
    """At most ``longest`` seconds, without a click at its end, with a peak of 1."""
    sound = sound[: round(longest * rate)] * 1.0
    sound -= sound.mean()
    sound *= fade(sound.size, rate, 1 / rate, 0.02)
    return np.asarray(sound / np.abs(sound).max(), np.float32)
