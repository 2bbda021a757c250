"""The one compiled kernel of the features. It validates nothing: `intensity` does."""

from __future__ import annotations

import math

import numpy as np
import rocket_fft  # registers the FFT with Numba
from numpy.typing import NDArray

from elsa_rt.compiled import compiled

LOG_FLOOR = 1e-10
"""Added to the mel power of W before the logarithm: -100 dB of full scale."""

TINY = 1e-20
"""Keeps ratios of digital silence at zero."""


@compiled
def analyse_hop(
    tail: NDArray[np.float32],
    window: NDArray[np.float32],
    first: NDArray[np.int32],
    last: NDArray[np.int32],
    weights: NDArray[np.float32],
    band: NDArray[np.int32],
    frame: NDArray[np.float32],
    spectrum: NDArray[np.complex64],
    axes: NDArray[np.int64],
    mel: NDArray[np.float32],
    total: NDArray[np.float32],
) -> None:
    """Analyse the last window of ``tail`` (4, n_fft) into ``mel`` (8, mels) and ``total`` (5,).

    ``weights[first[m]:last[m]]`` of mel band m are stored at row m from column 0.
    """
    channels, size = tail.shape
    for c in range(channels):
        for i in range(size):
            frame[c, i] = tail[c, i] * window[i]
    rocket_fft.r2c(frame, spectrum, axes, True, np.float32(1.0), 1)

    low, high = band
    sum_x = sum_y = sum_z = sum_energy = sum_w = np.float32(0)
    for m in range(first.size):
        power = ax = ay = az = rx = ry = rz = energy = np.float32(0)
        for k in range(first[m], last[m]):
            g = weights[m, k - first[m]]
            w, y, z, x = spectrum[0, k], spectrum[1, k], spectrum[2, k], spectrum[3, k]
            w_power = w.real * w.real + w.imag * w.imag
            v_power = (
                x.real * x.real + x.imag * x.imag + y.real * y.real
                + y.imag * y.imag + z.real * z.real + z.imag * z.imag
            )
            power += g * w_power
            energy += g * (w_power + v_power)
            ax += g * (w.real * x.real + w.imag * x.imag)
            ay += g * (w.real * y.real + w.imag * y.imag)
            az += g * (w.real * z.real + w.imag * z.imag)
            rx += g * (w.real * x.imag - w.imag * x.real)
            ry += g * (w.real * y.imag - w.imag * y.real)
            rz += g * (w.real * z.imag - w.imag * z.real)
        half = np.float32(0.5) * energy
        scale = np.float32(1) / (half + np.float32(TINY))
        mel[0, m] = math.log(power + np.float32(LOG_FLOOR))
        mel[1, m] = ax * scale
        mel[2, m] = ay * scale
        mel[3, m] = az * scale
        mel[4, m] = rx * scale
        mel[5, m] = ry * scale
        mel[6, m] = rz * scale
        flow = math.sqrt(ax * ax + ay * ay + az * az)
        mel[7, m] = np.float32(1) - np.float32(flow) * scale
        if low <= m < high:
            sum_x += ax
            sum_y += ay
            sum_z += az
            sum_energy += half
        sum_w += power
    total[0] = sum_x
    total[1] = sum_y
    total[2] = sum_z
    total[3] = sum_energy
    total[4] = sum_w


@compiled
def analyse(
    foa: NDArray[np.float32],
    history: NDArray[np.float32],
    filled: int,
    hop: int,
    window: NDArray[np.float32],
    first: NDArray[np.int32],
    last: NDArray[np.int32],
    weights: NDArray[np.float32],
    band: NDArray[np.int32],
    frame: NDArray[np.float32],
    spectrum: NDArray[np.complex64],
    axes: NDArray[np.int64],
    mel: NDArray[np.float32],
    total: NDArray[np.float32],
) -> int:
    """Run every hop that ``foa`` (4, n) completes; return the samples left waiting.

    ``history`` (4, n_fft) always ends with the newest samples; ``filled`` of them have come in
    since the last hop. Writes ``mel`` (hops, 8, mels) and ``total`` (hops, 5).
    """
    channels, size = history.shape
    count = foa.shape[1]
    position = 0
    done = 0
    while count - position > 0:
        take = min(hop - filled, count - position)
        for c in range(channels):
            for i in range(size - take):
                history[c, i] = history[c, i + take]
            for i in range(take):
                history[c, size - take + i] = foa[c, position + i]
        position += take
        filled += take
        if filled == hop:
            analyse_hop(
                history, window, first, last, weights, band, frame, spectrum, axes,
                mel[done], total[done],
            )
            done += 1
            filled = 0
    return filled
