"""What outputs may change: rules switched off and on, marks of false alerts, prompts, orientation.

Home Assistant's switches, the robots' API and ROS call these; each may run on any thread.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Literal, Protocol

from numpy.typing import ArrayLike

from elsa_rt.config import Config
from elsa_rt.errors import UsageError
from elsa_rt.hearing import Hearing, RuleStatistics
from elsa_rt.muting import Mutes
from elsa_rt.rules.rule import Rule, rules_of

Verdict = Literal["false", "right", "undo"]


class Listening(Protocol):
    """What `Controls` need of a `Listener`."""

    @property
    def config(self) -> Config: ...

    def change_rules(self, rules: Iterable[Rule]) -> None: ...

    def set_orientation(
        self, quaternion: ArrayLike | None = None, *, captured_s: float | None = None
    ) -> None: ...


class Controls:
    """The handle of outputs on the listener and on what is told of its rules.

    Parameters
    ----------
    listener : Listener or None
        None for hearings that come from elsewhere: then only switching off works.
    mutes : Mutes, optional
        Which rules are switched off; a screen that mutes rules shares it.
    """

    def __init__(self, listener: Listening | None = None, mutes: Mutes | None = None) -> None:
        self._listener = listener
        self._mutes = Mutes() if mutes is None else mutes
        self._mutes.watch(self._changed)
        self._last: dict[str, str] = {}  # id of the last alert told of each rule
        self._watchers: list[Callable[[], None]] = []
        self._rules = self.rules  # of the last step

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules that are listened by now."""
        return self._listener.config.rules if self._listener is not None else ()

    def watch(self, changed: Callable[[], None]) -> None:
        """Have ``changed`` called whenever a switch or the rules have changed, on any thread."""
        self._watchers.append(changed)

    def is_on(self, rule: str | None = None) -> bool:
        """Whether alerts of ``rule`` are told; without a rule, whether any are."""
        return not self._mutes.all if rule is None else rule not in self._mutes.rules

    def switch(self, on: bool, rule: str | None = None) -> None:
        """Tell alerts of ``rule``, or of all rules, from now on, or no longer.

        Raises
        ------
        UsageError
            There is no such rule.
        """
        if rule is None:
            self._mutes.mute_all(not on)
        else:
            self._find(rule)
            self._mutes.mute(rule, not on)

    def filter(self, hearing: Hearing) -> Hearing:
        """``hearing`` without the alerts of rules that are off; open ones of theirs end.

        The listening thread calls this at every step: here new rules are noticed, whoever made
        them.
        """
        if self.rules is not self._rules:
            self._rules = self.rules
            self._changed()
        told = self._mutes.filter(hearing)
        for alert in told.alerts:
            for one in (alert, *alert.joined):
                self._last[one.rule] = one.id
        return told

    def last_alert(self, rule: str) -> str | None:
        """The id of the last alert that ``rule`` raised or joined, or None."""
        return self._last.get(rule)

    def mark_last(self, rule: str, verdict: Verdict) -> str:
        """Mark what ``rule`` had in its last alert as false or right, or undo it; returns the id.

        Of a grouped alert it is said of this rule alone.

        Raises
        ------
        UsageError
            No alert of the rule was told yet.
        """
        alert = self.last_alert(rule)
        if alert is None:
            raise UsageError(f"rule {rule!r} has raised no alert yet: there is none to mark")
        self.mark(alert, verdict, rule)
        return alert

    def mark(self, alert: str, verdict: Verdict, rule: str | None = None) -> None:
        """Mark the alert with this id as false or right, or undo it: the listener learns from it.

        Where alerts are grouped, it is said of every rule that joined it, or of ``rule`` alone.
        """
        feedback = getattr(self._need_listener(), "feedback", None)
        if feedback is None:
            raise UsageError("this version does not learn from marked alerts")
        feedback(alert, verdict, rule)

    def set_false_alarms_per_hour(self, rule: str, rate: float) -> None:
        """Allow ``rule`` this many false alarms an hour from now on."""
        self._find(rule)
        self.set_rules(
            [
                replace(one, false_alarms_per_hour=rate, alert_start=None, alert_end=None)
                if one.id == rule
                else one
                for one in self.rules
            ]
        )

    def set_rules(self, rules: Sequence[Rule]) -> None:
        """Listen by ``rules`` from the next step on; it takes as long as new prompts take."""
        self._need_listener().change_rules(rules)

    def set_prompts(self, prompts: Sequence[str]) -> None:
        """Listen for ``prompts`` in place of all rules."""
        self.set_rules(rules_of(prompts))

    def set_orientation(
        self, quaternion: tuple[float, float, float, float], captured_s: float | None = None
    ) -> None:
        """Say how the microphone is turned in the world: (x, y, z, w) of unit length."""
        self._need_listener().set_orientation(quaternion, captured_s=captured_s)

    def statistics(self) -> tuple[RuleStatistics, ...]:
        """Alerts, near misses and rates of each rule; none for hearings from elsewhere."""
        return getattr(self._listener, "statistics", ())

    def rates(self) -> dict[str, float]:
        """The false alarms an hour that each rule may raise; NaN where a score is set instead."""
        if self._listener is None:
            return {}
        usual = self._listener.config.false_alarms_per_hour
        return {
            rule.id: math.nan
            if rule.alert_start is not None
            else usual
            if rule.false_alarms_per_hour is None
            else rule.false_alarms_per_hour
            for rule in self.rules
        }

    def _find(self, rule: str) -> None:
        if self._listener is not None and rule not in {one.id for one in self.rules}:
            known = ", ".join(one.id for one in self.rules) or "no rules"
            raise UsageError(f"there is no rule {rule!r}: there are {known}")

    def _need_listener(self) -> Listening:
        if self._listener is None:
            raise UsageError("there is no listener to change: it comes from a recording")
        return self._listener

    def _changed(self) -> None:
        for changed in self._watchers:
            changed()
