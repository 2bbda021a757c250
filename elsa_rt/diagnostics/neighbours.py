"""A channel against its neighbours: copies, sums, another gain, half the bandwidth."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

DEPENDENT = 1e-7  # share of power that is new in a channel; a microphone's own noise is more
ROUNDING = 0.75 / 2**15  # of full scale: what rounding to 16 bits leaves of an exact mix
ABOVE_ROUNDING = 50.0  # times as strong a signal must be for that to count
ALIVE = 1e-12  # power, -120 dB of full scale

FRAME_S = 0.05
QUIET_SHARE = 0.25  # of the frames, the quietest: there the own noise and the room are heard
GAIN_DB = 12.0  # off from the others in quiet
APART = 0.5  # correlation that says "one wave": of B-format it may be weak in a channel, rightly

BANDS = 16  # of the spectrum up to half the rate
NARROW_DB = 25.0  # weaker than the others in every band of the upper half
LIKE_DB = 12.0  # and no weaker than that in the lower one


class Mix(NamedTuple):
    """Channels that carry one another's signal."""

    channels: NDArray[np.bool_]
    copies: list[tuple[int, int, float]]  # index, index of the other, correlation


def mixed(covariance: NDArray[np.float64]) -> Mix:
    """Copies and sums among channels of ``covariance`` (c, c) of the signals without DC."""
    count = len(covariance)
    power = np.diag(covariance)
    alive = np.flatnonzero(power > ALIVE)
    which = np.zeros(count, np.bool_)
    copies: list[tuple[int, int, float]] = []
    if len(alive) < 2:
        return Mix(which, copies)
    spread = np.sqrt(power[alive])
    correlation = covariance[np.ix_(alive, alive)] / np.outer(spread, spread)
    limit = np.maximum(DEPENDENT, _rounding_share(power[alive]))
    for row in range(len(alive)):
        for column in range(row + 1, len(alive)):
            new = 1 - correlation[row, column] ** 2
            if new < max(limit[row], limit[column]):
                pair = int(alive[row]), int(alive[column]), float(correlation[row, column])
                copies.append(pair)
                which[list(pair[:2])] = True
    which[alive] |= _new_share(correlation) < limit
    return Mix(which, copies)


def _rounding_share(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of each channel's power that rounding may have added, where that is small."""
    share = ROUNDING**2 / power
    return np.where(share < ABOVE_ROUNDING**-2, share, 0.0)


def _new_share(correlation: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Share of each channel's power that the others do not foretell by any sum of theirs."""
    shares, mixes = np.linalg.eigh(correlation)  # ascending
    inverse = (mixes**2 / np.maximum(shares, 1e-12)).sum(axis=1)
    return np.asarray(1 / inverse, np.float64)


def gain_errors(
    samples: NDArray[np.floating], rate: int, used: NDArray[np.bool_], *, capsules: bool
) -> NDArray[np.float64]:
    """How many dB each channel of ``samples`` (c, n) is off from the others in quiet, or 0.

    In quiet every channel hears its own noise and the room from all sides, which are about as
    strong in each. ``capsules`` say that the channels are alike by design; channels of B-format
    that hear one wave together may differ, and are not judged.
    """
    off = np.zeros(len(samples))
    size = max(2, round(FRAME_S * rate))
    count = samples.shape[1] // size
    if count < 8 or used.sum() < 3:
        return off
    frames = samples[:, : count * size].reshape(len(samples), count, size).astype(np.float64)
    frames = np.diff(frames, axis=2)  # drift and rumble are no level
    power = np.mean(frames**2, axis=2)  # (c, frames)
    loudness = power[used].sum(axis=0)
    quiet = np.argsort(loudness)[: max(4, int(QUIET_SHARE * count))]
    floor = power[:, quiet].mean(axis=1)
    if not (floor[used] > 0).all():
        return off
    level = 10 * np.log10(np.maximum(floor, 1e-30))
    if not capsules:
        sound = frames[:, quiet].reshape(len(samples), -1)[used]
        correlation = np.abs(np.corrcoef(sound)) - np.eye(len(sound))
        if correlation.max() > APART:
            return off
    for channel in np.flatnonzero(used):
        others = [k for k in np.flatnonzero(used) if k != channel]
        difference = float(level[channel] - np.median(level[others]))
        if abs(difference) > GAIN_DB and np.ptp(level[others]) < GAIN_DB:
            off[channel] = difference
    return off


def narrow(samples: NDArray[np.floating], used: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which channels of ``samples`` (c, n) lack the upper half of what the others have."""
    found = np.zeros(len(samples), np.bool_)
    size = 1024
    count = samples.shape[1] // size
    if count < 4 or used.sum() < 3:
        return found
    frames = samples[:, : count * size].reshape(len(samples), count, size)
    power = np.abs(np.fft.rfft(frames * np.hanning(size), axis=2)[:, :, 1:]) ** 2
    bands = power.mean(axis=1).reshape(len(samples), BANDS, -1).sum(axis=2)
    level = 10 * np.log10(bands + 1e-20)
    for channel in np.flatnonzero(used):
        others = [k for k in np.flatnonzero(used) if k != channel]
        against = level[channel] - np.median(level[others], axis=0)
        upper, lower = against[BANDS * 5 // 8 : BANDS - 1], against[1 : BANDS * 3 // 8]
        found[channel] = bool((upper < -NARROW_DB).all() and np.median(lower) > -LIKE_DB)
    return found
