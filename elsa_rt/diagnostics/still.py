"""Channels that do not move, and streams that repeat themselves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LAST_BIT = 0.01
"""Two values so near each other are one that toggles in its last bit, even of 8 bits."""

TEMPLATE = 48  # samples that are looked for again
LEAST_PERIOD_S = 0.001
TONE_SHARE = 0.97  # of a period's power in few lines: a tone that was made, no buffer
TONE_LINES = 12


def still(samples: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which channels of ``samples`` (c, n) stand at one value, or toggle between two neighbours."""
    low, high = samples.min(axis=1), samples.max(axis=1)
    found = high - low <= LAST_BIT
    for channel in np.flatnonzero(found):
        row = samples[channel]
        found[channel] = ((row == low[channel]) | (row == high[channel])).all()
    return np.asarray(found)


def repeated(history: NDArray[np.floating], rate: int) -> int:
    """Period in samples with which the end of ``history`` (c, n) repeats itself exactly, or 0.

    It is seen once two periods and a second of repetition have come. Silence does not count, nor
    does a pure tone: one that was made may repeat itself, too.
    """
    count = history.shape[1]
    tail = max(0, count - rate // 2)
    row = history[int(np.argmax(np.ptp(history[:, tail:], axis=1)))]
    at = tail + int(np.argmax(np.abs(np.diff(row[tail:])))) - TEMPLATE // 2
    at = min(max(at, 0), count - TEMPLATE)
    template = row[at : at + TEMPLATE]
    if np.ptp(template) == 0 or at <= TEMPLATE:
        return 0
    found = np.flatnonzero(row[:at] == template[0])
    for step in range(1, TEMPLATE):
        found = found[row[found + step] == template[step]]
        if not found.size:
            return 0
    found = found[at - found >= LEAST_PERIOD_S * rate]
    for start in found[::-1][:3].tolist():
        period = at - start
        length = max(period, rate)
        if length + period > count:
            return 0
        end = history[:, count - length :]
        if np.array_equal(end, history[:, count - length - period : count - period]):
            return 0 if _is_tone(row[count - period :]) else period
    return 0


def _is_tone(period: NDArray[np.floating]) -> bool:
    power = np.sort(np.abs(np.fft.rfft(period - period.mean())) ** 2)[::-1]
    return bool(power[:TONE_LINES].sum() >= TONE_SHARE * power.sum())
