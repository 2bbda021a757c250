"""Which rules listen now."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from elsa_rt.matching.rule import Rule


class Timetable:
    """Which of p rules listen at a time; looks again with each new minute."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._schedules = [rule.schedule for rule in rules]
        self._minute: int | None = None
        self._listens = np.ones(len(rules), np.bool_)

    @property
    def is_needed(self) -> bool:
        """Whether any rule has a schedule at all."""
        return any(schedule is not None for schedule in self._schedules)

    def listens(self, at_s: float) -> NDArray[np.bool_]:
        """Truth (p,) for each rule at ``at_s``, seconds of Unix time."""
        minute = int(at_s // 60)
        if minute != self._minute:
            self._minute = minute
            self._listens = np.array([s is None or s.holds(60 * minute) for s in self._schedules])
        return self._listens
