"""Sounds made to be noticed: alarms, telephones, sirens, horns, beeps."""

from __future__ import annotations

import numpy as np

from export.synthesis.elements import (
    Rng,
    Samples,
    add,
    drift,
    fade,
    log_uniform,
    modes,
    noise,
    resonate,
    sawtooth,
    silence,
    square,
    tone,
)


def _beep(frequency: float, seconds: float, gains: list[float], rate: int) -> Samples:
    size = round(seconds * rate)
    return tone(frequency, gains, size, rate) * fade(size, rate, 0.003, 0.004)


def smoke_alarm(rng: Rng, rate: int) -> Samples:
    """Piezo sounder near 3.1 kHz, mostly in the temporal-three cadence of ISO 8201."""
    pitch = rng.uniform(2900, 3400)
    gains = [1, rng.uniform(0, 0.15), rng.uniform(0.1, 0.35), rng.uniform(0, 0.05)]
    kind = rng.choice(["three", "fast", "four"], p=[0.6, 0.3, 0.1])
    if kind == "three":
        starts, length = [0.0, 1.0, 2.0, 4.0], 0.5
    elif kind == "four":
        starts, length = [0.0, 0.2, 0.4, 0.6], 0.1
    else:
        period = rng.uniform(0.12, 0.5)
        starts, length = list(np.arange(0, 4.0, period)), period * rng.uniform(0.55, 0.85)
    track = silence(starts[-1] + length + 0.05, rate)
    # the supply sags and the membrane rattles, a little and slowly
    sweep = pitch * (1 + rng.uniform(0, 0.004) * drift(track.size, rate, rng, 4))
    sound = tone(sweep, gains, track.size, rate)
    gate = np.zeros(track.size)
    for start in starts:
        add(gate, fade(round(length * rate), rate, 0.004, 0.006), start, rate)
    return np.asarray(gate * sound)


def alarm_clock(rng: Rng, rate: int) -> Samples:
    """Either the beeps of a quartz clock in groups of four, or a hammer between two bells."""
    if rng.random() < 0.65:
        pitch, length = rng.uniform(1900, 2900), rng.uniform(0.05, 0.09)
        gains = [1, rng.uniform(0, 0.2), rng.uniform(0.2, 0.5), 0, rng.uniform(0, 0.2)]
        gap, period = length * rng.uniform(0.8, 1.1), rng.choice([0.8, 1.0, 1.0])
        track = silence(rng.integers(3, 6) * period, rate)
        for group in np.arange(0, track.size / rate, period):
            for k in range(4):
                add(track, _beep(pitch, length, gains, rate), group + k * (length + gap), rate)
        return track
    return _hammered(rng, rate, rng.uniform(1.5, 4), rng.uniform(14, 26), (1100, 2600))


def _hammered(
    rng: Rng, rate: int, seconds: float, hertz: float, pitches: tuple[float, float]
) -> Samples:
    """A hammer that swings between two little bells, and their tail."""
    pitch = log_uniform(rng, *pitches)
    ratios = np.array([1, 1.02, 2.1, 2.63, 3.4, 4.2, 5.4]) * rng.uniform(0.97, 1.03, 7)
    lasting = log_uniform(rng, 0.3, 1.5)
    gains = rng.uniform(0.2, 1, 7) * ratios ** rng.uniform(0, 0.8)
    bells = [
        modes(pitch * detune * ratios, lasting / ratios**0.4, gains, rate, rng)
        for detune in (1, rng.uniform(1.08, 1.3))
    ]
    track = silence(seconds + lasting, rate)
    for k in range(int(seconds * hertz)):
        at = (k + rng.uniform(0, 0.1)) / hertz
        add(track, bells[k % 2] * rng.uniform(0.8, 1), at, rate)
        add(track, 0.08 * noise(round(0.004 * rate), rate, rng, 2000, 9000), at, rate)
    return track


def telephone(rng: Rng, rate: int) -> Samples:
    """A bell or a two-tone warble, in single rings or in the British pairs."""
    if rng.random() < 0.65:
        seconds, pause = rng.uniform(0.6, 1.5), rng.uniform(1.1, 2.5)
        starts = np.arange(0, 5 - seconds, seconds + pause)
    else:
        seconds, starts = 0.4, np.array([0, 0.6, 3.0, 3.6])
    if rng.random() < 0.5:
        ring = _hammered(rng, rate, seconds, rng.uniform(16, 25), (850, 1700))
    else:
        size = round(seconds * rate)
        low, ratio = log_uniform(rng, 500, 1500), rng.uniform(1.08, 1.4)
        swap = (np.arange(size) * log_uniform(rng, 6, 16) / rate) % 1 < 0.5
        gains = [g * rng.uniform(0.5, 1) for g in square(11)]
        ring = tone(np.where(swap, low, low * ratio), gains, size, rate)
        ring *= fade(size, rate, 0.005, 0.02)
    track = silence(min(5.0, starts[-1] + ring.size / rate), rate)
    for start in starts:
        add(track, ring, start, rate)
    return track


def siren(rng: Rng, rate: int) -> Samples:
    """A horn loudspeaker that wails, yelps or plays two tones, or a motor siren."""
    size = round(rng.uniform(3, 5) * rate)
    t = np.arange(size) / rate
    kind = rng.choice(["wail", "yelp", "two-tone", "motor"], p=[0.4, 0.2, 0.25, 0.15])
    low, high = rng.uniform(500, 700), rng.uniform(1150, 1600)
    if kind == "two-tone":
        low = rng.uniform(400, 620)
        up = (t / rng.uniform(0.9, 1.3) + rng.random()) % 1 < 0.5
        pitch = np.where(up, low, low * rng.uniform(1.25, 1.42))
    elif kind == "motor":
        pitch = rng.uniform(380, 480) * (1 - 0.75 * np.exp(-t / rng.uniform(0.8, 1.6)))
    else:
        speed = rng.uniform(0.2, 0.45) if kind == "wail" else rng.uniform(2.4, 3.8)
        wave = 0.5 - 0.5 * np.cos(2 * np.pi * (speed * t + rng.random()))
        pitch = low * (high / low) ** wave
    sound = tone(pitch, sawtooth(14, rng.uniform(0.7, 1.2)), size, rate)
    sound = 0.15 * sound + resonate(
        sound, rate, [rng.uniform(700, 1100), rng.uniform(1500, 2600)], [500, 900], [1, 0.7]
    )
    return _outdoors(sound, rng, rate) * fade(size, rate, 0.1, 0.3)


def _outdoors(sound: Samples, rng: Rng, rate: int) -> Samples:
    """A few echoes off walls down the street, and air that flutters."""
    out = sound * (1 + 0.1 * drift(sound.size, rate, rng, 3))
    for _ in range(6):
        lag = round(rng.uniform(0.02, 0.25) * rate)
        out[lag:] += rng.normal(0, 0.3) * sound[:-lag]
    return out


def car_horn(rng: Rng, rate: int) -> Samples:
    """Two buzzing discs about a third apart."""
    pitch, ratio = rng.uniform(350, 450), rng.uniform(1.18, 1.28)
    slope = rng.uniform(0.3, 0.8)
    honks = int(rng.integers(1, 4))
    track, at = silence(5.0, rate), 0.0
    for _ in range(honks):
        size = round((rng.uniform(0.6, 1.6) if honks == 1 else rng.uniform(0.15, 0.6)) * rate)
        rise = 1 - 0.03 * np.exp(-np.arange(size) / (0.012 * rate))
        honk = sum(
            (tone(p * rise, sawtooth(24, slope), size, rate) for p in (pitch, pitch * ratio)),
            np.zeros(size),
        )
        add(track, honk * fade(size, rate, 0.02, 0.04), at, rate)
        at += size / rate + rng.uniform(0.1, 0.35)
    centres = [rng.uniform(400, 700), rng.uniform(1500, 2300), rng.uniform(2600, 3600)]
    track = resonate(track, rate, centres, [400, 700, 900], [0.6, 1, 0.7])
    return _outdoors(track[: round(at * rate)], rng, rate)


def beep(rng: Rng, rate: int) -> Samples:
    """One beep or a few equal ones, of a watch, a till or a microwave oven."""
    pitch = log_uniform(rng, 900, 3200)
    gains = square(5) if rng.random() < 0.4 else [1, rng.uniform(0, 0.1), rng.uniform(0, 0.2)]
    count = int(rng.choice([1, 2, 3, 4, 5]))
    length = log_uniform(rng, 0.07, 0.6)
    period = length + rng.uniform(0.08, 0.5)
    track = silence(min(5.0, count * period), rate)
    for k in range(count):
        add(track, _beep(pitch, length, gains, rate), k * period, rate)
    return np.asarray(np.append(track, silence(max(0.0, 0.3 - track.size / rate), rate)))
