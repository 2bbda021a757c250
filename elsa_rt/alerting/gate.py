"""Alerts: scores that hold start one, scores that stay away end it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from elsa_rt.audio.ambisonics import direction_from_angles
from elsa_rt.config import Config
from elsa_rt.encoder.output import SOUNDING, EncoderOutput
from elsa_rt.hearing import Alert, State, Track
from elsa_rt.rules.rate_limit import RateLimit
from elsa_rt.rules.rule import Rule
from elsa_rt.scoring.confirmation import Confirmation, Flags, RuleMapping, times_of
from elsa_rt.scoring.scorer import Match
from elsa_rt.tracking.direction_filter import angle_between
from elsa_rt.tracking.tracker import untracked

ONSET_WITHIN_S = 1.0
"""Activity that began longer than this before the first step that held is another sound."""

MOVED_DEG = 10.0
"""A direction that moved by more is worth an update before its time."""

UPDATE_LEAST_S = 0.2
"""But not sooner than this after what was told last."""


@dataclass
class _Open:
    """State of one open alert beside the arrays of its gate."""

    id: str
    event: str
    track: str  # id of that on which it began
    latency_s: float
    place: Track  # where it was heard last
    told: Track  # where it was when it was told of
    told_s: float
    joins: int | None = None  # the rule whose alert stands for it, where alerts are grouped
    joined: tuple[str, ...] = ()  # ids of the rules that joined it


class AlertGate:
    """Confirmation, hysteresis and cooldown for each of p rules, and what is told of them.

    Scores start an alert as `Confirmation` says. It ends when they have stayed below the lower
    threshold for the time of release: that is when its sound counts as not heard any more.

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
        self._start, self._end = np.asarray(start, float), np.asarray(end, float)
        self._step_s = step_s
        self._update_s = config.alert_update_s
        self._run = f"{config.run}-" if config.run else ""
        self._group = config.alert_group
        self._times = times_of(rules, config, step_s)
        self._limits = [_limit_of(rule, config) for rule in rules]
        self._confirmation = Confirmation(self._times.confirm)
        self._alerts = self._events = 0  # outlive reset: an id never comes twice from one gate
        self.delay_s = 0.0
        self.reset()

    def reset(self) -> None:
        """Forget all scores; open alerts vanish without an end."""
        count = len(self._rules)
        self._confirmation.reset()
        self._open: dict[int, _Open] = {}
        self._is_open = np.zeros(count, np.bool_)
        self._ready_s = np.full(count, -math.inf)  # when its cooldown is over
        self._limited_s = np.full(count, -math.inf)  # when `at_most` allows the next
        self._begun = [deque[float](maxlen=limit.count if limit else 1) for limit in self._limits]
        self.holds = np.zeros(count, np.bool_)  # whether the present step counts for a rule
        self._count = np.zeros(count, np.int64)  # steps that held, of this run or alert
        self._peak = np.zeros(count, np.float32)  # of their scores
        self._total = np.zeros(count)  # and their sum
        self._rate = np.full(count, math.nan)  # false alarms an hour at their peak
        self._onset_s = np.zeros(count)
        self._last_s = np.zeros(count)  # end of the last of them
        self._sounding_s: NDArray[np.float64] | None = None  # since when each slot is, or NaN

    def inherit(self, before: AlertGate, mapping: RuleMapping) -> None:
        """Go on with the open alerts and the scores of the rules that ``before`` has, too.

        What it has open of others stays with it, to be ended by its ``finish``.
        """
        self._alerts, self._events = before._alerts, before._events
        self._sounding_s, self.delay_s = before._sounding_s, before.delay_s
        self._confirmation.inherit(before._confirmation, mapping)
        for mine, old in (
            (self._is_open, before._is_open),
            (self._ready_s, before._ready_s),
            (self._limited_s, before._limited_s),
            (self._count, before._count),
            (self._peak, before._peak),
            (self._total, before._total),
            (self._rate, before._rate),
            (self._onset_s, before._onset_s),
            (self._last_s, before._last_s),
        ):
            mine[mapping.new] = old[mapping.old]
        new_of = dict(zip(mapping.old, mapping.new, strict=True))
        for there, here in new_of.items():
            self._begun[here].extend(before._begun[there])
            if there in before._open:
                alert = self._open[here] = before._open.pop(there)
                alert.joins = None if alert.joins is None else new_of.get(alert.joins)

    @property
    def any_open(self) -> bool:
        """Whether an alert has started and not ended."""
        return bool(self._open)

    def step(
        self, time_s: float, match: Match, sound: EncoderOutput, tracks: Sequence[Track | None]
    ) -> tuple[Alert, ...]:
        """Take one step's match; returns the alerts that it ended, went on with and started.

        ``sound`` and ``tracks``, that of each slot, are in the axes that alerts are told in.
        """
        ready = self._is_open | (time_s > np.maximum(self._ready_s, self._limited_s))
        self.holds = holds = ready & (match.score >= self._asked(match, tracks))
        confirmed = self._confirmation.step(holds)
        self._forget(~self._is_open & ~self._confirmation.running)
        self._note(time_s, holds, match, sound)
        missed = self._confirmation.steps_below
        ended = np.flatnonzero(self._is_open & (missed >= self._times.release)).tolist()
        started = np.flatnonzero(~self._is_open & confirmed).tolist()
        heard = {rule: int(match.slot[rule]) for rule in (*self._open, *started) if holds[rule]}
        places = {rule: tracks[k] or untracked(time_s, sound, k) for rule, k in heard.items()}
        going = self._go_on(time_s, match, places)
        told = (
            *(self._close(rule, time_s) for rule in ended),
            *going,
            *(self._begin(rule, time_s, match, places[rule]) for rule in started),
        )
        return tuple(alert for alert in told if alert is not None)

    def finish(self, time_s: float) -> tuple[Alert, ...]:
        """End every open alert: the stream is over."""
        ended = [self._close(rule, time_s) for rule in sorted(self._open)]
        return tuple(alert for alert in ended if alert is not None)

    @property
    def is_open(self) -> Flags:
        """Which rules have an open alert, (p,)."""
        return self._is_open

    @property
    def pending(self) -> Flags:
        """Which rules have an open alert, or steps that count towards one, (p,)."""
        return self._is_open | self._confirmation.running

    def waits_s(self, rule: int, time_s: float) -> tuple[float, float]:
        """Seconds for which the cooldown of a rule lasts on, and its `at_most`."""
        return float(self._ready_s[rule]) - time_s, float(self._limited_s[rule]) - time_s

    def held(self, rule: int) -> tuple[int, int]:
        """Steps of a rule that count at present, and that must."""
        return int(self._confirmation.held[rule]), int(self._times.confirm[rule])

    def _asked(self, match: Match, tracks: Sequence[Track | None]) -> NDArray[np.float64]:
        """The score that each rule must reach (p,): the lower one for open alerts.

        Another sound than that of the alert does not keep it open so easily.
        """
        asked = np.where(self._is_open, self._end, self._start)
        for rule, alert in self._open.items():
            track = tracks[match.slot[rule]]
            if track is not None and alert.place.id and track.id != alert.place.id:
                asked[rule] = self._start[rule]
        return asked

    def _note(
        self, time_s: float, holds: NDArray[np.bool_], match: Match, sound: EncoderOutput
    ) -> None:
        """Take the scores that hold into account, and when their sounds began."""
        begin_s = time_s - self._step_s
        before = self._sounding_s
        since = np.full(sound.activity.shape, math.nan) if before is None else before
        goes_on = np.where(np.isnan(since), begin_s, since)
        self._sounding_s = np.where(sound.activity >= SOUNDING, goes_on, math.nan)
        first = holds & (self._count == 0)
        onset_s = self._sounding_s[match.slot[first]]
        recent = onset_s >= begin_s - ONSET_WITHIN_S
        self._onset_s[first] = np.where(recent, onset_s, begin_s)
        self._count[holds] += 1
        self._total[holds] += match.score[holds]
        self._peak[holds] = np.maximum(self._peak, match.score)[holds]
        self._rate[holds] = np.fmin(self._rate, match.false_alarms_per_hour)[holds]
        self._last_s[holds] = time_s

    def _forget(self, rules: NDArray[np.bool_] | int) -> None:
        self._count[rules] = 0
        self._peak[rules] = 0
        self._total[rules] = 0
        self._rate[rules] = math.nan

    def _begin(self, rule: int, time_s: float, match: Match, place: Track) -> Alert | None:
        """Open an alert; what is to be told of it, nothing where it joins another one."""
        self._alerts += 1
        latency_s = time_s + self.delay_s - float(self._onset_s[rule])
        name = f"{self._rules[rule].id}-{self._run}{self._alerts:06d}"
        leader = self._leader_of(place) if self._group else None
        event = self._event_of(place)
        self._open[rule] = _Open(name, event, place.id, latency_s, place, place, time_s, leader)
        self._is_open[rule] = True
        limit = self._limits[rule]
        if limit is not None:
            begun = self._begun[rule]
            begun.append(time_s)
            if len(begun) == limit.count:
                self._limited_s[rule] = begun[0] + limit.seconds
        if leader is not None:
            one = self._open[leader]
            one.joined = tuple(dict.fromkeys([*one.joined, self._rules[rule].id]))
            return None
        return self._alert("start", rule, time_s, float(match.score[rule]))

    def _leader_of(self, place: Track) -> int | None:
        """The rule whose open alert is told of the sound at ``place``, if there is one."""
        for rule, other in self._open.items():
            if place.id and other.track == place.id and other.joins is None:
                return rule
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
            if places[rule].id or not alert.place.id:  # a guess is no better than the last place
                alert.place = places[rule]
            if alert.joins is None and self._is_due(alert, time_s):
                alert.told, alert.told_s = alert.place, time_s
                told.append(self._alert("update", rule, time_s, float(match.score[rule])))
        return told

    def _is_due(self, alert: _Open, time_s: float) -> bool:
        if self._update_s is None:
            return False
        passed = time_s - alert.told_s + 1e-6
        if passed >= self._update_s:
            return True
        return passed >= UPDATE_LEAST_S and _moved_deg(alert.told, alert.place) > MOVED_DEG

    def _close(self, rule: int, time_s: float) -> Alert | None:
        last_s, onset_s = float(self._last_s[rule]), float(self._onset_s[rule])
        alert = self._alert("end", rule, time_s, float(self._peak[rule]))
        self._is_open[rule] = False
        self._ready_s[rule] = time_s + self._times.cooldown_s[rule]
        self._confirmation.restart(rule)
        self._forget(rule)
        closed = self._open.pop(rule)
        return None if closed.joins is not None else replace(alert, duration_s=last_s - onset_s)

    def _alert(self, state: State, rule: int, time_s: float, score: float) -> Alert:
        alert = self._open[rule]
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
            peak=float(self._peak[rule]),
            mean=float(self._total[rule] / self._count[rule]),
            false_alarms_per_hour=float(self._rate[rule]),
            onset_s=float(self._onset_s[rule]),
            latency_s=alert.latency_s,
            joined=alert.joined,
        )


def _limit_of(rule: Rule, config: Config) -> RateLimit | None:
    if rule.at_most is not None or config.alert_at_most is None:
        return rule.at_most
    return RateLimit.parse(config.alert_at_most)


def _moved_deg(one: Track, other: Track) -> float:
    here, there = (direction_from_angles(p.azimuth_deg, p.elevation_deg) for p in (one, other))
    return math.degrees(angle_between(here, there))
