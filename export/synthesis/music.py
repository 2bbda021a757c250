"""Something like music: chords and tunes of plucked, struck and bowed tones, and a beat."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 4, 7, 9))
A_HZ = 440.0


def melody(seconds: float, rate: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Music (n,) of peak 1: one instrument, one scale, one tempo, all at random."""
    beat_s = 60 / rng.uniform(60, 160)
    scale = SCALES[int(rng.integers(len(SCALES)))]
    decay_s, attack_s = rng.uniform(0.1, 1.5), rng.uniform(0.003, 0.15)
    harmonics = rng.uniform(0.3, 1.0, 10) * np.arange(1, 11) ** -rng.uniform(0.6, 2.0)
    drums, chords = rng.random() < 0.5, rng.random() < 0.6
    out = np.zeros(int(seconds * rate), np.float32)
    step = 0
    for beat in range(int(seconds / beat_s)):
        for part in range(int(rng.choice([0, 1, 2], p=[0.2, 0.5, 0.3]))):
            step = int(np.clip(step + rng.integers(-2, 3), -7, 7))
            tones = [step, step + 2, step + 4] if chords and part == 0 else [step]
            for tone in tones:
                octave, degree = divmod(tone, len(scale))
                hertz = A_HZ * 2 ** ((scale[degree] + 12 * octave - 12) / 12)
                note = _tone(hertz, decay_s, attack_s, harmonics, rate)
                _mix(out, note, (beat + part / 2) * beat_s, rate)
        if drums:
            hit = rng.standard_normal(rate // 5) * np.exp(-np.arange(rate // 5) / (0.03 * rate))
            _mix(out, 0.5 * hit.astype(np.float32), beat * beat_s, rate)
    return np.asarray(out / max(float(np.abs(out).max()), 1e-9), np.float32)


def _tone(
    hertz: float, decay_s: float, attack_s: float, harmonics: NDArray[np.float64], rate: int
) -> NDArray[np.float32]:
    time = np.arange(int(min(3 * decay_s, 2.0) * rate)) / rate
    order = np.arange(1, len(harmonics) + 1)
    heard = order * hertz < rate / 2
    waves = np.sin(2 * np.pi * hertz * order[heard, None] * time)
    shape = np.minimum(time / attack_s, 1) * np.exp(-time / decay_s)
    return np.asarray((harmonics[heard] @ waves) * shape, np.float32)


def _mix(out: NDArray[np.float32], sound: NDArray[np.float32], at_s: float, rate: int) -> None:
    start = int(at_s * rate)
    cut = sound[: max(0, out.size - start)]
    out[start : start + cut.size] += cut
