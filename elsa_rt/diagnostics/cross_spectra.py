"""Cross-spectra of four channels, and their coherence in a band."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from elsa_rt.jit.kernel import Kernel

WINDOW = 1024
HOP = WINDOW // 2
AT_ONCE = 32  # windows that are transformed together: they stay in the processor's cache

GATHER = Kernel(
    "elsa_rt.diagnostics.cross_kernels", "gather_cross", "i f3 f2 d3 f2",
    uses=["elsa_rt.jit.vector"],
)  # fmt: skip

_HANNING = np.hanning(WINDOW).astype(np.float32)


class BandSpectra:
    """Mean cross-spectra in a band of sound that comes piece by piece.

    Few bins are wanted of each window: sums with their cosines and sines take a third of the time
    of a Fourier transform.

    Parameters
    ----------
    first, last : int
        Bins of `cross_spectra` that are kept: from ``first`` up to, without, ``last``.
    """

    def __init__(self, first: int, last: int) -> None:
        angles = -2 * np.pi / WINDOW * np.outer(np.arange(first, last), np.arange(WINDOW))
        turns = _HANNING * np.stack([np.cos(angles), np.sin(angles)], axis=1)  # (f, 2, WINDOW)
        self._total = np.zeros((last - first, 4, 4), complex)
        total = self._total.view(np.float64)  # (f, 4, 8), real and imaginary parts in turn
        self._gather = GATHER.bind(
            HOP, turns.astype(np.float32), np.empty((2, 4), np.float32), total
        )
        self._count = 0
        self._rest = np.empty((4, 0), np.float32)

    def add(self, samples: NDArray[np.floating]) -> None:
        """Take samples (4, n) that follow those before."""
        sound = np.concatenate([self._rest, samples], axis=1, dtype=np.float32)
        count = self._gather(sound)
        self._count += count
        self._rest = sound[:, count * HOP :]

    @property
    def mean(self) -> NDArray[np.complex128]:
        """The mean (f, 4, 4) of all windows so far."""
        return np.asarray(self._total / max(1, self._count))


def cross_spectra(samples: NDArray[np.floating]) -> NDArray[np.complex128]:
    """Mean cross-spectra (f, 4, 4) of ``samples`` (4, n), windows of `WINDOW` that overlap."""
    total = np.zeros((WINDOW // 2 + 1, 4, 4), complex)
    count = max(0, (samples.shape[1] - WINDOW) // HOP + 1)
    for first in range(0, count, AT_ONCE):
        last = min(first + AT_ONCE, count)
        total += _of_windows(samples[:, first * HOP : (last - 1) * HOP + WINDOW])
    return np.asarray(total / max(1, count))


def _of_windows(samples: NDArray[np.floating]) -> NDArray[np.complexfloating[Any]]:
    """The sum (f, 4, 4) of the cross-spectra of all windows of ``samples`` (4, n)."""
    windows = np.lib.stride_tricks.sliding_window_view(samples, WINDOW, axis=1)[:, ::HOP]
    spectrum = np.fft.rfft(windows * _HANNING)
    rows = np.ascontiguousarray(spectrum.transpose(2, 0, 1))  # (f, 4, windows)
    return np.asarray(rows @ rows.conj().transpose(0, 2, 1))


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
