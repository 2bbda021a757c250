"""Log odds: how similarities, activity, place and what is excluded make the score of a rule.

A similarity becomes ``z = (similarity - centre) / spread``, where centre is the median over the
active background and spread its `HIGH` quantile less the median; the log odds are
``slope z + bias``. What a rule must not be lowers them where it fits better than the rule itself.
Their sigmoid counts for less beside the place, and below an activity of `SOUNDING`. What the log
odds are worth as a score tells `elsa_rt.scoring.false_alarm_rate`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.encoder.output import SOUNDING
from elsa_rt.quantiles import median, quantile
from elsa_rt.scoring.statistics import Statistics

Floats = NDArray[np.float32]

HIGH = 0.84
"""Quantile whose distance from the median is the spread: one sigma, were it normal."""

SPREAD_FLOOR = 1e-3
"""Lower bound of the spread: a prompt equally similar to everything must not amplify noise."""

QUANTILE_STEPS = 4_000
"""Steps that centre and spread are taken of."""

ANY_LOGIT = 2.0
"""Log odds of a rule for any sound, "anything but speech", while something sounds."""

EXCLUDED_FROM, EXCLUDED_SLOPE = -1.0, 2.0
"""What such a rule excludes lowers it from these log odds of its own on, by so much each."""

MAX_SCORE = 0.999_999
"""Above, 32 bits tell no scores apart."""


class LogitScale(NamedTuple):
    """Log odds ``slope * similarity + bias`` of p rules."""

    slope: Floats
    bias: Floats


def logit_scale(statistics: Statistics, embedding: Floats) -> LogitScale:
    """Scale from similarity to log odds for rules (p, D)."""
    background = statistics.background
    active = np.flatnonzero(background.activity > 255 * SOUNDING)
    if active.size < 2:
        active = np.arange(len(background.sounds))
    some = active[:: max(1, active.size // QUANTILE_STEPS)]
    factor, offset = statistics.similarity(embedding)
    found = background.sounds[some].astype(np.float32) @ factor + offset
    middle, high = median(found), quantile(found, HIGH)
    slope = statistics.slope / np.maximum(high - middle, SPREAD_FLOOR)
    return LogitScale(
        slope.astype(np.float32), (statistics.bias - slope * middle).astype(np.float32)
    )


def apply_exclusions(logit: Floats, rules: NDArray[np.intp], excluded: Floats) -> None:
    """Lower ``logit`` (n, p) of ``rules`` (q,) by how much ``excluded`` (n, q) exceeds it."""
    for column, rule in enumerate(rules.tolist()):
        own = logit[:, rule]
        own -= np.maximum(excluded[:, column] - own, 0)


def attenuate(logit: Floats, weight: NDArray[np.floating]) -> Floats:
    """Log odds of scores ``sigmoid(logit) * weight``, weights 0..1; -inf where it is 0."""
    with np.errstate(divide="ignore", over="ignore"):
        # a difference of two near 1 would make a sure sound infinitely sure
        return np.asarray(np.log(weight) - np.log((1 - weight) + np.exp(-logit)))


def sigmoid(logit: NDArray[np.floating]) -> NDArray[np.float64]:
    """Scores of log odds."""
    # tanh is the sigmoid that cannot overflow
    return np.asarray(np.minimum(0.5 * (1 + np.tanh(0.5 * logit)), MAX_SCORE))


def logit_of(score: NDArray[np.floating]) -> NDArray[np.float64]:
    """Log odds of scores."""
    score = np.minimum(np.asarray(score, float), MAX_SCORE)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(score) - np.log1p(-score))
