"""Channels that do not move, and streams that repeat themselves."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.jit.kernel import Kernel

LAST_BIT = 0.01
"""Two values so near each other are one that toggles in its last bit, even of 8 bits."""

TEMPLATE = 48  # samples that are looked for again
TRIED = 3  # places where they came before, the latest
LEAST_PERIOD_S = 0.001
TONE_SHARE = 0.97  # of a period's power in few lines: a tone that was made, no buffer
TONE_LINES = 12

AGAIN = Kernel(
    "elsa_rt.diagnostics.channel_kernels", "find_again", "i i1 f1 i i",
    uses=["elsa_rt.jit.vector", "elsa_rt.diagnostics.rails"],
)  # fmt: skip

Extremes = tuple[NDArray[np.floating], NDArray[np.floating]]
"""The lowest and the highest sample (c,) of each channel, where they are known already."""


def still(samples: NDArray[np.floating], extremes: Extremes | None = None) -> NDArray[np.bool_]:
    """Which channels of ``samples`` (c, n) stand at one value, or toggle between two neighbours."""
    low, high = (samples.min(axis=1), samples.max(axis=1)) if extremes is None else extremes
    found = high - low <= LAST_BIT
    for channel in np.flatnonzero(found):
        row = samples[channel]
        found[channel] = ((row == low[channel]) | (row == high[channel])).all()
    return np.asarray(found)


class Repetition(NamedTuple):
    """What comes again and again, sample for sample."""

    period: int  # samples
    channels: NDArray[np.bool_]  # (c,): which do so


def repeated(
    history: NDArray[np.floating], rate: int, used: NDArray[np.bool_]
) -> Repetition | None:
    """How the end of the ``used`` channels of ``history`` (c, n) repeats itself, sample for sample.

    It is seen once two periods and a second of repetition have come. Silence does not count, nor
    does a pure tone: one that was made may repeat itself, too.
    """
    moving, periods = np.zeros(len(history), np.bool_), np.zeros(len(history), np.intp)
    starts = np.zeros(1 + TRIED, np.int64)
    again = AGAIN.bind(TEMPLATE, starts)
    tail, least = max(0, history.shape[1] - rate // 2), math.ceil(LEAST_PERIOD_S * rate)
    for channel in np.flatnonzero(used).tolist():
        row = history[channel]
        count = again(np.ascontiguousarray(row, np.float32), tail, least)
        moving[channel] = count >= 0
        periods[channel] = _period(row, rate, *starts[: 1 + max(count, 0)].tolist())
    found = periods > 0
    if not found.any():
        return None
    return Repetition(int(periods.max()), used if found[moving].all() else found)


def _period(row: NDArray[np.floating], rate: int, at: int, *before: int) -> int:
    """Period in samples with which the end of ``row`` (n,) repeats itself, or 0.

    What begins ``at`` began ``before`` as well.
    """
    count = len(row)
    for start in before:
        period = at - start
        length = max(period, rate)
        if length + period > count:
            return 0
        if np.array_equal(row[count - length :], row[count - length - period : count - period]):
            return 0 if _is_tone(row[count - period :]) else period
    return 0


def _is_tone(period: NDArray[np.floating]) -> bool:
    power = np.sort(np.abs(np.fft.rfft(period - period.mean())) ** 2)[::-1]
    return bool(power[:TONE_LINES].sum() >= TONE_SHARE * power.sum())
