"""Things that strike things: knocks, clicks, claps, glass."""

from __future__ import annotations

import numpy as np

from export.synthesis.elements import (
    Rng,
    Samples,
    add,
    burst,
    fade,
    log_uniform,
    modes,
    silence,
)


def _click(
    rng: Rng, rate: int, pitches: tuple[float, float], t60: float, ringing: float = 1.0
) -> Samples:
    """A short dry tick of plastic or metal: a grain of noise and a handful of modes."""
    frequencies = np.exp(rng.uniform(np.log(pitches[0]), np.log(pitches[1]), 6))
    sound = modes(frequencies, t60 * rng.uniform(0.3, 1, 6), rng.uniform(0.2, 1, 6), rate, rng)
    sound = ringing * np.append(sound, silence(0.02, rate))
    add(sound, burst(t60 * 0.5, rate, rng, pitches[0], pitches[1] * 1.3), 0, rate)
    return sound


def clock_tick(rng: Rng, rate: int) -> Samples:
    """Tick and tock: each a cluster of small impacts of the escapement."""
    period = rng.choice([0.25, 0.5, 1.0, 1.0])
    low = log_uniform(rng, 1100, 3200)
    kinds = [_tick(rng, rate, low), _tick(rng, rate, low * rng.uniform(0.75, 0.95))]
    track = silence(rng.uniform(3, 5), rate)
    for k, at in enumerate(np.arange(0.01, track.size / rate, period)):
        add(track, kinds[k % 2] * rng.uniform(0.85, 1), at, rate)
    return track


def _tick(rng: Rng, rate: int, low: float) -> Samples:
    track = silence(0.12, rate)
    ringing = log_uniform(rng, 0.05, 0.8)
    case = low * rng.uniform([0.2, 0.35, 0.55], [0.3, 0.5, 0.8])
    for delay, level in ((0, 0.5), (rng.uniform(0.004, 0.01), 1), (rng.uniform(0.012, 0.02), 0.6)):
        click = _click(rng, rate, (low, low * 4), rng.uniform(0.015, 0.05), ringing)
        add(click, modes(case, 0.06, 0.15, rate, rng), 0, rate)
        add(track, level * click, delay, rate)
    return track


def door_knock(rng: Rng, rate: int) -> Samples:
    """Knuckles on a wooden panel: a soft contact that drives its lowest modes."""
    base = rng.uniform(90, 220)
    panel = base * np.cumsum(np.concatenate([[1], rng.uniform(0.25, 0.9, 11)]))
    lasting = rng.uniform(0.03, 0.065) / (panel / base) ** rng.uniform(0.3, 0.6)
    count, gap = int(rng.integers(2, 6)), rng.uniform(0.18, 0.33)
    hardness, edge = rng.uniform(0.6, 1.6), rng.uniform(650, 1300)
    track, at = silence(5.0, rate), 0.01
    for _ in range(count):
        gains = rng.uniform(0.3, 1, 12) / (panel / base) ** rng.uniform(0.7, 1.3)
        knock = modes(panel, lasting, gains, rate, rng)
        thud = burst(rng.uniform(0.025, 0.055), rate, rng, 150, edge)
        knock = np.append(knock / np.abs(knock).max(), silence(0.03, rate))
        add(knock, hardness * thud / np.abs(thud).max(), 0, rate)
        add(track, knock * rng.uniform(0.7, 1), at, rate)
        at += gap * rng.uniform(0.92, 1.08)
    return track[: round((at + 0.2) * rate)]


def glass_breaking(rng: Rng, rate: int) -> Samples:
    """A blow, the crack, then a shower of shards that ring and bounce."""
    track = silence(rng.uniform(1.2, 2.6), rate)
    add(track, 0.8 * burst(rng.uniform(0.08, 0.2), rate, rng, 1500, 14000), 0.005, rate)
    add(track, 0.1 * burst(0.05, rate, rng, 150, 900), 0.005, rate)
    pane = log_uniform(rng, 1500, 3000) * np.cumsum(rng.uniform(0.15, 0.6, 14))
    add(track, 0.25 * modes(pane, rng.uniform(0.1, 0.5, 14), 0.6, rate, rng), 0.005, rate)
    for _ in range(int(rng.integers(80, 220))):
        size = rng.uniform()
        ring = log_uniform(rng, 2200, 6500) * (1.8 - 0.8 * size)
        ratios = np.array([1, rng.uniform(1.3, 1.9), rng.uniform(2.0, 2.9)])
        lasting = log_uniform(rng, 0.03, 0.35)
        shard = modes(ring * ratios, lasting / ratios, [1, 0.7, 0.5], rate, rng)
        add(shard, 0.5 * burst(0.008, rate, rng, 4000, 16000), 0, rate)
        at, level = 0.01 + rng.exponential(0.28), 0.3 * (0.3 + size) * rng.uniform(0.2, 1)
        level *= np.exp(-at / 0.6)
        for _ in range(int(rng.integers(1, 4))):
            if at < track.size / rate:
                add(track, level * shard, at, rate)
            at, level = at + rng.uniform(0.03, 0.14), level * 0.45
    return track * fade(track.size, rate, 0.0001, 0.4)


def mouse_click(rng: Rng, rate: int) -> Samples:
    """A micro-switch pressed and let go, singly or doubly."""
    ringing = log_uniform(rng, 0.03, 0.2)
    press = _click(rng, rate, (1700, 6500), rng.uniform(0.01, 0.02), ringing)
    release = 0.6 * _click(rng, rate, (2200, 8000), rng.uniform(0.01, 0.02), ringing)
    add(press, modes(rng.uniform(400, 1200, 3), 0.03, rng.uniform(0.03, 0.2), rate, rng), 0, rate)
    hold = rng.uniform(0.06, 0.13)
    track, at = silence(5.0, rate), 0.01
    for _ in range(int(rng.integers(1, 7))):
        add(track, press * rng.uniform(0.8, 1), at, rate)
        add(track, release * rng.uniform(0.8, 1), at + hold * rng.uniform(0.9, 1.1), rate)
        at += hold + (rng.uniform(0.06, 0.12) if rng.random() < 0.3 else rng.uniform(0.25, 0.7))
    return track[: round((at + 0.1) * rate)]


def keyboard_typing(rng: Rng, rate: int) -> Samples:
    """Keys that bottom out on a plate and snap back, in runs and pauses."""
    low = log_uniform(rng, 1000, 2800)
    plate = rng.uniform(150, 350) * np.array([1, 1.6, 2.3, 3.4])
    speed = rng.uniform(5, 10)
    track, at = silence(rng.uniform(2.5, 5), rate), 0.02
    while at < track.size / rate - 0.25:
        key = rng.uniform(0.85, 1.2)
        down = _click(rng, rate, (low * key, low * key * 4), rng.uniform(0.02, 0.045))
        add(down, modes(plate * key, 0.04, rng.uniform(0.05, 0.25, 4), rate, rng), 0, rate)
        up = 0.4 * _click(rng, rate, (low * key * 1.3, low * key * 5), 0.02)
        add(track, down * rng.uniform(0.5, 1), at, rate)
        add(track, up * rng.uniform(0.5, 1), at + rng.uniform(0.05, 0.1), rate)
        at += rng.gamma(4, 1 / (4 * speed)) + (rng.uniform(0.2, 0.5) if rng.random() < 0.08 else 0)
    return track


def clapping(rng: Rng, rate: int) -> Samples:
    """One pair of hands, or a few."""
    people = int(rng.choice([1, 2, 5, 8]))
    track = silence(rng.uniform(2.5, 5), rate)
    for _ in range(people):
        cup, level = log_uniform(rng, 700, 2200), rng.uniform(0.3, 1)
        period = rng.uniform(0.17, 0.35) if people > 1 else rng.uniform(0.22, 0.5)
        at = 0.01 if people == 1 else rng.uniform(0, period)
        while at < track.size / rate - 0.1:
            clap = burst(rng.uniform(0.01, 0.03), rate, rng, cup * 0.55, cup * 1.8)
            add(clap, rng.uniform(0.3, 1) * burst(0.006, rate, rng, 800, 7000), 0, rate)
            add(track, level * rng.uniform(0.7, 1) * clap, at, rate)
            at += period * max(0.5, rng.normal(1, 0.12))
    return track
