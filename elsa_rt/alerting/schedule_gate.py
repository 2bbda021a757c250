"""Schedule gate: the rules that listen at a given time."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from elsa_rt.rules.rule import Rule
from elsa_rt.scoring.scorer import Match


class Timetable:
    """Keeps rules from alerting outside of their schedules; looks again with each new minute.

    Parameters
    ----------
    rules : sequence of p Rule
    began_s : float, optional
        Unix time at which the stream began, for recordings; else it is now.
    """

    def __init__(self, rules: Sequence[Rule], began_s: float | None) -> None:
        self._schedules = [rule.schedule for rule in rules]
        self._is_needed = any(schedule is not None for schedule in self._schedules)
        self._began_s = began_s
        self._minute: int | None = None
        self._listens = np.ones(len(rules), np.bool_)

    def step(self, match: Match, time_s: float) -> Match:
        """``match`` of the step that ended at ``time_s`` of the stream, 0 for who is off."""
        if not self._is_needed:
            return match
        now_s = time.time() if self._began_s is None else self._began_s + time_s
        return match._replace(score=match.score * self.listens(now_s))

    def listens(self, at_s: float) -> NDArray[np.bool_]:
        """Truth (p,) for each rule at ``at_s``, seconds of Unix time."""
        minute = int(at_s // 60)
        if minute != self._minute:
            self._minute = minute
            self._listens = np.array([s is None or s.holds(60 * minute) for s in self._schedules])
        return self._listens
