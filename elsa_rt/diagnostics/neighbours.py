"""A channel against its neighbours: copies, sums, another gain, half the bandwidth, hum alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.quantiles import median

DEPENDENT = 1e-7  # share of power that is new in a channel; a microphone's own noise is more
ROUNDING = 0.75 / 2**15  # of full scale: what rounding to 16 bits leaves of an exact mix
ABOVE_ROUNDING = 50.0  # times as strong a signal must be for that to count
INDEPENDENT = 1e-3  # share of power that is new in a channel, far above all that counts as none
ALIVE = 1e-12  # power, -120 dB of full scale

QUIET_SHARE = 0.25  # of the frames, the quietest: there the own noise and the room are heard
GAIN_DB = 12.0  # off from the others in quiet
APART = 0.5  # correlation that says "one wave": of B-format it may be weak in a channel, rightly

BANDS = 32  # of the spectrum up to half the rate
SPECTRUM = 1024  # samples of one
ONE_IN = 8  # of them is looked at: bandwidth does not change from one to the next
NARROW_DB = 25.0  # weaker than the others in every band above an edge
LIKE_DB = 12.0  # and no weaker than that below it
FLAT_DB = 6.0  # what is left above the edge is one floor
STRANGE = 0.3  # coherence of that floor with what the others hear; a faint sound has more
RANGE_DB = 60.0  # below the strongest band: what counts of the others' spectrum
HUM_BANDS = 2  # of the lowest: no more than hum is below such an edge
NARROW_SHARE = 0.65  # of the others' bands: an edge above it is no fault worth a word
NARROW_BANDS = 3  # that must be missing

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
    if len(alive) < 2 or (len(alive) == count and _independent(covariance)):  # most often
        return Mix(which, copies)
    spread = np.sqrt(power[alive])
    correlation = covariance[np.ix_(alive, alive)] / np.outer(spread, spread)
    limit = np.maximum(DEPENDENT, rounding_share(power[alive]))
    for row in range(len(alive)):
        for column in range(row + 1, len(alive)):
            new = 1 - correlation[row, column] ** 2
            if new < max(limit[row], limit[column]):
                pair = int(alive[row]), int(alive[column]), float(correlation[row, column])
                copies.append(pair)
                which[list(pair[:2])] = True
    which[alive] |= _new_share(correlation) < limit
    return Mix(which, copies)


def _independent(covariance: NDArray[np.float64]) -> bool:
    """Whether every channel of ``covariance`` (c, c) has much that the others do not foretell."""
    try:
        inverse = np.linalg.inv(covariance)
    except np.linalg.LinAlgError:
        return False
    # what is foretold makes a variance so many times as great, once at least: less is no inverse
    inflation = inverse.diagonal() * covariance.diagonal()
    return bool(inflation.min() > 0.5 and inflation.max() * INDEPENDENT < 1)


def rounding_share(power: NDArray[np.float64]) -> NDArray[np.float64]:
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
        difference = float(level[channel] - median(level[others]))
        if abs(difference) > GAIN_DB and np.ptp(level[others]) < GAIN_DB:
            off[channel] = difference
    return off


def band_spectra(samples: NDArray[np.floating]) -> NDArray[np.complex128]:
    """Cross powers (c, c, `BANDS`) of one part in eight of ``samples`` (c, n), to half the rate."""
    count = max(1, samples.shape[1] // SPECTRUM)
    frames = samples[:, : count * SPECTRUM].reshape(len(samples), count, SPECTRUM)[:, ::ONE_IN]
    spectrum = np.fft.rfft(frames * _WINDOW, axis=2)[:, :, 1:]
    banded = spectrum.reshape(*spectrum.shape[:2], BANDS, -1).transpose(2, 0, 1, 3)
    rows = banded.reshape(BANDS, len(samples), -1)  # (bands, c, frames and bins)
    cross = rows @ rows.conj().transpose(0, 2, 1)
    return np.asarray(cross.transpose(1, 2, 0) / spectrum.shape[1], np.complex128)


class Lacking(NamedTuple):
    """Channels that carry the lower part of what the others do, or only the lowest band."""

    narrow: NDArray[np.bool_]  # (c,): half the bandwidth or less
    hum: NDArray[np.bool_]  # (c,): nothing but what lies in the lowest band


def lacking(spectra: Sequence[NDArray[np.complex128]], used: NDArray[np.bool_]) -> Lacking:
    """Which channels lack the upper part of what the others have, in each of ``spectra``.

    Parameters
    ----------
    spectra : `band_spectra` of several pieces of time; a source may be silent in one channel for a
        while, a channel that is cut off is so in all of them.
    """
    narrow, hum = np.zeros(len(used), np.bool_), np.zeros(len(used), np.bool_)
    if not spectra or used.sum() < 3:
        return Lacking(narrow, hum)
    chosen = np.flatnonzero(used).tolist()
    levels = _levels(spectra[-1])
    usual = np.sort(levels[chosen], axis=0)[2]  # or more than that, for a weak one of three or four
    weak = np.count_nonzero(levels < usual - NARROW_DB, axis=1) >= NARROW_BANDS  # or it has no edge
    for channel in np.flatnonzero(used & weak).tolist():
        others = [k for k in chosen if k != channel]
        highest = 0
        for one in reversed(spectra):  # one that shows no edge is enough, most often the newest
            edge = _edge(one, channel, others)
            highest = max(highest, edge) if edge else 0
            if not edge:
                break
        narrow[channel] = highest > HUM_BANDS
        hum[channel] = 0 < highest <= HUM_BANDS
    return Lacking(narrow, hum)


def _levels(spectra: NDArray[np.complex128]) -> NDArray[np.float64]:
    """Of each channel in each band (c, `BANDS`), in dB."""
    return np.asarray(10 * np.log10(np.einsum("ccb->cb", spectra).real + 1e-20))


def _edge(spectra: NDArray[np.complex128], channel: int, others: Sequence[int]) -> int:
    """The band above which ``channel`` has nothing of what the ``others`` have, or 0."""
    levels = _levels(spectra)
    level = levels[channel]
    usual = median(levels[others])
    against = level - usual
    if np.count_nonzero(against < -NARROW_DB) < NARROW_BANDS:
        return 0
    # bands in which a loss can be seen; further down is what the window leaks
    heard = usual > max(level.min() + NARROW_DB, usual[HUM_BANDS:].max() - RANGE_DB)
    heard[0] = False
    lost = heard & (against < -NARROW_DB)
    kept = np.flatnonzero(heard & ~lost)
    edge = int(kept[-1]) + 1 if kept.size else 1
    lost[:edge] = False
    where = np.flatnonzero(lost)
    if len(where) < NARROW_BANDS or edge > NARROW_SHARE * (where[-1] + 1):
        return 0
    rest = where[1:]  # the first may lie on the slope
    if np.ptp(level[rest]) > FLAT_DB and (against[rest] > -2 * NARROW_DB).any():
        return 0
    power = np.einsum("ccb->cb", spectra).real + 1e-20
    shared = np.abs(spectra[channel, others]) ** 2 / (power[channel] * power[others])
    if shared[:, rest].mean(axis=1).max() > STRANGE**2:
        return 0
    below = against[1 : edge - 1] if edge > HUM_BANDS else against[:1]
    return edge if median(below) > -LIKE_DB else 0
