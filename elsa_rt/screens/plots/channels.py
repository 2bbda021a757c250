"""What each of the four channels of a microphone gives: waveform, spectrum, likeness."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from elsa_rt.screens.plots.svg import path, picture, text

WIDTH, ROW, TOP = 960, 120, 78
WAVE, SPECTRUM = (120, 520), (600, 920)
"""Left and right of the two columns."""

COLUMNS = 400
LOWEST_HZ = 50.0
FLOOR_DB, CEILING_DB = -120.0, 0.0
SEGMENT = 4096


def channels_plot(samples: NDArray[np.float32], rate: int, numbers: tuple[int, ...]) -> str:
    """Waveform and power spectrum of channels (4, n), and how alike each pair is, as SVG."""
    height = TOP + ROW * len(samples) + 60
    seconds = samples.shape[1] / rate
    peak = max(float(np.abs(samples).max()), 1e-6)
    parts = [
        text(24, 34, "Channels", "ink strong"),
        text(WAVE[0], 58, f"waveform, {seconds:.1f} s, ±{peak:.3g} of full scale"),
        text(SPECTRUM[0], 58, f"power spectrum, {LOWEST_HZ:g} Hz to {rate / 2000:g} kHz"),
    ]
    for row, (channel, number) in enumerate(zip(samples, numbers, strict=True)):
        middle = TOP + ROW * (row + 0.5)
        level = 10 * np.log10(max(float(np.mean(channel.astype(float) ** 2)), 1e-12))
        parts.append(text(24, middle - 2, f"channel {number}", "ink"))
        parts.append(text(24, middle + 16, f"{level:.0f} dBFS"))
        parts.append(path(_waveform(channel / peak, middle), "area"))
        parts.append(path(_spectrum(channel, rate, TOP + ROW * row), "curve"))
        for left, right in (WAVE, SPECTRUM):
            parts.append(path(f"M{left} {TOP + ROW * (row + 1) - 6}H{right}", "line"))
    parts.append(text(24, height - 26, _alike(samples, numbers)))
    return picture(WIDTH, height, "the channels of the microphone", parts)


def _waveform(channel: NDArray[np.float32], middle: float) -> str:
    """The envelope from the lowest to the highest sample of each column."""
    count = min(COLUMNS, max(len(channel), 1))
    edges = np.linspace(0, len(channel), count + 1).astype(int)[:-1]
    high, low = np.maximum.reduceat(channel, edges), np.minimum.reduceat(channel, edges)
    x = np.linspace(*WAVE, count)
    reach = ROW * 0.42
    above = [f"{a:.1f} {middle - reach * b - 0.4:.1f}" for a, b in zip(x, high, strict=True)]
    below = [f"{a:.1f} {middle - reach * b + 0.4:.1f}" for a, b in zip(x, low, strict=True)]
    return "M" + "L".join([*above, *below[::-1]]) + "z"


def _spectrum(channel: NDArray[np.float32], rate: int, top: float) -> str:
    """Mean power spectrum over a logarithmic axis of frequency."""
    size = min(SEGMENT, len(channel))
    parts = channel[: len(channel) // size * size].reshape(-1, size) * np.hanning(size)
    power = np.mean(np.abs(np.fft.rfft(parts, axis=1)) ** 2, axis=0) / size**2 * 16 / 3
    hertz = np.fft.rfftfreq(size, 1 / rate)
    ends = np.geomspace(LOWEST_HZ, rate / 2, 121)
    band = np.digitize(hertz, ends) - 1
    points = []
    for index in range(120):
        inside = power[band == index]
        if inside.size:
            db = 10 * np.log10(max(float(inside.mean()), 1e-12))
            share = min(max((db - FLOOR_DB) / (CEILING_DB - FLOOR_DB), 0), 1)
            x = SPECTRUM[0] + (SPECTRUM[1] - SPECTRUM[0]) * (index + 0.5) / 120
            points.append(f"{x:.1f} {top + ROW - 8 - share * (ROW - 16):.1f}")
    return "M" + "L".join(points) if points else "M0 0"


def _alike(samples: NDArray[np.float32], numbers: tuple[int, ...]) -> str:
    """The correlation of each pair, in words."""
    energy = samples.astype(float) @ samples.astype(float).T
    norm = np.sqrt(np.maximum(np.diag(energy), 1e-12))
    found = energy / norm / norm[:, None]
    pairs = [
        f"{numbers[i]}-{numbers[j]} {found[i, j]:+.2f}"
        for i in range(len(numbers))
        for j in range(i + 1, len(numbers))
    ]
    return "correlation of channels: " + ", ".join(pairs)
