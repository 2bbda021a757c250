"""Channels that do not move, and streams that repeat themselves."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LAST_BIT = 0.01
"""Two values so near each other are one that toggles in its last bit, even of 8 bits."""

TEMPLATE = 48  # samples that are looked for again
LEAST_PERIOD_S = 0.001
TONE_SHARE = 0.97  # of a period's power in few lines: a tone that was made, no buffer
TONE_LINES = 12


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
    tail = max(0, history.shape[1] - rate // 2)
    moving = used & (np.ptp(history[:, tail:], axis=1) > 0)
    periods = np.zeros(len(history), np.intp)
    for channel in np.flatnonzero(moving).tolist():
        periods[channel] = _period(history[channel], rate)
    found = periods > 0
    if not found.any():
        return None
    return Repetition(int(periods.max()), used if found[moving].all() else found)


def _period(row: NDArray[np.floating], rate: int) -> int:
    """Period in samples with which the end of ``row`` (n,) repeats itself, or 0."""
    count = len(row)
    tail = max(0, count - rate // 2)
    at = tail + int(np.argmax(np.abs(np.diff(row[tail:])))) - TEMPLATE // 2
    at = min(max(at, 0), count - TEMPLATE)
    template = row[at : at + TEMPLATE]
    if np.ptp(template) == 0 or at <= TEMPLATE:
        return 0
    rare = int(np.abs(template).argmax())  # a value that hardly ever comes
    first = max(0, at - count // 2)  # of a longer period not two fit in
    found = first + np.flatnonzero(row[first + rare : at + rare] == template[rare])
    for step in range(TEMPLATE):
        found = found[row[found + step] == template[step]]
        if not found.size:
            return 0
    found = found[at - found >= LEAST_PERIOD_S * rate]
    for start in found[::-1][:3].tolist():
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
