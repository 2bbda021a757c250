"""Rules that are muted: one state for terminal, page, API, MQTT and every other output."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from elsa_rt.hearing import Alert, Hearing


class Mutes:
    """Which rules are muted; any thread may change it, all that watch are told.

    A muted rule is listened by as before, and none of its alerts is told. An alert that is open
    when its rule is muted is told as ended. Nothing is kept over a restart.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: frozenset[str] = frozenset()
        self._all = False
        self._open: dict[str, Alert] = {}  # by id: what was told last of open alerts
        self._watchers: list[Callable[[], None]] = []

    @property
    def rules(self) -> frozenset[str]:
        """Ids of the rules that are muted one by one."""
        return self._rules

    @property
    def all(self) -> bool:
        """Whether all rules are muted together."""
        return self._all

    def silences(self, rule: str) -> bool:
        """Whether no alert of ``rule`` is told."""
        return self._all or rule in self._rules

    def watch(self, changed: Callable[[], None]) -> None:
        """Have ``changed`` called after every change, on the thread that made it."""
        self._watchers.append(changed)

    def mute(self, rule: str, muted: bool) -> None:
        """Mute or unmute the rule with this id."""
        with self._lock:
            self._rules = self._rules | {rule} if muted else self._rules - {rule}
        self._changed()

    def mute_all(self, muted: bool) -> None:
        """Mute all rules together, or unmute those that are not muted one by one."""
        with self._lock:
            self._all = muted
        self._changed()

    def filter(self, hearing: Hearing) -> Hearing:
        """``hearing`` with what is told of its alerts; the listening thread calls it each step."""
        if not hearing.alerts and not self._open:
            return hearing
        told = tuple(self._told(hearing.alerts))
        for alert in [one for one in self._open.values() if self.silences(one.rule)]:
            del self._open[alert.id]
            told += (_ended(alert, hearing.time_s),)
        return hearing if told == hearing.alerts else replace(hearing, alerts=told)

    def _told(self, alerts: tuple[Alert, ...]) -> list[Alert]:
        told = []
        for alert in alerts:
            if alert.state == "start":
                if self.silences(alert.rule):
                    continue
            elif alert.id not in self._open:
                continue
            if alert.state == "end":
                del self._open[alert.id]
            else:
                self._open[alert.id] = alert
            told.append(alert)
        return told

    def _changed(self) -> None:
        for changed in self._watchers:
            changed()


def _ended(alert: Alert, time_s: float) -> Alert:
    """The end at ``time_s`` of an alert whose rule was muted."""
    onset_s = alert.time_s if alert.onset_s != alert.onset_s else alert.onset_s
    return replace(
        alert,
        state="end",
        time_s=time_s,
        score=alert.score if alert.peak != alert.peak else alert.peak,
        duration_s=time_s - onset_s,
    )
