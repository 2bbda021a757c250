"""Alert thresholds, from expected false alarms per hour or as given.

One rate is the same score for every rule (`elsa_rt.scoring.false_alarm_rate.score_of_rate`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elsa_rt.config import Config
from elsa_rt.rules.rule import Rule
from elsa_rt.scoring.false_alarm_rate import FalseAlarmCurves, score_of_rate
from elsa_rt.scoring.logits import logit_of, sigmoid

WITHOUT_RATE = 0.5
"""Score that starts an alert of which no rate is known: as likely as not."""

KEEPS_OPEN = 2.0
"""An alert goes on at scores whose log odds are lower than its start by this: from 0.5 down to
0.12, a rate 55 times as high. By less, one sound gives several alerts more often."""


def thresholds(
    rules: Sequence[Rule], config: Config, curves: FalseAlarmCurves
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Scores (p,) that start alerts, and (p,) below which they may end.

    Of a rule's own settings and those of ``config`` the rule's come first, and a score before a
    rate; where only the start is known, the end lies `KEEPS_OPEN` below it. ``curves`` are those of
    the `Scorer` of these rules.
    """
    wanted = np.array([rate_of(rule, config) for rule in rules], float).reshape(-1)
    known = np.isfinite(curves.level_of(wanted))
    start = np.where(known, score_of_rate(wanted), WITHOUT_RATE)
    for index, rule in enumerate(rules):
        given = rule.alert_start if rule.alert_start is not None else _plain(rule, config)
        if given is not None:
            start[index] = given
    end = end_below(start)
    for index, rule in enumerate(rules):
        given = rule.alert_end
        if given is None and rule.alert_start is None:
            given = config.alert_end
        if given is not None:
            end[index] = min(given, start[index])
    return start.astype(np.float32), end.astype(np.float32)


def end_below(start: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Below which scores alerts may end that start at ``start`` and say nothing of their end."""
    return sigmoid(logit_of(start) - KEEPS_OPEN)


def rate_of(rule: Rule, config: Config) -> float:
    """False alarms an hour that ``rule`` may raise."""
    given = rule.false_alarms_per_hour
    return config.false_alarms_per_hour if given is None else given


def _plain(rule: Rule, config: Config) -> float | None:
    """A start score of ``config``, unless the rule asks for a rate of its own."""
    return None if rule.false_alarms_per_hour is not None else config.alert_start
