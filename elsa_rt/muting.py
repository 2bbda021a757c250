"""Rules that are muted: one state for terminal, page, API, MQTT and every other output."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from elsa_rt.hearing import Alert, Hearing


class Mutes:
    """Which rules are muted; any thread may change it, all that watch are told.

    A muted rule is listened by as before, and none of its alerts is told. An alert that is open
    when its rule is muted is told as ended. What joined the alert of a muted rule, where alerts are
    grouped, is told by itself. Nothing is kept over a restart.
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
            told += (_ended(alert, hearing.time_s), *self._apart(alert.joined))
        return hearing if told == hearing.alerts else replace(hearing, alerts=told)

    def _told(self, alerts: tuple[Alert, ...]) -> list[Alert]:
        told: list[Alert] = []
        for alert in alerts:
            known = alert.id in self._open
            if not known and (alert.state != "start" or self.silences(alert.rule)):
                told += self._apart(alert.joined)
                continue
            told.append(self._kept(alert, known))
        return told

    def _apart(self, joined: tuple[Alert, ...]) -> list[Alert]:
        """What joined an alert that is not told, as alerts of their own."""
        return [
            self._kept(one, one.id in self._open)
            for one in joined
            if one.id in self._open or (one.state != "end" and not self.silences(one.rule))
        ]

    def _kept(self, alert: Alert, known: bool) -> Alert:
        """What is told of an alert, ``known`` if it has started; it is kept while it is open."""
        if alert.state == "end":
            self._open.pop(alert.id, None)
        else:
            self._open[alert.id] = alert = replace(alert, state="update" if known else "start")
        heard = tuple(one for one in alert.joined if not self.silences(one.rule))
        return alert if len(heard) == len(alert.joined) else replace(alert, joined=heard)

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
        joined=(),
    )
