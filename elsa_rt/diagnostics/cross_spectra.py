"""Cross-spectra of four channels, and their coherence in a band."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

WINDOW = 1024
HOP = WINDOW // 2
AT_ONCE = 32  # windows that are transformed together: they stay in the processor's cache

_HANNING = np.hanning(WINDOW).astype(np.float32)


class CrossSpectra:
    """Mean cross-spectra of sound that comes piece by piece, by windows of `WINDOW` that overlap.

    Parameters
    ----------
    bins : slice
        Those of the spectrum that are kept, `WINDOW` // 2 + 1 by default.
    """

    def __init__(self, bins: slice = slice(0, WINDOW // 2 + 1)) -> None:
        self._bins = bins
        self._total = np.zeros((bins.stop - bins.start, 4, 4), complex)
        self._count = 0
        self._rest = np.empty((4, 0), np.float32)

    def add(self, samples: NDArray[np.floating]) -> None:
        """Take samples (4, n) that follow those before."""
        sound = np.concatenate([self._rest, samples], axis=1)
        count = max(0, (sound.shape[1] - WINDOW) // HOP + 1)
        for first in range(0, count, AT_ONCE):
            last = min(first + AT_ONCE, count)
            self._gather(sound[:, first * HOP : (last - 1) * HOP + WINDOW])
        self._count += count
        self._rest = sound[:, count * HOP :]

    def _gather(self, samples: NDArray[np.floating]) -> None:
        windows = np.lib.stride_tricks.sliding_window_view(samples, WINDOW, axis=1)[:, ::HOP]
        spectrum = np.fft.rfft(windows * _HANNING)[:, :, self._bins]
        rows = np.ascontiguousarray(spectrum.transpose(2, 0, 1))  # (f, 4, windows)
        self._total += rows @ rows.conj().transpose(0, 2, 1)

    @property
    def mean(self) -> NDArray[np.complex128]:
        """The mean (f, 4, 4) of all windows so far."""
        return np.asarray(self._total / max(1, self._count))


def cross_spectra(samples: NDArray[np.floating]) -> NDArray[np.complex128]:
    """Mean cross-spectra (f, 4, 4) of ``samples`` (4, n), windows of `WINDOW` that overlap."""
    gathered = CrossSpectra()
    gathered.add(samples)
    return gathered.mean


def frequency_band(rate: int, low_hz: float, high_hz: float) -> NDArray[np.bool_]:
    """Mask (f,) of the bins of `cross_spectra` between ``low_hz`` and ``high_hz``."""
    hz = np.fft.rfftfreq(WINDOW, 1 / rate)
    return np.asarray((hz >= low_hz) & (hz <= high_hz))


def mean_coherence(
    spectra: NDArray[np.complex128], band: NDArray[np.bool_] | None = None
) -> NDArray[np.complexfloating[Any]]:
    """Coherence (4, 4) over ``band``, by default over all; each frequency has the same weight."""
    part = spectra if band is None else spectra[band]
    diagonal = np.sqrt(np.einsum("fcc->fc", part).real + 1e-30)
    return np.asarray(np.mean(part / (diagonal[:, :, None] * diagonal[:, None, :]), axis=0))
