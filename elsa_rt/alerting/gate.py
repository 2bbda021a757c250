"""Alert gate: the messages of alerts that start, go on and end."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.alerting.evidence import Evidence
from elsa_rt.alerting.lifecycle import AlertLifecycle
from elsa_rt.audio.ambisonics import direction_from_angles
from elsa_rt.config import Config
from elsa_rt.encoder.output import EncoderOutput
from elsa_rt.hearing import Alert, State, Track
from elsa_rt.rules.rule import Rule
from elsa_rt.scoring.confirmation import Flags, RuleMapping, times_of
from elsa_rt.scoring.scorer import Match
from elsa_rt.tracking.direction_filter import angle_between
from elsa_rt.tracking.tracker import untracked

MOVED_DEG = 10.0
"""A direction that moved by more is reported before the next update is due."""

MIN_UPDATE_S = 0.2
"""Seconds between two messages of an alert at least, however fast it moves."""


class Joined(NamedTuple):
    """An alert that is not told, because another one stands for it."""

    alert: Alert
    leader: str  # id of the other


@dataclass
class _Open:
    """State of one open alert beside its evidence."""

    id: str
    event: str
    track: str  # id of that on which it began
    latency_s: float
    place: Track  # where it was heard last
    told: Track  # where it was when it was told of
    told_s: float
    leader: str = ""  # id of the alert that stands for it, where alerts are grouped
    joined: tuple[str, ...] = ()  # ids of the rules that joined it
    other: str = ""  # id of another track that it holds on
    other_steps: int = 0  # how often it did


class AlertGate:
    """Alerts of p rules: their ids, places, events and groups, and the messages that tell of them.

    `AlertLifecycle` says when one starts and ends, `Evidence` what its steps came to.

    Parameters
    ----------
    rules : sequence of p Rule
    config : Config
        What the rules leave open.
    step_s : seconds of a step
    start, end : (p,), scores 0 < end <= start
        From which score on an alert starts, and below which it may end.

    Attributes
    ----------
    delay_s : float
        Seconds by which the stages before are late, for the latency of the alerts.
    life : AlertLifecycle
    holds : bool (p,)
        Whether the present step counts for a rule.
    joined : list of Joined
        Alerts that started and ended in the last step and are not told.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        config: Config,
        step_s: float,
        start: NDArray[np.floating],
        end: NDArray[np.floating],
    ) -> None:
        self._rules = rules
        self._update_s = config.alert_update_s
        self._run = f"{config.run}-" if config.run else ""
        self._group = config.alert_group
        self.life = AlertLifecycle(start, end, times_of(rules, config, step_s))
        self._evidence = Evidence(len(rules), step_s)
        self._alerts = self._events = 0  # outlive reset: an id never comes twice from one gate
        self.delay_s = 0.0
        self.reset()

    def reset(self) -> None:
        """Forget all scores; open alerts vanish without an end."""
        self.life.reset()
        self._evidence.reset()
        self._open: dict[int, _Open] = {}
        self.holds = np.zeros(len(self._rules), np.bool_)
        self.joined: list[Joined] = []

    def inherit(self, before: AlertGate, mapping: RuleMapping) -> None:
        """Go on with the open alerts and the scores of the rules that ``before`` has, too.

        What it has open of others stays with it, to be ended by its ``finish``.
        """
        self._alerts, self._events = before._alerts, before._events
        self.delay_s = before.delay_s
        self.life.inherit(before.life, mapping)
        self._evidence.inherit(before._evidence, mapping)
        for here, there in zip(*mapping, strict=True):
            if there in before._open:
                self._open[here] = before._open.pop(there)

    @property
    def any_open(self) -> bool:
        """Whether an alert has started and not ended."""
        return bool(self._open)

    @property
    def is_open(self) -> Flags:
        """Mask (p,) of the rules that have an open alert."""
        return self.life.is_open

    def step(
        self, time_s: float, match: Match, sound: EncoderOutput, tracks: Sequence[Track | None]
    ) -> tuple[Alert, ...]:
        """Take one step's match; returns the alerts that it ended, went on with and started.

        ``sound`` and ``tracks``, that of each slot, are in the axes that alerts are told in.
        """
        self.joined = []
        change = self.life.step(time_s, match.score, self._required(match, tracks))
        self.holds = change.holds
        ended = [self._close(rule, time_s) for rule in change.ended.nonzero()[0].tolist()]
        self._evidence.step(time_s, match, sound, change.holds, self.life.pending)
        started = change.started.nonzero()[0].tolist()
        slots = {rule: int(match.slot[rule]) for rule in (*self._open, *started)}
        places = {
            rule: tracks[slot] or untracked(time_s, sound, slot)
            for rule, slot in slots.items()
            if change.holds[rule]
        }
        going = self._go_on(time_s, match, places)
        begun = [self._begin(rule, time_s, match, places[rule]) for rule in started]
        return tuple(alert for alert in (*ended, *going, *begun) if alert is not None)

    def finish(self, time_s: float) -> tuple[Alert, ...]:
        """End every open alert: the stream is over."""
        self.joined = []
        ended = [self._close(rule, time_s) for rule in sorted(self._open)]
        self.life.finish(time_s)
        return tuple(alert for alert in ended if alert is not None)

    def _required(self, match: Match, tracks: Sequence[Track | None]) -> NDArray[np.float64]:
        """The score (p,) that each rule must reach.

        Another sound than that of an open alert does not keep it open so easily.
        """
        required = self.life.required
        for rule, alert in self._open.items():
            track = tracks[match.slot[rule]]
            if track is not None and alert.place.id and track.id != alert.place.id:
                required[rule] = self.life.start[rule]
        return required

    def _begin(self, rule: int, time_s: float, match: Match, place: Track) -> Alert | None:
        """Open an alert; returns its message, none where it joins another one."""
        self._alerts += 1
        latency_s = time_s + self.delay_s - float(self._evidence[rule]["onset_s"])
        name = f"{self._rules[rule].id}-{self._run}{self._alerts:06d}"
        leader = self._leader_of(place) if self._group else None
        event = self._event_of(place)
        self._open[rule] = _Open(name, event, place.id, latency_s, place, place, time_s)
        if leader is not None:
            leader.joined = tuple(dict.fromkeys([*leader.joined, self._rules[rule].id]))
            self._open[rule].leader = leader.id
        return self._told(rule, self._alert("start", rule, time_s, float(match.score[rule])))

    def _told(self, rule: int, alert: Alert) -> Alert | None:
        """``alert``, unless another one stands for it."""
        leader = self._open[rule].leader
        if not leader:
            return alert
        self.joined.append(Joined(alert, leader))
        return None

    def _leader_of(self, place: Track) -> _Open | None:
        """The open alert that is told of the sound at ``place``, if there is one."""
        for other in self._open.values():
            if place.id and other.track == place.id and not other.leader:
                return other
        return None

    def _event_of(self, place: Track) -> str:
        """The event of the open alerts that began on the same track, or a new one."""
        for other in self._open.values():
            if place.id and other.track == place.id:
                return other.event
        self._events += 1
        return f"event-{self._run}{self._events:06d}"

    def _go_on(self, time_s: float, match: Match, places: dict[int, Track]) -> list[Alert]:
        """Follow the open alerts that hold, and tell of those that are due."""
        told = []
        for rule, alert in self._open.items():
            if rule not in places:
                continue
            if self._follows(rule, alert, places[rule]):
                alert.place = places[rule]
            if not alert.leader and self._is_due(alert, time_s):
                alert.told, alert.told_s = alert.place, time_s
                told.append(self._alert("update", rule, time_s, float(match.score[rule])))
        return told

    def _follows(self, rule: int, alert: _Open, place: Track) -> bool:
        """Whether an alert is at ``place`` now.

        It passes to another track when it held there for as long as an alert takes to begin: the
        embedding remembers a sound that ended into the first steps of the next.
        """
        if not place.id or place.id == alert.place.id:
            alert.other_steps = 0
            return bool(place.id) or not alert.place.id  # a guess is no better than the last place
        alert.other_steps = alert.other_steps + 1 if place.id == alert.other else 1
        alert.other = place.id
        return not alert.place.id or alert.other_steps >= self.life.held(rule)[1]

    def _is_due(self, alert: _Open, time_s: float) -> bool:
        if self._update_s is None:
            return False
        passed = time_s - alert.told_s + 1e-6
        if passed >= self._update_s:
            return True
        return passed >= MIN_UPDATE_S and _moved_deg(alert.told, alert.place) > MOVED_DEG

    def _close(self, rule: int, time_s: float) -> Alert | None:
        evidence = self._evidence[rule]
        alert = self._alert("end", rule, time_s, float(evidence["peak"]))
        duration_s = float(evidence["last_s"] - evidence["onset_s"])
        told = self._told(rule, replace(alert, duration_s=duration_s))
        del self._open[rule]
        return told

    def _alert(self, state: State, rule: int, time_s: float, score: float) -> Alert:
        alert, evidence = self._open[rule], self._evidence[rule]
        place = alert.place
        return Alert(
            state=state,
            id=alert.id,
            prompt=self._rules[rule].label,
            time_s=time_s,
            score=score,
            azimuth_deg=place.azimuth_deg,
            elevation_deg=place.elevation_deg,
            words=place.words,
            rule=self._rules[rule].id,
            event=alert.event,
            track=place.id or None,
            uncertainty_deg=place.uncertainty_deg,
            speed_deg_s=place.speed_deg_s,
            distance_m=place.distance_m,
            peak=float(evidence["peak"]),
            mean=float(evidence["total"] / evidence["steps"]),
            false_alarms_per_hour=float(evidence["rate"]),
            onset_s=float(evidence["onset_s"]),
            latency_s=alert.latency_s,
            joined=alert.joined,
        )


def _moved_deg(one: Track, other: Track) -> float:
    here, there = (direction_from_angles(p.azimuth_deg, p.elevation_deg) for p in (one, other))
    return math.degrees(angle_between(here, there))
