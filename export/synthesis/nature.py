"""Rain, a whistle and a dog."""

from __future__ import annotations

import numpy as np
from scipy.signal import fftconvolve

from export.synthesis.elements import (
    Rng,
    Samples,
    add,
    burst,
    drift,
    fade,
    log_uniform,
    noise,
    resonate,
    sawtooth,
    silence,
    tone,
)


def rain(rng: Rng, rate: int) -> Samples:
    """The hiss of countless far drops, and near ones that can be told apart."""
    size = round(rng.uniform(3, 5) * rate)
    hiss = noise(
        size, rate, rng, rng.uniform(100, 500), rng.uniform(3000, 6000), 1, rng.uniform(0.2, 1)
    )
    hiss *= 1 + 0.12 * drift(size, rate, rng, 1)
    near, drops = log_uniform(rng, 150, 2000), silence(size / rate, rate)
    for _ in range(5):
        falls = np.exp(rng.normal(0, 0.8, size)) * (rng.random(size) < near / 5 / rate)
        pitch = log_uniform(rng, 1000, 3000)
        splash = burst(rng.uniform(0.005, 0.013), rate, rng, pitch * 0.75, pitch * 2)
        drops += fftconvolve(falls, splash)[:size]
    track = hiss + log_uniform(rng, 0.35, 1.5) * drops / drops.std()
    for _ in range(int(rng.integers(10, 80))):
        drop = burst(rng.uniform(0.01, 0.04), rate, rng, 800, 6000)
        add(track, rng.exponential(1.2) * drop, rng.uniform(0, size / rate), rate)
    return np.asarray(track)


def whistle(rng: Rng, rate: int) -> Samples:
    """Lips that whistle a few notes, or a referee's pea whistle."""
    if rng.random() < 0.35:
        return _pea_whistle(rng, rate)
    base = rng.uniform(900, 1700)
    steps = rng.choice([-5, -3, 0, 2, 4, 5, 7], int(rng.integers(2, 7)))
    lengths = rng.uniform(0.15, 0.6, steps.size)
    edges = np.concatenate([[0], np.cumsum(lengths)])
    t = np.arange(round(edges[-1] * rate)) / rate
    note = np.searchsorted(edges, t, "right") - 1
    lag = round(0.035 * rate)
    glide = np.convolve(np.pad(steps[note], (lag, lag), "edge"), np.hanning(2 * lag + 1), "valid")
    pitch = base * 2 ** (glide / np.hanning(2 * lag + 1).sum() / 12)
    pitch = pitch * (1 + 0.008 * np.sin(2 * np.pi * rng.uniform(4.5, 6.5) * t))
    pitch = pitch * (1 + 0.004 * drift(t.size, rate, rng, 12))
    since = t - edges[note]
    left = edges[note + 1] - t
    level = np.clip(since / 0.03, 0.25, 1) * np.clip(left / 0.04, 0.25, 1)
    breath = noise(t.size, rate, rng, base * 0.8, base * 3, 1)
    blown = tone(pitch, [1, 0.08, 0.03], t.size, rate) + 0.05 * breath
    return np.asarray(level * blown * fade(t.size, rate, 0.03, 0.06))


def _pea_whistle(rng: Rng, rate: int) -> Samples:
    track, at = silence(5.0, rate), 0.0
    pitch, trill = rng.uniform(2500, 3600), rng.uniform(25, 45)
    for _ in range(int(rng.integers(1, 4))):
        size = round(rng.uniform(0.2, 1.0) * rate)
        wobble = np.sin(2 * np.pi * np.cumsum(trill * (1 + 0.2 * drift(size, rate, rng, 8))) / rate)
        blow = tone(pitch * (1 + 0.02 * wobble), [1, 0.2, 0.1], size, rate)
        blow += 0.8 * tone(pitch * 1.05 * (1 + 0.02 * wobble), [1, 0.2], size, rate)
        blow = blow * (1 + 0.6 * wobble) + 0.15 * noise(size, rate, rng, 2000, 9000)
        add(track, blow * fade(size, rate, 0.02, 0.05), at, rate)
        at += size / rate + rng.uniform(0.1, 0.3)
    return track[: round(at * rate)]


def dog(rng: Rng, rate: int) -> Samples:
    """Barks: a rough glottal pulse whose pitch leaps and falls, through an opening mouth."""
    track, at = silence(5.0, rate), 0.02
    base, tract = log_uniform(rng, 280, 650), rng.uniform(0.8, 1.25)
    seconds = rng.uniform(0.13, 0.24)
    for _ in range(int(rng.integers(2, 6))):
        size = round(seconds * rng.uniform(0.85, 1.15) * rate)
        t = np.linspace(0, 1, size)
        arc = base * (0.75 + 0.6 * np.sin(np.pi * t**0.7)) * rng.uniform(0.93, 1.07)
        arc = arc * (1 + 0.03 * drift(size, rate, rng, 90))
        voice = tone(arc, sawtooth(30, 0.6), size, rate)
        voice = voice / voice.std() + 0.7 * noise(size, rate, rng, 300, 6000, 1, 0.5)
        mouth = np.array([650, 1250, 2400, 3700]) * tract * rng.uniform(0.95, 1.05)
        bark = resonate(voice, rate, list(mouth), [250, 300, 450, 700], [1, 0.8, 0.25, 0.08])
        bark *= np.sin(np.pi * t**0.45) ** 1.2
        add(track, bark, at, rate)
        at += size / rate + rng.uniform(0.12, 0.45)
    return track[: round((at + 0.05) * rate)]
