"""Cross-spectra of four channels, and their coherence in a band."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

WINDOW = 1024


def cross_spectra(samples: NDArray[np.floating]) -> NDArray[np.complex128]:
    """Mean cross-spectra (f, 4, 4) of ``samples`` (4, n), windows of `WINDOW` that overlap."""
    count = max(0, (samples.shape[1] - WINDOW) // (WINDOW // 2) + 1)
    window = np.hanning(WINDOW)
    total = np.zeros((WINDOW // 2 + 1, 4, 4), complex)
    for start in range(0, count * (WINDOW // 2), WINDOW // 2):
        spectrum = np.fft.rfft(samples[:, start : start + WINDOW] * window).T  # (f, 4)
        total += spectrum[:, :, None] * spectrum[:, None, :].conj()
    return total / max(1, count)


def frequency_band(rate: int, low_hz: float, high_hz: float) -> NDArray[np.bool_]:
    """Mask (f,) of the bins of `cross_spectra` between ``low_hz`` and ``high_hz``."""
    hz = np.fft.rfftfreq(WINDOW, 1 / rate)
    return np.asarray((hz >= low_hz) & (hz <= high_hz))


def mean_coherence(
    spectra: NDArray[np.complex128], band: NDArray[np.bool_]
) -> NDArray[np.complexfloating[Any]]:
    """Coherence (4, 4) over ``band``, every frequency with the same weight."""
    part = spectra[band]
    diagonal = np.sqrt(np.einsum("fcc->fc", part).real + 1e-30)
    return np.asarray(np.mean(part / (diagonal[:, :, None] * diagonal[:, None, :]), axis=0))
