"""The combustion engine."""

from __future__ import annotations

import numpy as np

from export.synthesis.elements import Rng, Samples, drift, noise, resonate


def engine(rng: Rng, rate: int) -> Samples:
    """Firing pulses of two to eight unequal cylinders through exhaust and body."""
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
    body = np.array(
        [rng.uniform(60, 110), rng.uniform(150, 260), rng.uniform(350, 600), 1100, 2300]
    )
    sound = resonate(blow, rate, list(body), [60, 90, 200, 500, 900], [1, 0.8, 0.6, 0.4, 0.25])
    mechanics = noise(size, rate, rng, 300, 5000, 1, 1) * (0.5 + pulse)
    return np.asarray(sound / sound.std() + rng.uniform(0.2, 0.7) * mechanics)
