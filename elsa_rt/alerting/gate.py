"""Alert gate: the messages of alerts that start, go on and end."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.alerting.evidence import Evidence
from elsa_rt.alerting.lifecycle import AlertLifecycle
from elsa_rt.alerting.open_alerts import OpenAlert, compare, led_by, newly_told
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
    """A message of an alert that is told within those of another one."""

    alert: Alert
    leader: str  # id of the other


class AlertGate:
    """Alerts of p rules: their ids, places, events and groups, and the messages that tell of them.

    `AlertLifecycle` says when one starts and ends, `Evidence` what its steps came to, `compare`
    which of those on one track is the surest. Where alerts are grouped, the others join that one:
    each is told within its messages, and by itself from when it becomes the surest, is heard on
    another track, or is still heard when the other one is over.

    Parameters
    ----------
    rules : sequence of p Rule
    config : Config
        What the rules leave open.
    step_s : seconds of a step
    start, end : (p,), scores 0 < end <= start
        From which score on an alert starts, and below which it may end.
    usual : (p,), optional
        Similarity of each rule to background, zero if left out.

    Attributes
    ----------
    delay_s : float
        Seconds by which the stages before are late, for the latency of the alerts.
    life : AlertLifecycle
    holds : bool (p,)
        Whether the present step counts for a rule.
    joined : list of Joined
        Alerts that started and ended in the last step and joined others.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        config: Config,
        step_s: float,
        start: NDArray[np.floating],
        end: NDArray[np.floating],
        usual: NDArray[np.floating] | None = None,
    ) -> None:
        self._rules = rules
        self._update_s = config.alert_update_s
        self._run = f"{config.run}-" if config.run else ""
        self._group = config.alert_group
        self.life = AlertLifecycle(start, end, times_of(rules, config, step_s))
        alike = np.zeros(len(rules)) if usual is None else usual
        self._evidence = Evidence(step_s, alike.tolist())
        self._alerts = self._events = 0  # outlive reset: an id never comes twice from one gate
        self.delay_s = 0.0
        self.reset()

    def reset(self) -> None:
        """Forget all scores; open alerts vanish without an end."""
        self.life.reset()
        self._evidence.reset()
        self._open: dict[int, OpenAlert] = {}
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
        here_too = {alert.id for alert in self._open.values()}
        for alert in self._open.values():
            if alert.surer not in here_too:  # its rule is no more
                alert.surer = ""

    @property
    def any_open(self) -> bool:
        """Whether an alert has started and not ended."""
        return bool(self._open)

    @property
    def is_open(self) -> Flags:
        """Mask (p,) of the rules that have an open alert."""
        return self.life.is_open

    def likeness(self, rule: int) -> tuple[float, float]:
        """Similarity beyond what is usual, and score, that the open alert of a rule has reached."""
        held = self._evidence[rule]
        return held.likeness, held.peak

    def step(
        self, time_s: float, match: Match, sound: EncoderOutput, tracks: Sequence[Track | None]
    ) -> tuple[Alert, ...]:
        """Take one step's match; returns the alerts that it ended, went on with and started.

        ``sound`` and ``tracks``, that of each slot, are in the axes that alerts are told in.
        """
        self.joined = []
        change = self.life.step(time_s, match.score, self._required(match, tracks))
        self.holds = change.holds
        if self.life.is_idle and not self._open:  # most often
            self._evidence.step(time_s, match, sound, change.holds, self.life.pending)
            return ()
        ended = self._close(change.ended.nonzero()[0].tolist(), time_s)
        self._evidence.step(time_s, match, sound, change.holds, self.life.pending)
        started = change.started.nonzero()[0].tolist()
        slots = {rule: int(match.slot[rule]) for rule in (*self._open, *started)}
        places = {
            rule: tracks[slot] or untracked(time_s, sound, slot)
            for rule, slot in slots.items()
            if change.holds[rule]
        }
        for rule, alert in self._open.items():
            if rule in places and self._follows(rule, alert, places[rule]):
                alert.place = places[rule]
        for rule in started:
            self._begin(rule, time_s, places[rule])
        return (*ended, *self._tell(time_s, match, places))

    def finish(self, time_s: float) -> tuple[Alert, ...]:
        """End every open alert: the stream is over."""
        self.joined = []
        ended = self._close(sorted(self._open), time_s)
        self.life.finish(time_s)
        return tuple(ended)

    def _required(self, match: Match, tracks: Sequence[Track | None]) -> NDArray[np.float64]:
        """The score (p,) that each rule must reach.

        Another sound than that of an open alert does not keep it open so easily.
        """
        if not self._open:
            return self.life.start
        required = self.life.required
        for rule, alert in self._open.items():
            track = tracks[match.slot[rule]]
            if track is not None and alert.place.id and track.id != alert.place.id:
                required[rule] = self.life.start[rule]
        return required

    def _begin(self, rule: int, time_s: float, place: Track) -> None:
        self._alerts += 1
        latency_s = time_s + self.delay_s - self._evidence[rule].onset_s
        name = f"{self._rules[rule].id}-{self._run}{self._alerts:06d}"
        event = self._event_of(place)
        self._open[rule] = OpenAlert(name, event, place.id, latency_s, place, place, time_s)

    def _event_of(self, place: Track) -> str:
        """The event of the open alerts that began on the same track, or a new one."""
        for other in self._open.values():
            if place.id and other.track == place.id:
                return other.event
        self._events += 1
        return f"event-{self._run}{self._events:06d}"

    def _tell(self, time_s: float, match: Match, held: Collection[int]) -> list[Alert]:
        """The messages of the open alerts that are due; those of ``held`` are heard now."""
        if not self._open:
            return []
        compare(self._open, self.likeness, held)
        begun = newly_told(self._open, held, self._group)
        told = []
        for rule, alert in sorted(self._open.items(), key=lambda pair: pair[1].joins):
            if rule not in begun and (alert.joins or not self._is_due(rule, time_s, rule in held)):
                continue
            state: State = "start" if rule in begun else "update"
            message = self._alert(state, rule, time_s, float(match.score[rule]))
            alert.state = state
            if alert.joins:
                self.joined.append(Joined(message, alert.surer))
                continue
            alert.told, alert.told_s, alert.told_surer = alert.place, time_s, alert.surer
            alert.told_joined = {(one.id, one.state == "end") for one in message.joined}
            told.append(message)
        return sorted(told, key=lambda one: (one.state == "start", one.surer is not None))

    def _follows(self, rule: int, alert: OpenAlert, place: Track) -> bool:
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

    def _is_due(self, rule: int, time_s: float, held: bool) -> bool:
        alert = self._open[rule]
        joined = {(self._open[one].id, False) for one in led_by(self._open, alert)}
        if (joined | {(one.id, True) for one in alert.over}) - alert.told_joined:
            return True  # what joins it, or is over, is told at once
        passed = time_s - alert.told_s + 1e-6
        if passed >= MIN_UPDATE_S and alert.surer and not alert.told_surer:
            return True
        if self._update_s is None or not held:
            return False
        moved = passed >= MIN_UPDATE_S and _moved_deg(alert.told, alert.place) > MOVED_DEG
        return moved or passed >= self._update_s

    def _close(self, rules: Sequence[int], time_s: float) -> list[Alert]:
        """End the alerts of ``rules``; returns what is told of it."""
        told = []
        for rule in sorted(rules, key=lambda rule: not self._open[rule].joins):
            alert, message = self._open[rule], self._ended(rule, time_s)
            del self._open[rule]
            if not alert.joins:
                told.append(message)
                continue
            self.life.was_not_told(rule)
            self.joined.append(Joined(message, alert.surer))
            for leader in self._open.values():
                if leader.id == alert.surer:
                    leader.over.append(message)
        return told

    def _ended(self, rule: int, time_s: float) -> Alert:
        evidence = self._evidence[rule]
        duration_s = evidence.last_s - evidence.onset_s
        return self._alert("end", rule, time_s, evidence.peak, duration_s)

    def _joined(self, alert: OpenAlert, state: State, time_s: float) -> tuple[Alert, ...]:
        """What has joined an open alert that is told as ``state``, the surest first."""
        found = list(alert.over)
        for rule in led_by(self._open, alert):
            if state == "end":  # one that is heard still is told by itself from now on
                found.append(self._ended(rule, time_s))
                continue
            mine: State = "update" if self._open[rule].state else "start"
            found.append(self._alert(mine, rule, time_s, self._evidence[rule].peak))
        return tuple(sorted(found, key=lambda one: -one.peak))

    def _alert(
        self, state: State, rule: int, time_s: float, score: float, duration_s: float | None = None
    ) -> Alert:
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
            peak=evidence.peak,
            mean=evidence.total / evidence.steps,
            false_alarms_per_hour=evidence.rate,
            onset_s=evidence.onset_s,
            latency_s=alert.latency_s,
            duration_s=duration_s,
            surer=alert.surer or None,
            joined=self._joined(alert, state, time_s),
        )


def _moved_deg(one: Track, other: Track) -> float:
    here, there = (direction_from_angles(p.azimuth_deg, p.elevation_deg) for p in (one, other))
    return math.degrees(angle_between(here, there))
