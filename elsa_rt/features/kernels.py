"""The compiled kernels of the features. They validate nothing: `intensity` does.

Loops run over rows of their own, whose ends are known: so they compile to vector instructions.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from elsa_rt.features.fft import transform
from elsa_rt.features.intensity import LOG_FLOOR
from elsa_rt.features.products import gather, multiply, turn
from elsa_rt.jit.numba_compiler import compiled

TINY = 1e-20
"""Keeps ratios of digital silence at zero."""


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
    """Write the samples of ``sound`` (4, n) before ``end``, windowed, to ``frame`` (2, 2 n_fft).

    Channels 0 and 2 are real parts side by side, 1 and 3 the imaginary parts, as `fft` wants them.
    """
    size = window.size
    for part in range(2):
        first, second = sound[part, end - size : end], sound[part + 2, end - size : end]
        out = frame[part]
        for i in range(size):
            out[2 * i] = first[i] * window[i]
            out[2 * i + 1] = second[i] * window[i]


@compiled
def finish(
    sums: NDArray[np.float32],
    directed: NDArray[np.int64],
    mel: NDArray[np.float32],
    total: NDArray[np.float32],
) -> None:
    """Write ``mel`` (8, mels), and ``total`` (:5) over the bands of which ``directed`` is true."""
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
    for m in range(power.size):
        if directed[m]:
            total[0] += ax[m]
            total[1] += ay[m]
            total[2] += az[m]
            total[3] += half * energy[m]
    for m in range(power.size):
        total[4] += power[m]


@compiled
def scatter(
    sums: NDArray[np.float32],
    directed: NDArray[np.int64],
    keep: float,
    fading: NDArray[np.float32],
) -> float:
    """Take ``sums`` into the ``fading`` ones (4, mels); how far the bands' directions differ."""
    half, kept = np.float32(0.5), np.float32(keep)
    energy, fx, fy, fz = fading[0], fading[1], fading[2], fading[3]
    x = y = z = longest = np.float32(0)
    for m in range(energy.size):
        energy[m] = kept * energy[m] + half * sums[1, m]
        fx[m] = kept * fx[m] + sums[2, m]
        fy[m] = kept * fy[m] + sums[3, m]
        fz[m] = kept * fz[m] + sums[4, m]
        if directed[m]:
            scale = np.float32(1) / (energy[m] + np.float32(TINY))
            x += fx[m] * scale
            y += fy[m] * scale
            z += fz[m] * scale
            longest += np.sqrt(fx[m] * fx[m] + fy[m] * fy[m] + fz[m] * fz[m]) * scale
    together = np.sqrt(x * x + y * y + z * z)
    return max(np.float32(0), np.float32(1) - together / (longest + np.float32(TINY)))


@compiled
def analyse(
    hop: int,
    window: NDArray[np.float32],
    bands: NDArray[np.int64],
    weights: NDArray[np.float32],
    stages: NDArray[np.int64],
    table: NDArray[np.float32],
    frames: NDArray[np.float32],
    products: NDArray[np.float32],
    of_bands: NDArray[np.float32],
    sums: NDArray[np.float32],
    keep: NDArray[np.float64],
    fading: NDArray[np.float32],
    sound: NDArray[np.float32],
    end: NDArray[np.int64],
    filled: int,
    foa: NDArray[np.float32],
    mel: NDArray[np.float32],
    total: NDArray[np.float32],
) -> int:
    """Write ``mel`` (hops, 8, mels) and ``total`` (hops, 6) of the hops that ``foa`` completes.

    Of the settings, ``bands`` (3, mels) holds the first bin of each mel band, the one behind its
    last, and 1 where the band is one of the direction; ``weights`` those of its bins. ``frames``
    (2, 2, 2 n_fft), ``products`` (bins, 8), ``of_bands`` (mels, 8) and ``sums`` (8, mels) are
    memory to work in. ``keep`` (1,) is left of the ``fading`` sums (4, mels) with each hop.

    ``sound`` (4, 3 n_fft or more) holds the newest samples before ``end[0]``, n_fft of them at
    least; ``filled`` of them have come in since the last hop, and as many as are returned when
    ``foa`` is read.
    """
    size, now = window.size, end[0]
    frame, other = frames[0], frames[1]
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
            swapped = transform(stages, table, frame, other)
            multiply(other if swapped else frame, products)
            gather(products, bands[0], bands[1], weights, of_bands)
            turn(of_bands, sums)
            finish(sums, bands[2], mel[done], total[done])
            total[done, 5] = scatter(sums, bands[2], keep[0], fading)
            done += 1
            filled = 0
    end[0] = now
    return filled
