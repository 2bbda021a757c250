"""Channels that carry another's signal later: a driver that mixes up its buffers, for one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.diagnostics.neighbours import DEPENDENT, rounding_share
from elsa_rt.jit.kernel import Kernel

MOST = 4_800  # samples later at most; buffers of drivers are 4,096 or fewer
PIECE = 1_024  # samples that are looked for in the other channels
LENGTH = 4_096  # samples around it that must be the same
MARGIN = MOST + (LENGTH - PIECE) // 2  # samples on both sides of the piece that are compared
LEAST = PIECE + 2 * MARGIN + 1  # samples that are needed
SIZE = 10_752  # of the transform: PIECE and MOST on both sides, and a product of small primes
SHAPE = (1, -1, 2, -2, 3, -3, 5, -5, 8, -8, 13, -13, 21, -21, 34, -34)  # samples from the peak
_SHAPE = np.array(SHAPE, np.int64)
SHAPE_ERROR = 0.1  # of the peak: far more than rounding adds to a copy at `DEPENDENT`
ALIKE = 0.99  # correlation of the piece that is worth a close look
LIVELY = 0.25  # of the steps must differ from 0: few blips are alike by chance
TONE_LINES, TONE_SHARE = 12, 0.97  # of the power in so few lines: a tone, which is its own delay

ENERGY = Kernel(
    "elsa_rt.diagnostics.channel_kernels", "add_step_energy", "i d1 f1",
    uses=["elsa_rt.jit.vector", "elsa_rt.diagnostics.rails"],
)  # fmt: skip

COMES = Kernel(
    "elsa_rt.diagnostics.channel_kernels", "shape_comes", "d1 i1 f1 i i f1",
    uses=["elsa_rt.jit.vector", "elsa_rt.diagnostics.rails"],
)  # fmt: skip

PAIRS = tuple(combinations(range(4), 2))


class Delay(NamedTuple):
    """One channel is another's signal, so many samples later."""

    channel: int  # index of the later one
    of: int
    samples: int
    inverted: bool

    def told(self, numbers: Sequence[int], rate: int) -> str:
        """In words, with channels as the device counts them."""
        later = f"{self.samples:,} samples ({1000 * self.samples / rate:.1f} ms) later"
        how = ", inverted," if self.inverted else ""
        return f"channel {numbers[self.channel]} is channel {numbers[self.of]}{how} {later}"


def delayed(samples: NDArray[np.floating], used: NDArray[np.bool_]) -> list[Delay]:
    """Delayed copies among the ``used`` channels of ``samples`` (4, n), at any gain.

    The loudest piece of one is looked for in the others. Two microphones never hear the same but
    for a delay: each has noise of its own.
    """
    return [found for found in look(samples, used) if found is not None]


def look(
    samples: NDArray[np.floating],
    used: NDArray[np.bool_],
    pairs: Sequence[tuple[int, int]] = PAIRS,
) -> Iterator[Delay | None]:
    """`delayed` of some ``pairs`` of channels, with a None behind each piece of the work.

    ``samples`` are read before the first.
    """
    if samples.shape[1] < LEAST or not used.any():
        return
    at = MARGIN + _loudest(samples[:, MARGIN : samples.shape[1] - MARGIN], used)
    # steps from sample to sample: no DC, and high tones count
    steps = np.diff(samples[:, at - MARGIN : at + PIECE + MARGIN + 1], axis=1)
    yield None
    level = np.sqrt((steps[:, MARGIN : MARGIN + PIECE] ** 2).sum(axis=1))
    for one, other in pairs:
        if not (used[one] and used[other] and level[[one, other]].all()):
            continue
        piece = steps[one, MARGIN : MARGIN + PIECE]
        around = steps[other, MARGIN - MOST : MARGIN + PIECE + MOST]
        may_be_there = _may_be_there(piece, around)
        yield None
        if not may_be_there:  # most often
            continue
        alike = _products(piece, around)
        yield None
        alike /= level[one] * _levels(around)
        lag = int(np.abs(alike).argmax()) - MOST
        if lag and abs(alike[lag + MOST]) > ALIKE and _is_copy(
            steps[one, MOST:][:LENGTH], steps[other, MOST + lag :][:LENGTH]
        ):  # fmt: skip
            pair = (other, one) if lag > 0 else (one, other)
            yield Delay(*pair, abs(lag), bool(alike[lag + MOST] < 0))
        yield None


def _may_be_there(piece: NDArray[np.floating], around: NDArray[np.floating]) -> bool:
    """Whether the shape of the peak of ``piece`` comes in ``around``, but for where it is itself.

    Samples near the peak stand in the same ratios to it in any copy: a look that takes a hundredth
    of a correlation's time, and leaves hardly anything but copies and tones to be correlated.
    """
    reach = max(SHAPE)
    peak = reach + int(np.abs(piece[reach:-reach]).argmax())
    ratios = piece[peak + _SHAPE] / float(piece[peak])
    comes = COMES.bind(np.array([SHAPE_ERROR]), _SHAPE)
    rows = ratios.astype(np.float32), np.ascontiguousarray(around, np.float32)
    return bool(comes(rows[0], peak, MOST, rows[1]))


def _products(piece: NDArray[np.floating], around: NDArray[np.floating]) -> NDArray[np.floating]:
    """Products (2 `MOST` + 1,) of ``piece`` with each place of ``around``."""
    spectrum = np.fft.rfft(piece, SIZE).conj() * np.fft.rfft(around, SIZE)
    return np.asarray(np.fft.irfft(spectrum, SIZE)[: 2 * MOST + 1])


def _loudest(samples: NDArray[np.floating], used: NDArray[np.bool_]) -> int:
    """Where the piece begins whose steps are the loudest in the ``used`` channels together."""
    energy = np.zeros((samples.shape[1] - 1) // PIECE)
    add = ENERGY.bind(PIECE, energy)
    for channel in np.flatnonzero(used).tolist():
        row = samples[channel, : energy.size * PIECE + 1]
        add(np.ascontiguousarray(row, np.float32))
    return PIECE * int(energy.argmax())


def _levels(around: NDArray[np.floating]) -> NDArray[np.float64]:
    """What a piece of each place of ``around`` (n,) is normalised by."""
    energy = np.cumsum(np.square(around, dtype=np.float64))
    energy[PIECE:] -= energy[:-PIECE]
    return np.asarray(np.sqrt(np.maximum(energy[PIECE - 1 :], 1e-9 * energy.max())))


def _is_copy(one: NDArray[np.floating], other: NDArray[np.floating]) -> bool:
    """Whether nothing is new in ``other`` (n,) but what rounding adds."""
    one, other = one.astype(np.float64), other.astype(np.float64)
    power = np.array([(one**2).mean(), (other**2).mean()])
    if min(map(np.count_nonzero, (one, other))) < LIVELY * one.size or _is_tone(one):
        return False
    new = 1 - float((one * other).mean()) ** 2 / float(power.prod())
    return bool(new < max(DEPENDENT, *rounding_share(power)))


def _is_tone(row: NDArray[np.floating]) -> bool:
    power = np.sort(np.abs(np.fft.rfft(row * np.hanning(row.size))) ** 2)[::-1]
    return bool(power[:TONE_LINES].sum() >= TONE_SHARE * power.sum())
