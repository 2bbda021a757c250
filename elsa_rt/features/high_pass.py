"""High-pass filter: takes away DC and what lies below hearing, sample by sample."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from elsa_rt.errors import UsageError
from elsa_rt.jit.kernel import Kernel

EDGE_HZ = 19.0
"""From here on it passes within 0.1 dB; from 16 Hz down everything is 50 dB weaker."""

# Elliptic low-pass of seventh order, edge 1 rad/s, 0.1 dB of ripple, 50 dB down: its zeros and
# poles (Antoniou, Digital Filters, ch. 10; scipy.signal.ellipap(7, 0.1, 50) gives the same)
_ZEROS = np.array([2.19649422j, 1.37828028j, 1.20610511j])
_POLES = np.array([-0.37160568 + 0.63267778j, -0.15913487 + 0.93083037j, -0.04007053 + 1.02402851j])
_REAL_POLE = -0.52493558

PIECE = 1024
"""Samples that go through all sections before the next: they stay in the processor's cache."""


def sections(rate: int) -> NDArray[np.float64]:
    """Coefficients (4, 5): b0, b1, b2, a1, a2 of each section; the first is of first order.

    By the bilinear transform, with the edge at `EDGE_HZ` whatever the rate.
    """
    edge = 2 * rate * np.tan(np.pi * EDGE_HZ / rate)  # rad/s of the analogue filter
    real = _to_digital(edge / _REAL_POLE, rate).real
    rows = [[1.0, -1.0, 0.0, -real, 0.0]]  # its zero is DC itself
    for zero, pole in zip(_ZEROS, _POLES, strict=True):
        b, a = _to_digital(edge / zero, rate), _to_digital(edge / pole, rate)
        rows.append([1.0, -2 * b.real, abs(b) ** 2, -2 * a.real, abs(a) ** 2])
    found = np.array(rows)
    for row in found:  # each passes what lies highest as it is
        row[:3] *= (1 - row[3] + row[4]) / (row[0] - row[1] + row[2])
    return found


def _to_digital(s: complex, rate: int) -> complex:
    return (2 * rate + s) / (2 * rate - s)


FILTER = Kernel(
    "elsa_rt.features.high_pass_kernels", "filter_sections", "d2 d3 d2 f2 f2",
    uses=["elsa_rt.jit.vector"],
)  # fmt: skip


class HighPass:
    """Takes DC, drift and infrasound from four channels at ``rate`` Hz.

    The first sample counts as having lasted for ever, so that a stream with DC begins without a
    click. A constant comes out as exact silence. ``block`` is 1 and ``latency`` 0 samples.
    """

    block = 1
    latency = 0

    def __init__(self, rate: int) -> None:
        if rate < 8 * EDGE_HZ:
            raise UsageError(
                f"sampling rate {rate} Hz: {8 * EDGE_HZ:.0f} Hz or more is needed, e.g. 48000"
            )
        self._sections = sections(rate)
        self._state = np.zeros((len(self._sections), 2, 4))
        self._filter = FILTER.bind(self._sections, self._state, np.empty((PIECE, 4)))
        self._begun = False
        self.step(np.zeros((4, 1), np.float32))  # compiled or loaded before sound comes
        self.reset()

    def reset(self) -> None:
        """Forget all sound; the next sample is the first."""
        self._state[:] = 0
        self._begun = False

    def step(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take finite samples (4, n); gives as many, which lie in memory sample by sample."""
        x = np.ascontiguousarray(x, np.float32)
        if not self._begun and x.shape[1]:
            self._begun = True
            self._state[0, 0] = -self._sections[0, 0] * x[:, 0].astype(np.float64)
        out = np.empty(x.shape[::-1], np.float32)  # (n, 4), as the resampler takes them
        self._filter(x, out)
        return out.T

    def flush(self) -> NDArray[np.float32]:
        """Nothing is held back."""
        return np.empty((4, 0), np.float32)
