"""Statistics of each rule since the listener began: alerts, near misses, rates."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Sequence
from functools import partial

import numpy as np

from elsa_rt.config import Config
from elsa_rt.hearing import Alert, NearMiss, RuleStatistics
from elsa_rt.rules.rule import Rule
from elsa_rt.scoring.false_alarm_rate import FalseAlarmCurves
from elsa_rt.scoring.thresholds import rate_of

DAY_S = 86_400.0

MIN_ALERTS, MIN_HOURS = 6, 1.0
"""Fewer alerts, or a shorter time, tell nothing of a rate."""

REMEMBERED = 48
"""Alerts of each rule that are looked back at; more in a day are too many in any case."""

TOO_OFTEN = 3.0
"""Times as often as was asked is far more often, if it is no chance either."""

CHANCE = 1e-3


class RuleTally:
    """Counts for p rules; stream time without a stream does not count.

    Parameters
    ----------
    rules : sequence of p Rule
    config : Config
    curves : FalseAlarmCurves
    start : (p,), scores that start alerts
    """

    def __init__(
        self, rules: Sequence[Rule], config: Config, curves: FalseAlarmCurves, start: np.ndarray
    ) -> None:
        self._rules = {rule.id: rule for rule in rules}
        expected = curves.rate(curves.needed(np.asarray(start, float))) if rules else np.empty(0)
        self._expected = dict(zip(self._rules, expected.tolist(), strict=True))
        self._asked = {rule.id: rate_of(rule, config) for rule in rules}
        self._alerts = dict.fromkeys(self._rules, 0)
        self._near = dict.fromkeys(self._rules, 0)
        self._latest: defaultdict[str, deque[tuple[float, float]]] = defaultdict(
            partial(deque, maxlen=REMEMBERED)
        )
        self._told_s = dict.fromkeys(self._rules, -math.inf)
        self._proposed = dict.fromkeys(self._rules, math.nan)
        self._since_s = dict.fromkeys(self._rules, 0.0)
        self._before_s = 0.0  # of streams before this one
        self._now_s = 0.0

    def reset(self) -> None:
        """Another stream begins; what was counted stays."""
        self._before_s, self._now_s = self._before_s + self._now_s, 0.0

    def inherit(self, before: RuleTally) -> None:
        """Go on with the counts of the rules that ``before`` has, too."""
        self._before_s, self._now_s = before._before_s, before._now_s
        self._since_s = dict.fromkeys(self._rules, self._total_s)
        for id, rule in self._rules.items():
            if before._rules.get(id) == rule:
                for name in (
                    "_alerts", "_near", "_latest", "_told_s", "_since_s", "_proposed",
                ):  # fmt: skip
                    getattr(self, name)[id] = getattr(before, name)[id]

    def step(
        self, time_s: float, alerts: Sequence[Alert], near_misses: Sequence[NearMiss]
    ) -> list[str]:
        """Take what a step gave; returns what the user should know, once a day for each rule."""
        self._now_s = time_s
        notices = []
        for miss in near_misses:
            self._near[miss.reason.rule] += 1
        for alert in alerts:
            if alert.state == "start" and alert.rule in self._rules:
                self._alerts[alert.rule] += 1
                self._latest[alert.rule].append((self._total_s, alert.score))
                notice = self._too_often(alert.rule)
                notices += [notice] if notice else []
        return notices

    @property
    def statistics(self) -> tuple[RuleStatistics, ...]:
        """Of each rule."""
        return tuple(self._of(id) for id in self._rules)

    @property
    def _total_s(self) -> float:
        return self._before_s + self._now_s

    def _of(self, id: str) -> RuleStatistics:
        hours = (self._total_s - self._since_s[id]) / 3600
        return RuleStatistics(
            rule=id,
            prompt=self._rules[id].label,
            hours=hours,
            alerts=self._alerts[id],
            near_misses=self._near[id],
            asked_per_hour=self._asked[id],
            expected_per_hour=self._expected[id],
            counted_per_hour=self._alerts[id] / hours if hours > 0 else 0.0,
            proposed_start=self._proposed[id] if self._is_recent(id) else math.nan,
        )

    def _is_recent(self, id: str) -> bool:
        """Whether the rule was told within a day to alert too often."""
        return self._total_s - self._told_s[id] < DAY_S

    def _too_often(self, id: str) -> str | None:
        """What to say of a rule that alerts far more often than its false alarms may."""
        now_s = self._total_s
        if self._is_recent(id):
            return None
        latest = [(at, score) for at, score in self._latest[id] if now_s - at < DAY_S]
        since_s = max(self._since_s[id], now_s - DAY_S)
        if len(latest) == REMEMBERED:
            since_s = max(since_s, latest[0][0])
        hours = (now_s - since_s) / 3600
        too_early = now_s - self._since_s[id] < 3600 * MIN_HOURS
        if too_early or not self._rules[id].has_meaning:
            return None
        allowed = self._asked[id] * hours
        count = len(latest)
        if count < max(MIN_ALERTS, TOO_OFTEN * allowed) or poisson_tail(count, allowed) > CHANCE:
            return None
        self._told_s[id] = now_s
        best = max(1, int(allowed))
        kept = sorted((score for _, score in latest), reverse=True)[:best][-1]
        kept = math.floor(1000 * kept) / 1000  # rounded up it would keep one less
        self._proposed[id] = kept
        return (
            f"the rule {id!r} alerted {count} times in {_span(hours)}, where "
            f"{self._asked[id]:g} false alarms an hour are allowed: if they were false, say so "
            f"(elsa-rt feedback last false), let it learn this place (elsa-rt calibrate site) or "
            f"ask for less (alert_start: {kept:.3f} keeps the best {best}); if "
            "they were right, all is well"
        )


def poisson_tail(count: int, mean: float) -> float:
    """Chance of ``count`` or more where ``mean`` are expected."""
    if mean <= 0:
        return 0.0 if count else 1.0
    terms = (k * math.log(mean) - mean - math.lgamma(k + 1) for k in range(count))
    return max(0.0, 1 - sum(map(math.exp, terms)))


def _span(hours: float) -> str:
    return f"{60 * hours:.0f} minutes" if hours < 2 else f"{hours:.0f} hours"
