"""Claps in a recording: where they begin, and what came straight from the hands."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BLOCK_S = 0.001
APART_S = 0.3  # claps follow each other by this at least
ABOVE_FLOOR = 10.0  # times the usual power, 10 dB, make a clap
BELOW_LOUDEST = 10**-2.5  # what is 25 dB weaker than the loudest is an echo or a step
RISE = 4.0  # times the power of what was just before: a tail of echoes only falls
ONSET = 0.1  # of the peak's power: here it has begun
BEFORE_S, DIRECT_S = 0.0005, 0.0025  # of it that no wall has returned yet
FADE_S = 0.0008
TRANSFORM_S = 0.005
NOISE_S = 0.1  # before the clap, to know the noise by


class Direct(NamedTuple):
    """The direct sound of one clap.

    Attributes
    ----------
    spectrum : complex128 (f, 4)
    noise : float64 (f,), mean power per channel of as much of what was before
    """

    spectrum: NDArray[np.complex128]
    noise: NDArray[np.float64]


def find_claps(samples: NDArray[np.floating], rate: int) -> list[int]:
    """Sample at which each clap in ``samples`` (4, n) begins, in the order of time."""
    block = max(1, round(rate * BLOCK_S))
    rising = np.diff(samples.astype(np.float64), axis=1, prepend=0.0)  # rumble is left behind
    power = (rising**2).sum(axis=0)
    count = power.size // block
    if not count:
        return []
    blocks = power[: count * block].reshape(count, block).mean(axis=1)
    floor = float(np.median(blocks[blocks > 0])) if blocks.any() else 0.0
    least = max(ABOVE_FLOOR * floor, BELOW_LOUDEST * float(blocks.max()))
    apart = round(APART_S / BLOCK_S)
    left = np.where(_rises(blocks), blocks, 0.0)
    onsets = []
    while left.max() > least:
        peak = int(left.argmax())
        onsets.append(_onset(power, peak * block, block))
        left[max(0, peak - apart) : peak + apart] = 0
    return sorted(onsets)


def direct_sound(samples: NDArray[np.floating], onset: int, rate: int) -> Direct:
    """Spectrum of what ``samples`` (4, n) hold from just before ``onset`` to the first echo."""
    before, length = round(rate * BEFORE_S), round(rate * (BEFORE_S + DIRECT_S))
    window = _window(length, round(rate * FADE_S), before)
    size = transform_size(rate)
    quiet = []
    for start in range(onset - before - length, onset - round(rate * NOISE_S), -length):
        if start < 0:
            break
        quiet.append(np.fft.rfft(samples[:, start : start + length] * window, size))
    noise = np.mean(np.abs(quiet) ** 2, axis=(0, 1)) if quiet else np.zeros(size // 2 + 1)
    piece = np.zeros((4, length))
    start = max(0, onset - before)
    taken = samples[:, start : onset - before + length]
    at = start - (onset - before)
    piece[:, at : at + taken.shape[1]] = taken
    return Direct(np.fft.rfft(piece * window, size).T, noise)


def transform_size(rate: int) -> int:
    """Samples of the transform: a power of two."""
    return int(2 ** np.ceil(np.log2(rate * TRANSFORM_S)))


def _rises(blocks: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Where a block is louder than what was 8 to 28 blocks before it, once there are so many."""
    sums = np.concatenate([np.zeros(29), np.cumsum(blocks)])
    count = np.arange(blocks.size)
    before = (sums[count + 29 - 8] - sums[count + 29 - 28]) / 20
    return np.asarray((blocks > RISE * before) & (count >= 28))


def _onset(power: NDArray[np.float64], peak: int, block: int) -> int:
    """The first sample that has `ONSET` of the peak's power, around the block at ``peak``."""
    start = max(0, peak - 5 * block)
    part = power[start : peak + 2 * block]
    smooth = np.convolve(part, np.ones(3) / 3, "same")
    return start + int(np.flatnonzero(smooth >= ONSET * smooth.max())[0])


def _window(length: int, fade: int, before: int) -> NDArray[np.float64]:
    window = np.ones(length)
    window[:before] = 0.5 - 0.5 * np.cos(np.pi * np.minimum(1, np.arange(before) / (before / 2)))
    window[-fade:] = 0.5 + 0.5 * np.cos(np.pi * (np.arange(fade) + 1) / fade)
    return window
