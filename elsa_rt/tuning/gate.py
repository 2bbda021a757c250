"""Alerts of one rule for many thresholds at once."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.alerting.lifecycle import AlertLifecycle
from elsa_rt.rules.rate_limit import RateLimit
from elsa_rt.scoring.confirmation import Flags, Times

Floats = NDArray[np.floating[Any]]


class Timing(NamedTuple):
    """Durations of one rule: confirmation, release, cooldown; and its rate limit."""

    confirm: int  # steps
    release: int  # steps
    cooldown_s: float
    at_most: RateLimit | None = None

    @classmethod
    def of(cls, times: Times, rule: int) -> Timing:
        """Those of one of the rules of ``times``."""
        return cls(
            int(times.confirm[rule]),
            int(times.release[rule]),
            float(times.cooldown_s[rule]),
            times.at_most[rule],
        )

    def for_each(self, count: int) -> Times:
        """The same times for ``count`` alerts."""
        return Times(
            np.full(count, self.confirm, np.int64),
            np.full(count, self.release, np.int64),
            np.full(count, self.cooldown_s),
            (self.at_most,) * count,
        )


class Course(NamedTuple):
    """Alerts of t thresholds over n steps."""

    starts: Flags  # (n, t)
    heard: Flags  # (n, t), an alert is open and the score reaches its end


def courses(
    time_s: Floats,
    score: Floats,
    start: Floats,
    end: Floats,
    timing: Timing,
) -> Course:
    """Alerts that ``score`` at ``time_s`` (n,) raises with each of ``start`` and ``end`` (t,).

    They live as those of a listener do (`AlertLifecycle`), but for one thing: without tracks, any
    sound keeps an alert open; there, another one must reach the start.

    Parameters
    ----------
    score : (n,) of one rule, or (n, t) of a rule for each pair of thresholds
    """
    alerts = AlertLifecycle(start, end, timing.for_each(len(start)))
    starts = np.zeros((len(score), len(start)), np.bool_)
    heard = np.zeros((len(score), len(start)), np.bool_)
    for index, (now_s, value) in enumerate(zip(time_s, score, strict=True)):
        change = alerts.step(float(now_s), value)
        starts[index], heard[index] = change.started, alerts.is_open & change.holds
    return Course(starts, heard)
