"""Engines and household machines."""

from __future__ import annotations

import math

import numpy as np

from export.synthesis.elements import (
    Rng,
    Samples,
    drift,
    fade,
    log_uniform,
    noise,
    resonate,
    sawtooth,
    tone,
)


def engine(rng: Rng, rate: int) -> Samples:
    """Firing pulses of four to eight unequal cylinders through exhaust and body."""
    size = round(rng.uniform(3, 5) * rate)
    cylinders = int(rng.choice([2, 4, 4, 6, 8]))
    idle = rng.uniform(650, 1100) / 120 * cylinders  # firings a second
    speed = idle * (1 + 0.02 * drift(size, rate, rng, 3))
    if rng.random() < 0.5:
        rev = np.clip(drift(size, rate, rng, 0.8), 0, 2)
        speed = speed * (1 + rng.uniform(0.5, 1.2) * rev)
    phase = np.cumsum(speed) / rate
    index = phase.astype(int)
    strength = rng.uniform(0.6, 1, cylinders)[index % cylinders]
    strength = strength * rng.uniform(0.8, 1.2, index[-1] + 1)[index]
    pulse = strength * np.exp(-(phase % 1) * rng.uniform(5, 12))
    rough = noise(size, rate, rng, 60, 2500, 1, 1)
    blow = pulse + rng.uniform(0.2, 0.5) * pulse * rough
    body = np.array([rng.uniform(60, 110), rng.uniform(150, 260), rng.uniform(350, 600), 1100, 2300])
    sound = resonate(blow, rate, list(body), [60, 90, 200, 500, 900], [1, 0.8, 0.6, 0.4, 0.25])
    mechanics = noise(size, rate, rng, 300, 5000, 1, 1) * (0.5 + pulse)
    return np.asarray(sound / sound.std() + rng.uniform(0.2, 0.7) * mechanics)


def vacuum_cleaner(rng: Rng, rate: int) -> Samples:
    """A universal motor's whine and the rush of air, moved about the floor."""
    size = round(rng.uniform(3, 5) * rate)
    spin = rng.uniform(260, 560) * (1 + 0.01 * drift(size, rate, rng, 1.5))
    if rng.random() < 0.3:
        spin = spin * (1 - 0.7 * np.exp(-np.arange(size) / (rng.uniform(0.15, 0.4) * rate)))
    whine = tone(spin, [g * rng.uniform(0.3, 1) for g in sawtooth(20, 0.6)], size, rate)
    air = noise(size, rate, rng, rng.uniform(200, 450), rng.uniform(2000, 4500), 1.3, 0.5)
    duct = resonate(
        air, rate, [rng.uniform(400, 800), rng.uniform(1200, 2000), rng.uniform(2500, 3500)],
        [200, 400, 900], [1, 1, 0.5],
    )  # fmt: skip
    strokes = 1 + 0.2 * drift(size, rate, rng, 1.2)
    air = air + 2 * duct
    return strokes * air / air.std() + rng.uniform(0.25, 0.6) * whine / whine.std()


def washing_machine(rng: Rng, rate: int) -> Samples:
    """A drum that tumbles wet clothes, or spins; the motor hums below."""
    size = round(rng.uniform(4, 5) * rate)
    t = np.arange(size) / rate
    turn = rng.uniform(0.7, 1.0)
    hum = tone(rng.choice([50.0, 60.0]) * 2, sawtooth(12, 0.8), size, rate)
    belt = tone(rng.uniform(180, 320) * (1 + 0.01 * np.sin(2 * math.pi * turn * t)),
                sawtooth(10, 0.7), size, rate)  # fmt: skip
    slosh = (0.5 + 0.5 * np.sin(2 * math.pi * turn * t + 6 * rng.random())) ** 3
    water = noise(size, rate, rng, 150, 1800, 1, 1) * (0.25 + slosh)
    thump = noise(size, rate, rng, 40, 200) * slosh**4
    rumble = noise(size, rate, rng, 60, 700, 1, 1)
    sound = (
        rng.uniform(0.2, 0.5) * hum + rng.uniform(0.1, 0.4) * belt
        + water + rng.uniform(0.5, 1.2) * thump + 0.5 * rumble
    )  # fmt: skip
    return sound * fade(size, rate, 0.05, 0.05) * log_uniform(rng, 0.5, 1)
