"""A channel against its neighbours: copies, sums, another gain, half the bandwidth."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

DEPENDENT = 1e-7  # share of power that is new in a channel; a microphone's own noise is more
ROUNDING = 0.75 / 2**15  # of full scale: what rounding to 16 bits leaves of an exact mix
ABOVE_ROUNDING = 50.0  # times as strong a signal must be for that to count
ALIVE = 1e-12  # power, -120 dB of full scale

QUIET_SHARE = 0.25  # of the frames, the quietest: there the own noise and the room are heard
GAIN_DB = 12.0  # off from the others in quiet
APART = 0.5  # correlation that says "one wave": of B-format it may be weak in a channel, rightly

BANDS = 16  # of the spectrum up to half the rate
SPECTRUM = 1024  # samples of one
ONE_IN = 8  # of them is looked at: bandwidth does not change from one to the next
NARROW_DB = 25.0  # weaker than the others in every band of the upper half
LIKE_DB = 12.0  # and no weaker than that in the lower one

_UPPER, _LOWER = slice(BANDS * 5 // 8, BANDS - 1), slice(1, BANDS * 3 // 8)
_WINDOW = np.hanning(SPECTRUM).astype(np.float32)


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
    steps: NDArray[np.float64], used: NDArray[np.bool_], *, capsules: bool
) -> NDArray[np.float64]:
    """How many dB each channel is off from the others in quiet, or 0, of `ChannelTally.steps`.

    In quiet every channel hears its own noise and the room from all sides, which are about as
    strong in each. ``capsules`` say that the channels are alike by design; channels of B-format
    that hear one wave together may differ, and are not judged.
    """
    off = np.zeros(len(used))
    if len(steps) < 8 or used.sum() < 3:
        return off
    loudness = steps.diagonal(axis1=1, axis2=2)[:, used].sum(axis=1)
    quiet = np.argsort(loudness)[: max(4, int(QUIET_SHARE * len(steps)))]
    covariance = steps[quiet].mean(axis=0)
    floor = covariance.diagonal()
    if not (floor[used] > 0).all():
        return off
    level = 10 * np.log10(np.maximum(floor, 1e-30))
    if np.ptp(level[used]) <= GAIN_DB:
        return off
    if not capsules:
        spread = np.sqrt(floor[used])
        correlation = np.abs(covariance[np.ix_(used, used)] / np.outer(spread, spread))
        if (correlation - np.eye(len(spread))).max() > APART:
            return off
    for channel in np.flatnonzero(used):
        others = [k for k in np.flatnonzero(used) if k != channel]
        difference = float(level[channel] - np.median(level[others]))
        if abs(difference) > GAIN_DB and np.ptp(level[others]) < GAIN_DB:
            off[channel] = difference
    return off


def band_powers(samples: NDArray[np.floating]) -> NDArray[np.float64]:
    """Powers (c, `BANDS`) of ``samples`` (c, n) from DC to half the rate, of one part in eight."""
    count = max(1, samples.shape[1] // SPECTRUM)
    frames = samples[:, : count * SPECTRUM].reshape(len(samples), count, SPECTRUM)[:, ::ONE_IN]
    spectrum = np.fft.rfft(frames * _WINDOW, axis=2)[:, :, 1:]
    power = (spectrum.real**2 + spectrum.imag**2).mean(axis=1)
    return np.asarray(power.reshape(len(samples), BANDS, -1).sum(axis=2), np.float64)


def narrow(bands: NDArray[np.float64], used: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which channels of ``bands`` (c, `BANDS`) lack the upper half of what the others have."""
    found = np.zeros(len(bands), np.bool_)
    if used.sum() < 3:
        return found
    level = 10 * np.log10(bands + 1e-20)
    if (np.ptp(level[used][:, _UPPER], axis=0) <= NARROW_DB).any():
        return found
    for channel in np.flatnonzero(used):
        others = [k for k in np.flatnonzero(used) if k != channel]
        against = level[channel] - np.median(level[others], axis=0)
        upper, lower = against[_UPPER], against[_LOWER]
        found[channel] = bool((upper < -NARROW_DB).all() and np.median(lower) > -LIKE_DB)
    return found
