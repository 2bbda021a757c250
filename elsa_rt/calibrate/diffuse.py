"""Gains and polarity of capsules from a diffuse sound field."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from elsa_rt.calibrate.solve import model
from elsa_rt.diagnostics.cross_spectra import (
    WINDOW,
    cross_spectra,
    frequency_band,
    mean_coherence,
)
from elsa_rt.microphones.capsules import sphere_grid
from elsa_rt.microphones.profile import Profile

POLARITY_HZ = 100.0, 600.0
GAIN_HZ = 300.0, 3_000.0


def powers_db(samples: NDArray[np.floating], rate: int) -> NDArray[np.float64]:
    """Power of each channel (4,) in the band for gains, dB."""
    diagonal = np.einsum("fcc->fc", cross_spectra(samples)).real
    band = frequency_band(rate, *GAIN_HZ)
    shape = diagonal.mean(axis=1, keepdims=True) + 1e-30  # every frequency counts the same
    return np.asarray(10 * np.log10(np.mean((diagonal / shape)[band], axis=0) + 1e-30), np.float64)


def expected_db(profile: Profile, rate: int) -> NDArray[np.float64]:
    """Expected result of `powers_db` for a diffuse field and an ideal microphone of ``profile``."""
    hz = np.fft.rfftfreq(WINDOW, 1 / rate)
    heard = model(profile)(sphere_grid(240), hz, 0.0, profile.radius_mm or 0.0)
    power = np.mean(np.abs(heard) ** 2, axis=1)[frequency_band(rate, *GAIN_HZ)]
    power /= power.mean(axis=1, keepdims=True)
    return np.asarray(10 * np.log10(power.mean(axis=0)), np.float64)


def polarity(samples: NDArray[np.floating], rate: int) -> NDArray[np.float64]:
    """Signs (4,) of the capsules of A-format: deep sound moves all of them the same way."""
    coherence = mean_coherence(cross_spectra(samples), frequency_band(rate, *POLARITY_HZ)).real
    _, vectors = np.linalg.eigh(coherence)
    signs = np.sign(vectors[:, -1])
    return np.asarray(signs * (1 if signs.sum() >= 0 else -1), np.float64)
