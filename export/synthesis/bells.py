"""Bells of the door, the bicycle and the church."""

from __future__ import annotations

import numpy as np
from scipy.signal import fftconvolve

from export.synthesis.elements import (
    Rng,
    Samples,
    add,
    burst,
    decay,
    fade,
    log_uniform,
    modes,
    noise,
    silence,
    square,
    tone,
)

CHURCH = np.array([0.5, 1.0, 1.2, 1.5, 2.0, 2.5, 2.67, 3.0, 4.0, 5.3, 6.7, 8.0, 9.3, 10.6])
"""Hum, prime, tierce, quint, nominal and what lies above, against the prime."""

BAR = np.array([1.0, 2.756, 5.404, 8.933])
"""Modes of a free bar (Fletcher and Rossing, The Physics of Musical Instruments)."""


def doorbell(rng: Rng, rate: int) -> Samples:
    """A ding-dong on two chime bars, sometimes twice, or a buzzer."""
    if rng.random() < 0.1:
        size = round(rng.uniform(0.5, 1.4) * rate)
        buzz = tone(rng.choice([100.0, 120.0]), square(60), size, rate)
        return buzz * fade(size, rate, 0.01, 0.02)
    pitch = rng.uniform(620, 1050)
    drop = 2 ** (-rng.choice([3, 4, 4, 5]) / 12)
    lasting, gap = rng.uniform(3, 7), rng.uniform(0.35, 0.75)
    gains = [1, rng.uniform(0.1, 0.4), rng.uniform(0.02, 0.15), 0.02]
    notes = [1, drop] * (2 if rng.random() < 0.3 else 1)
    track = silence(min(5.0, gap * len(notes) + lasting * 0.5), rate)
    for k, note in enumerate(notes):
        bar = modes(pitch * note * BAR, lasting / BAR**0.8, gains, rate, rng)
        add(track, bar, k * gap, rate)
        add(track, 0.05 * burst(0.03, rate, rng, 500, 4000), k * gap, rate)
    return track


def bicycle_bell(rng: Rng, rate: int) -> Samples:
    """Loose weights that ratchet against a small steel cup, once or twice."""
    pitch = rng.uniform(1900, 3300)
    ratios = np.array([1, 1.006, 1.98, 2.02, 2.9, 3.9, 5.1]) * rng.uniform(0.98, 1.02, 7)
    lasting = rng.uniform(0.7, 1.8)
    cup = modes(pitch * ratios, lasting / ratios**0.7, rng.uniform(0.2, 1, 7), rate, rng)
    pulls = int(rng.integers(1, 4))
    track, at = silence(5.0, rate), 0.0
    for _ in range(pulls):
        speed = rng.uniform(16, 30)
        for k in range(int(rng.integers(4, 10))):
            strike = cup * rng.uniform(0.4, 1)
            add(track, strike, at + (k + rng.uniform(-0.15, 0.15) + 0.2) / speed, rate)
        at += rng.uniform(0.4, 0.8)
    return track[: round((at + lasting * 0.7) * rate)]


def church_bells(rng: Rng, rate: int) -> Samples:
    """One to four bronze bells swinging, each partial doubled so that it beats."""
    prime = log_uniform(rng, 300, 750)
    scale = 2 ** (np.array([0, 2, 4, 5, 7, 9, 12]) / 12)
    chosen = rng.choice(scale, int(rng.integers(1, 5)), replace=False)
    bells = [_bronze(prime * note, rng, rate) for note in chosen]
    period = rng.uniform(0.8, 2) if len(bells) < 3 else rng.uniform(0.4, 0.9)
    track = silence(5.0, rate)
    for k, at in enumerate(np.arange(0, 4.5, period)):
        add(track, bells[k % len(bells)] * rng.uniform(0.7, 1), at, rate)
    hills = noise(round(1.2 * rate), rate, rng, 150, 4000, 1)
    hills *= decay(hills.size, rate, 1.2) * rng.uniform(0.4, 1.2) / np.linalg.norm(hills)
    return track + fftconvolve(track, hills)[: track.size]


def _bronze(prime: float, rng: Rng, rate: int) -> Samples:
    ratios = CHURCH * rng.uniform(0.99, 1.01, CHURCH.size)
    gains = rng.uniform(0.4, 1, CHURCH.size) * ratios ** rng.uniform(-0.1, 0.6)
    lasting = rng.uniform(13, 28) / np.maximum(ratios, 0.7) ** 1.1
    beats = rng.uniform(0.3, 3.5, CHURCH.size)
    both = np.concatenate([prime * ratios, prime * ratios + beats])
    strike = modes(both, np.tile(lasting, 2), np.tile(gains, 2), rate, rng)
    add(strike, burst(0.06, rate, rng, 800, 6000), 0, rate)
    return strike
