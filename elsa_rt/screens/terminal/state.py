"""State of the terminal view, taken step by step."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from elsa_rt.hearing import Alert, EachRule, Hearing, NearMiss, Score, Track
from elsa_rt.muting import Mutes
from elsa_rt.screens.heard import HeardLog, HeardSound, told_of
from elsa_rt.screens.load import LoadMeter
from elsa_rt.screens.plain import surest_last, told

FALL = 0.85
"""A bar keeps this share of its length from step to step, so that the eye can follow."""

TRAIL_S = 3.0
EVENTS_KEPT = 200


class Event(NamedTuple):
    """A line of the list: an alert, a near miss or a known sound."""

    kind: str  # "alert", "near" or "heard"
    time_s: float
    what: str
    where: str
    score: float
    threshold: float
    duration_s: float | None  # None while it goes on
    reason: str = ""
    alert: Alert | None = None


@dataclass
class State:
    """All that the picture shows."""

    source: str
    model: str
    hearing: Hearing | None = None
    bars: dict[str, float] = field(default_factory=dict)  # by rule
    events: dict[str, Event] = field(default_factory=dict)  # the oldest first
    open: dict[str, Alert] = field(default_factory=dict)  # by rule
    each_rule: EachRule = field(default_factory=EachRule)
    names: dict[str, str] = field(default_factory=dict)  # of tracks
    trail: deque[Track] = field(default_factory=lambda: deque(maxlen=400))
    best: Score | None = None
    health: str = "HEALTHY"
    over: str = ""
    mutes: Mutes = field(default_factory=Mutes)
    expected: tuple[tuple[str, str], ...] = ()  # id and label of rules, before anything is heard
    notice: str = ""
    load: LoadMeter = field(default_factory=LoadMeter)
    log: HeardLog = field(default_factory=lambda: HeardLog(1.0))
    told_from: float = 1.0
    only_sounds: bool = False  # there are no rules: known sounds are the events

    @property
    def heard_s(self) -> float:
        """Stream time that has been heard."""
        return self.hearing.time_s if self.hearing else 0.0

    @property
    def alerts(self) -> list[Event]:
        """Alerts, the oldest first."""
        return [event for event in self.events.values() if event.kind == "alert"]

    def take(self, hearing: Hearing) -> None:
        """Take one step."""
        self.load.step(hearing.time_s)
        self.hearing = hearing
        self.health = hearing.state
        self.only_sounds = not hearing.scores
        self.bars = {
            score.rule: max(score.score, FALL * self.bars.get(score.rule, 0.0))
            for score in hearing.scores
        }
        for alert in surest_last(hearing.alerts):
            self._take_alert(alert)
        for score in hearing.scores:
            if self.best is None or score.score > self.best.score:
                self.best = score
        for miss in hearing.near_misses:
            self._take_near(miss)
        for sound in self.log.step(hearing):
            self._take_heard(sound)
        self._follow(hearing)
        self._forget(self.events, EVENTS_KEPT)

    def _follow(self, hearing: Hearing) -> None:
        label = told_of(hearing.labels, self.told_from)
        for track in hearing.tracks:
            if track.last_s == hearing.time_s:
                self.trail.append(track)
                if label is not None and hearing.activity >= 0.5:
                    self.names[track.id] = label.name
        while self.trail and hearing.time_s - self.trail[0].time_s > TRAIL_S:
            self.trail.popleft()
        self._forget(self.names, 50)

    def _take_alert(self, alert: Alert) -> None:
        for one in self.each_rule(alert):
            if one.state == "end":
                self.open.pop(one.rule, None)
            else:
                self.open[one.rule] = one
        before = self.events.get(alert.id)
        if before is None and alert.state != "start":
            return  # its start has been forgotten
        began = before.time_s if before else alert.time_s
        self.events[alert.id] = Event(
            "alert", began, told(alert), _place(alert), alert.score, float("nan"),
            alert.duration_s, alert=alert,
        )  # fmt: skip

    def _take_near(self, miss: NearMiss) -> None:
        reason = miss.reason
        self.events[f"near {reason.rule} {miss.start_s:.2f}"] = Event(
            "near", miss.start_s, reason.prompt, reason.words, reason.score, reason.threshold,
            miss.last_s - miss.start_s, reason.text,
        )  # fmt: skip

    def _take_heard(self, sound: HeardSound) -> None:
        if self.only_sounds:
            length = sound.last_s - sound.start_s if sound.state == "end" else None
            self.events[f"heard {sound.start_s:.2f}"] = Event(
                "heard", sound.start_s, sound.name, sound.words, sound.probability,
                self.told_from, length,
            )  # fmt: skip

    @staticmethod
    def _forget(table: dict[str, object] | dict[str, Event] | dict[str, str], kept: int) -> None:
        while len(table) > kept:
            del table[next(iter(table))]

    def reason_of(self, rule: str) -> str:
        """Why a rule does not alert, where that is known."""
        for reason in self.hearing.reasons if self.hearing else ():
            if reason.rule == rule:
                return reason.text
        return ""

    def rules(self) -> Iterable[tuple[str, str, float, float, str]]:
        """Id, label, bar, threshold and state ("alert", "muted" or "") of each rule."""
        for rule, label in self.expected if self.hearing is None else ():
            yield rule, label, 0.0, float("nan"), ""
        for score in self.hearing.scores if self.hearing else ():
            muted, open_ = self.mutes.silences(score.rule), score.rule in self.open
            state = "muted" if muted else "alert" if open_ else ""
            yield score.rule, score.prompt, self.bars[score.rule], score.threshold, state


def _place(alert: Alert) -> str:
    if alert.uncertainty_deg != alert.uncertainty_deg:
        return alert.words
    return f"{alert.words} ±{alert.uncertainty_deg:.0f}°"
