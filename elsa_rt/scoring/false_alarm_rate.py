"""From the peaks of background to expected false alarms and to scores.

A logit is the log odds of `elsa_rt.scoring.logits`. How often background passes it is counted where
it does so often; above, the rate falls exponentially, as the tail of log odds does. The score is
one function of that rate for all prompts and rules::

    score = 1 / (1 + sqrt(false alarms an hour))

    false alarms an hour   100     10      1       0.1     0.01    0.001
    score                  0.09    0.24    0.5     0.76    0.91    0.97
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from elsa_rt.scoring.logits import MAX_SCORE, logit_of, sigmoid

Floats = NDArray[np.float32]

TAIL_PEAKS = 24
"""Highest peaks that the tail is fitted to."""

KNOTS = 12
"""Points of a curve."""

_MAX_LOG_RATE = 1400.0
"""Beyond it the root of a rate is no float any more, and the score is 0."""

MIN_TAIL_SCALE = 0.05
"""Log odds over which a rate falls to a third, at least: a curve must be a function."""


@dataclass(frozen=True)
class FalseAlarmCurves:
    """Expected false alarms an hour of p rules, by the logit that an alert asks for.

    Attributes
    ----------
    logit : float (p, k), rising
    log_rate : float (p, k), falling; of alarms an hour
    fall : float (p,), log odds over which the rate falls to 1/e beyond the last knot
    """

    logit: NDArray[np.float64]
    log_rate: NDArray[np.float64]
    tail_scale: NDArray[np.float64]

    @classmethod
    def unknown(cls, count: int) -> FalseAlarmCurves:
        """Of ``count`` rules of which nothing is known."""
        nothing = np.full((count, KNOTS), np.nan)
        return cls(nothing, nothing, np.ones(count))

    def rate(self, logit: NDArray[np.floating]) -> NDArray[np.float64]:
        """False alarms an hour (p,) at logits (p,); NaN where nothing is known of a rule."""
        return np.asarray(np.exp(np.minimum(self._log_rate_at(logit), self.log_rate[:, 0])))

    def score(self, logit: NDArray[np.floating]) -> NDArray[np.float64]:
        """Scores (p,) of logits (p,), 0..1.

        Below the lowest logit that was counted they fall on, to 0 where nothing sounds. Of a rule
        without rates the score is the sigmoid of the logit.
        """
        with np.errstate(over="ignore"):
            known = score_of_rate(np.exp(self._log_rate_at(logit)))
        return np.where(np.isnan(known), sigmoid(logit), known)

    def needed(self, score: NDArray[np.floating]) -> NDArray[np.float64]:
        """The logits (p,) that make the scores (p,)."""
        found = self.level_of(rate_of_score(score))
        return np.where(np.isnan(found), logit_of(score), found)

    def score_of(self, rule: int, logit: float) -> float:
        """The score of one rule at a logit: that of `score`, without arrays."""
        knots, rates = self._rows[rule]
        if math.isnan(rates[0]):
            return min(0.5 * (1 + math.tanh(0.5 * logit)), MAX_SCORE)
        at = min(max(bisect_right(knots, logit) - 1, 0), len(knots) - 2)
        wide = knots[at + 1] - knots[at]
        share = min(max((logit - knots[at]) / wide, 0.0), 1.0) if wide > 0 else 0.0
        found = rates[at] + share * (rates[at + 1] - rates[at])
        found += max(knots[0] - logit, 0.0)
        found -= max(logit - knots[-1], 0.0) / float(self.tail_scale[rule])
        return min(1 / (1 + math.exp(found / 2)), MAX_SCORE) if found < _MAX_LOG_RATE else 0.0

    @cached_property
    def _rows(self) -> list[tuple[list[float], list[float]]]:
        return list(zip(self.logit.tolist(), self.log_rate.tolist(), strict=True))

    def scores(self, logits: NDArray[np.floating]) -> NDArray[np.float64]:
        """Scores (n, p) of the logits (n, p) of a whole stream."""
        found = np.empty(logits.shape)
        for row, logit in zip(found, logits, strict=True):
            row[:] = self.score(logit)
        return found

    def _log_rate_at(self, logit: NDArray[np.floating]) -> NDArray[np.float64]:
        """Log rate (p,) at logits (p,), going on beyond both ends."""
        at = np.asarray(logit, float)
        beyond = np.maximum(at - self.logit[:, -1], 0) / self.tail_scale
        below = np.maximum(self.logit[:, 0] - at, 0)
        index, share = _between(self.logit, at)
        row = np.arange(len(index))
        a, b = self.log_rate[row, index], self.log_rate[row, index + 1]
        return np.asarray(a + share * (b - a) - beyond + below)

    def level_of(self, rate: NDArray[np.float64]) -> NDArray[np.float64]:
        """The logits (p,) that background passes ``rate`` (p,) times an hour."""
        log_rate = np.log(rate)
        beyond = np.maximum(self.log_rate[:, -1] - log_rate, 0) * self.tail_scale
        index, share = _between(-self.log_rate, -log_rate)
        row = np.arange(len(index))
        a, b = self.logit[row, index], self.logit[row, index + 1]
        return np.asarray(a + share * (b - a) + beyond)


def score_of_rate(rate: NDArray[np.floating]) -> NDArray[np.float64]:
    """The score that background alone reaches ``rate`` times an hour."""
    return np.asarray(np.minimum(1 / (1 + np.sqrt(rate)), MAX_SCORE))


def rate_of_score(score: NDArray[np.floating]) -> NDArray[np.float64]:
    """How often an hour background alone reaches ``score``, 0..1; infinite at 0."""
    score = np.minimum(np.asarray(score, float), MAX_SCORE)
    with np.errstate(divide="ignore"):
        return np.asarray((1 / score - 1) ** 2)


def fit_curve(peaks: Floats, weight: Floats) -> tuple[NDArray[np.float64], ...]:
    """Level (k,), log rate (k,) and fall of one rule.

    Parameters
    ----------
    peaks : float (n,), the highest confirmed logit of each piece of background; -inf for none
    weight : float (n,), alarms an hour that one piece stands for
    """
    order = np.argsort(peaks)[::-1]
    order = order[np.isfinite(peaks[order])]
    if order.size < 2:
        return np.full(KNOTS, np.nan), np.full(KNOTS, np.nan), np.array(1.0)
    logit, log_rate = peaks[order].astype(float), np.log(np.cumsum(weight[order], dtype=float))
    first = min(TAIL_PEAKS, order.size) - 1
    share = weight[order[:first]].astype(float)
    fall = float((share * (logit[:first] - logit[first])).sum() / share.sum())
    tail_scale = max(fall, MIN_TAIL_SCALE)
    knots = np.geomspace(first + 1, order.size, KNOTS).astype(int) - 1  # some are equal
    knots = knots[np.diff(knots, prepend=-1) > 0]
    knots = np.concatenate([np.full(KNOTS - knots.size, knots[-1]), knots[::-1]])
    rising = np.maximum.accumulate(logit[knots] + 1e-6 * np.arange(KNOTS))
    return rising, log_rate[knots] - 1e-9 * np.arange(KNOTS), np.array(tail_scale)


def _between(
    knots: NDArray[np.float64], at: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """The knot (p,) of rising knots (p, k) at or below ``at``, and how far it is to the next."""
    index = np.clip((knots <= at[:, None]).sum(1) - 1, 0, knots.shape[1] - 2)
    row = np.arange(len(index))
    low, high = knots[row, index], knots[row, index + 1]
    share = np.where(high > low, (at - low) / np.where(high > low, high - low, 1), 0)
    return index, np.clip(share, 0, 1)
