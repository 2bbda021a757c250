"""Misses against false alarms of a rule, for every threshold that makes a difference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from elsa_rt.scoring.confirmation import confirmed_threshold
from elsa_rt.scoring.thresholds import end_below
from elsa_rt.tuning.gate import Floats, Timing, courses
from elsa_rt.tuning.labels import Label

SLACK_S = 1.0
"""So long after a labelled sound an alert still belongs to it."""

MAX_THRESHOLDS = 256
"""Thresholds that are tried."""

DIGITS = 3
"""Significant digits of min(threshold, 1 - threshold), since scores cluster near 0 and 1."""


class Result(NamedTuple):
    """Result of one threshold."""

    threshold: float
    missed: int  # labelled sounds without an alert
    false_alarms: int  # alerts without a labelled sound
    repeats: int  # alerts of a sound beyond its first


@dataclass(frozen=True)
class Tradeoff:
    """All results of one rule over one recording."""

    rule: str
    sounds: int  # that are labelled
    hours: float  # without them
    results: tuple[Result, ...]  # by rising threshold
    now: Result

    def per_hour(self, result: Result) -> float:
        """False alarms an hour."""
        return result.false_alarms / self.hours

    def at_most(self, result: Result) -> float:
        """Upper bound of the rate that 95 % of such recordings would keep (Poisson, exact)."""
        return poisson_bound(result.false_alarms) / self.hours

    def proposal(self, per_hour: float) -> Result | None:
        """The result with the fewest misses among those with at most ``per_hour``.

        Of several as good it is the middle one by log odds, farthest from where it would change.
        """
        kept = [result for result in self.results if self.per_hour(result) <= per_hour]
        if not kept or not self.sounds:
            return None
        fewest = min((result.missed, result.false_alarms) for result in kept)
        best = [result for result in kept if (result.missed, result.false_alarms) == fewest]
        middle = (_log_odds(best[0]) + _log_odds(best[-1])) / 2
        return min(best, key=lambda result: abs(_log_odds(result) - middle))


def tradeoff(
    rule: str,
    time_s: Floats,
    score: Floats,
    labels: Sequence[Label],
    timing: Timing,
    now: tuple[float, float],
    alert_end: float | None = None,
) -> Tradeoff:
    """Try thresholds on the scores (n,) of ``rule`` at ``time_s`` (n,), the ends of steps.

    ``now`` are the scores that start its alerts at present and below which they may end. With other
    starts they may end below ``alert_end``, or lower with a lower start; None puts it below each.
    """
    own = [label for label in labels if label.rule == rule]
    tried = thresholds(confirmed_threshold(np.asarray(score, np.float64), timing.confirm))
    end = end_below(tried) if alert_end is None else np.minimum(tried, alert_end)
    start, end = np.append(tried, now[0]), np.append(end, now[1])
    course = courses(time_s, score, start, end, timing)
    missed = np.zeros(len(start), np.int64)
    repeats = np.zeros(len(start), np.int64)
    is_labelled = np.zeros(len(time_s), np.bool_)
    for label in own:
        inside = (time_s > label.start_s) & (time_s <= label.end_s + SLACK_S)
        missed += ~course.heard[inside].any(axis=0)
        repeats += np.maximum(course.starts[inside].sum(axis=0) - 1, 0)
        is_labelled |= inside
    false_alarms = course.starts[~is_labelled].sum(axis=0)
    step_s = float(time_s[0]) if len(time_s) == 1 else float(np.median(np.diff(time_s)))
    found = [
        Result(float(s), int(m), int(f), int(r))
        for s, m, f, r in zip(start, missed, false_alarms, repeats, strict=True)
    ]
    hours = max(int((~is_labelled).sum()), 1) * step_s / 3600
    return Tradeoff(rule, len(own), hours, tuple(found[:-1]), found[-1])


def thresholds(level: Floats, most: int = MAX_THRESHOLDS) -> Floats:
    """Thresholds between the heights of the peaks of ``level`` (n,), rising, in 0..1.

    Where there are too many, all of the highest stay, and some of the others.
    """
    before, after = np.roll(level, 1), np.roll(level, -1)
    before[:1] = after[-1:] = -np.inf
    peaks = np.unique(level[(level >= before) & (level >= after) & (level > 0)])
    between = (peaks[1:] + peaks[:-1]) / 2
    edges = np.concatenate([peaks[:1] / 2, between, (peaks[-1:] + 1) / 2])
    tried = np.unique([_rounded(edge) for edge in edges])
    tried = tried[(tried > 0) & (tried < 1)]
    if len(tried) > most:
        some = np.linspace(0, len(tried) - most // 2 - 1, most - most // 2)
        tried = np.concatenate([tried[np.unique(some.astype(int))], tried[-(most // 2) :]])
    return tried if len(tried) else np.array([0.5])


def _log_odds(result: Result) -> float:
    return math.log(result.threshold / (1 - result.threshold))


def _rounded(threshold: float) -> float:
    rest = max(min(threshold, 1 - threshold), 1e-6)
    return round(threshold, DIGITS - 1 - math.floor(math.log10(rest)))


def poisson_bound(count: int, confidence: float = 0.95) -> float:
    """The highest mean that gives ``count`` or fewer with a chance of ``1 - confidence``.

    Garwood (1936), by bisection; 3.0 for none: the rule of three.
    """
    low, high = float(count), count + 10 * math.sqrt(count + 1) + 10
    for _ in range(60):
        mean = (low + high) / 2
        terms = (k * math.log(mean) - mean - math.lgamma(k + 1) for k in range(count + 1))
        low, high = (mean, high) if sum(map(math.exp, terms)) > 1 - confidence else (low, mean)
    return (low + high) / 2
