"""Lifecycle of alerts: which of p are open after each step, by scores and times alone."""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.scoring.confirmation import Confirmation, Flags, RuleMapping, Times


class Transitions(NamedTuple):
    """Changes of p alerts in one step."""

    holds: Flags  # (p,), the score reaches what is required, and the alert may be open
    ended: Flags  # (p,)
    started: Flags  # (p,)


class AlertLifecycle:
    """Confirmation, hysteresis, cooldown and rate limit of p alerts.

    Scores start an alert as `elsa_rt.scoring.confirmation` says. It ends when they have stayed
    below the lower threshold for the time of release. Until its cooldown is over, and while it
    alerted as often as ``at_most`` allows, none starts.

    Parameters
    ----------
    start, end : (p,), scores 0 < end <= start
        From which score on an alert starts, and below which it may end.
    times : Times
        Of the p rules.

    Attributes
    ----------
    is_open : bool (p,)
    pending : bool (p,)
        The rules that have an open alert, or steps that count towards one.
    is_idle : bool
        Whether there is none.
    """

    def __init__(
        self, start: NDArray[np.floating], end: NDArray[np.floating], times: Times
    ) -> None:
        self.start, self.end = np.asarray(start, float), np.asarray(end, float)
        self._times = times
        self._confirmation = Confirmation(times.confirm)
        none = np.zeros(len(self.start), np.bool_)
        none.flags.writeable = False
        self._nothing = Transitions(none, none, none)
        self.reset()

    def reset(self) -> None:
        """Forget all scores; open alerts vanish without an end."""
        count = len(self.start)
        self._confirmation.reset()
        self.is_open, self.is_idle = np.zeros(count, np.bool_), True
        self.pending = self._nothing.holds
        self._ready_s = np.full(count, -math.inf)  # end of the cooldown
        self._limited_s = np.full(count, -math.inf)  # end of what `at_most` forbids
        self._begun = {
            rule: deque[float](maxlen=limit.count)
            for rule, limit in enumerate(self._times.at_most) if limit is not None
        }  # fmt: skip

    def inherit(self, before: AlertLifecycle, mapping: RuleMapping) -> None:
        """Go on with the rules that ``before`` has, too."""
        self._confirmation.inherit(before._confirmation, mapping)
        for mine, old in (
            (self.is_open, before.is_open),
            (self._ready_s, before._ready_s),
            (self._limited_s, before._limited_s),
        ):
            mine[mapping.new] = old[mapping.old]
        for new, old_rule in zip(*mapping, strict=True):
            if new in self._begun:
                self._begun[new].extend(before._begun.get(old_rule, ()))
        self._look()

    @property
    def required(self) -> NDArray[np.float64]:
        """The score (p,) that each rule must reach: the lower one for open alerts."""
        return np.where(self.is_open, self.end, self.start)

    def step(
        self,
        time_s: float,
        score: NDArray[np.floating],
        required: NDArray[np.floating] | None = None,
    ) -> Transitions:
        """Take the scores (p,) of the step that ended at ``time_s``, and what they must reach."""
        required = self.required if required is None else required
        reaches = score >= required
        if self.is_idle and not np.count_nonzero(reaches):  # most often
            self._confirmation.pause()
            return self._nothing
        ready = self.is_open | (time_s > np.maximum(self._ready_s, self._limited_s))
        holds = ready & reaches
        confirmed = self._confirmation.step(holds)
        ended = self.is_open & (self._confirmation.steps_below >= self._times.release)
        started = ~self.is_open & confirmed
        if np.count_nonzero(ended):
            self._close(ended, time_s)
        if np.count_nonzero(started):
            self._open(started, time_s)
        self._look()
        return Transitions(holds, ended, started)

    def finish(self, time_s: float) -> None:
        """End all open alerts."""
        self._close(self.is_open.copy(), time_s)
        self._look()

    def was_not_told(self, rule: int) -> None:
        """The last alert of ``rule``, which is over, begins no cooldown and counts for no limit."""
        self._ready_s[rule] = self._limited_s[rule] = -math.inf
        if self._begun.get(rule):
            self._begun[rule].pop()

    def waits_s(self, rule: int, time_s: float) -> tuple[float, float]:
        """Seconds for which the cooldown of a rule lasts on, and its `at_most`."""
        return float(self._ready_s[rule]) - time_s, float(self._limited_s[rule]) - time_s

    def held(self, rule: int) -> tuple[int, int]:
        """Steps of a rule that count at present, and that must."""
        return int(self._confirmation.held[rule]), int(self._times.confirm[rule])

    def _look(self) -> None:
        """Find which rules are pending."""
        self.pending = self.is_open | self._confirmation.running
        self.is_idle = not np.count_nonzero(self.pending)

    def _close(self, rules: Flags, time_s: float) -> None:
        self.is_open &= ~rules
        self._ready_s[rules] = time_s + self._times.cooldown_s[rules]
        self._confirmation.restart(rules)

    def _open(self, rules: Flags, time_s: float) -> None:
        self.is_open |= rules
        for rule in np.flatnonzero(rules).tolist():
            limit, begun = self._times.at_most[rule], self._begun.get(rule)
            if limit is None or begun is None:
                continue
            begun.append(time_s)
            if len(begun) == limit.count:
                self._limited_s[rule] = begun[0] + limit.seconds
