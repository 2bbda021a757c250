"""The compiled kernels of the features. They validate nothing: `intensity` does.

Loops run over rows of their own, whose ends are known: so they compile to vector instructions.
"""

from __future__ import annotations

import math

import numpy as np
import rocket_fft  # registers the FFT with Numba
from numpy.typing import NDArray

from elsa_rt.jit import compiled

LOG_FLOOR = 1e-10
"""Added to the mel power of W before the logarithm: -100 dB of full scale."""

TINY = 1e-20
"""Keeps ratios of digital silence at zero."""

PRODUCTS = 8
"""What `multiply` makes of a bin: power of W, energy of all, active x, y, z, reactive x, y, z."""


@compiled
def copy(
    source: NDArray[np.float32], start: int, to: NDArray[np.float32], at: int, count: int
) -> None:
    """Copy ``count`` samples of each channel; a slice's assignment takes seven times as long."""
    for c in range(source.shape[0]):
        old, new = source[c, start : start + count], to[c, at : at + count]
        for i in range(count):
            new[i] = old[i]


@compiled
def cut(
    sound: NDArray[np.float32], end: int, window: NDArray[np.float32], frame: NDArray[np.float32]
) -> None:
    """Write the samples of ``sound`` (4, n) before ``end``, windowed, to ``frame`` (4, n_fft)."""
    channels, size = frame.shape
    for c in range(channels):
        newest, out = sound[c, end - size : end], frame[c]
        for i in range(size):
            out[i] = newest[i] * window[i]


@compiled
def multiply(spectrum: NDArray[np.complex64], products: NDArray[np.float32]) -> None:
    """Write `PRODUCTS` (8, bins) of ``spectrum`` (4, bins); the energy is twice its density."""
    for k in range(spectrum.shape[1]):
        w, y, z, x = spectrum[0, k], spectrum[1, k], spectrum[2, k], spectrum[3, k]
        w_power = w.real * w.real + w.imag * w.imag
        v_power = (
            x.real * x.real + x.imag * x.imag + y.real * y.real
            + y.imag * y.imag + z.real * z.real + z.imag * z.imag
        )  # fmt: skip
        products[0, k] = w_power
        products[1, k] = w_power + v_power
        products[2, k] = w.real * x.real + w.imag * x.imag
        products[3, k] = w.real * y.real + w.imag * y.imag
        products[4, k] = w.real * z.real + w.imag * z.imag
        products[5, k] = w.real * x.imag - w.imag * x.real
        products[6, k] = w.real * y.imag - w.imag * y.real
        products[7, k] = w.real * z.imag - w.imag * z.real


@compiled
def gather(
    products: NDArray[np.float32],
    first: NDArray[np.int64],
    last: NDArray[np.int64],
    weights: NDArray[np.float32],
    sums: NDArray[np.float32],
) -> None:
    """Sum ``products`` (8, bins) over each mel band into ``sums`` (8, mels).

    ``weights[first[m]:last[m]]`` of mel band m are stored at row m from column 0.
    """
    for m in range(first.size):
        a = b = c = d = e = f = p = q = np.float32(0)
        begin = first[m]
        for k in range(begin, last[m]):
            g = weights[m, k - begin]
            a += g * products[0, k]
            b += g * products[1, k]
            c += g * products[2, k]
            d += g * products[3, k]
            e += g * products[4, k]
            f += g * products[5, k]
            p += g * products[6, k]
            q += g * products[7, k]
        sums[0, m], sums[1, m], sums[2, m], sums[3, m] = a, b, c, d
        sums[4, m], sums[5, m], sums[6, m], sums[7, m] = e, f, p, q


@compiled
def finish(
    sums: NDArray[np.float32],
    band: NDArray[np.int64],
    mel: NDArray[np.float32],
    total: NDArray[np.float32],
) -> None:
    """Write ``mel`` (8, mels), and ``total`` (5,) over the bands ``band[0]:band[1]``."""
    half = np.float32(0.5)
    power, energy, ax, ay, az = sums[0], sums[1], sums[2], sums[3], sums[4]
    for m in range(power.size):
        mel[0, m] = math.log(power[m] + np.float32(LOG_FLOOR))
    for m in range(power.size):
        scale = np.float32(1) / (half * energy[m] + np.float32(TINY))
        mel[1, m] = ax[m] * scale
        mel[2, m] = ay[m] * scale
        mel[3, m] = az[m] * scale
        mel[4, m] = sums[5, m] * scale
        mel[5, m] = sums[6, m] * scale
        mel[6, m] = sums[7, m] * scale
        flow = np.sqrt(ax[m] * ax[m] + ay[m] * ay[m] + az[m] * az[m])
        mel[7, m] = np.float32(1) - flow * scale
    total[:] = 0
    for m in range(band[0], band[1]):
        total[0] += ax[m]
        total[1] += ay[m]
        total[2] += az[m]
        total[3] += half * energy[m]
    for m in range(power.size):
        total[4] += power[m]


@compiled
def analyse(
    hop: int,
    window: NDArray[np.float32],
    first: NDArray[np.int64],
    last: NDArray[np.int64],
    weights: NDArray[np.float32],
    band: NDArray[np.int64],
    axes: NDArray[np.int64],
    frame: NDArray[np.float32],
    spectrum: NDArray[np.complex64],
    products: NDArray[np.float32],
    sums: NDArray[np.float32],
    sound: NDArray[np.float32],
    end: NDArray[np.int64],
    filled: int,
    foa: NDArray[np.float32],
    mel: NDArray[np.float32],
    total: NDArray[np.float32],
) -> int:
    """Write ``mel`` (hops, 8, mels) and ``total`` (hops, 5) of the hops that ``foa`` completes.

    ``sound`` (4, 3 n_fft or more) holds the newest samples before ``end[0]``, n_fft of them at
    least; ``filled`` of them have come in since the last hop, and as many as are returned when
    ``foa`` is read. ``frame``, ``spectrum``, ``products`` and ``sums`` are memory to work in.
    """
    size, now = frame.shape[1], end[0]
    position = done = 0
    while position < foa.shape[1]:
        take = min(hop - filled, foa.shape[1] - position)
        if now + take > sound.shape[1]:
            copy(sound, now - size, sound, 0, size)
            now = size
        copy(foa, position, sound, now, take)
        position += take
        now += take
        filled += take
        if filled == hop:
            cut(sound, now, window, frame)
            rocket_fft.r2c(frame, spectrum, axes, True, np.float32(1.0), 1)
            multiply(spectrum, products)
            gather(products, first, last, weights, sums)
            finish(sums, band, mel[done], total[done])
            done += 1
            filled = 0
    end[0] = now
    return filled
