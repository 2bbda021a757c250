"""From the steps of one stream to rows: one for each track, for lone alerts, and for minutes.

A track that goes on for long gets a row for every minute: on the full minutes of the stream, rows
that are at least half a minute long end and the next one begins. So a recording gives the same
rows, however it is cut into pieces (`elsa_rt.recordings`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.audio.ambisonics import angles_from_direction, direction_from_angles
from elsa_rt.hearing import Alert, Track
from elsa_rt.memory.row import Event, Kind, RaisedAlert, RuleScore

Vector = NDArray[np.float64]

MINUTE_S = 60.0

CUT_AFTER_S = 30.0
"""A row that is shorter on a full minute goes on to the next one."""

ACTIVE = 0.3
"""A step of this activity makes its minute one in which something was heard."""

QUIET_MINUTES = 60
"""So many quiet minutes in a row share one row at most."""

QUIET_WEIGHT = 0.02
"""Weight in the mean embedding of a minute of a step that is not active at all."""

DIRECTED = 0.5
"""Length of the mean of unit vectors from which on a minute has a direction."""

NEAR = math.cos(math.radians(45.0))
"""Cosine of the angle within which an alert that began with a track is of that track."""

SCORES_KEPT, LEAST_SCORE = 4, 0.05
"""Rules whose score is kept with a row: the best few, and none that hardly scored."""


class SoundInStep(NamedTuple):
    """One of the sounds of a step that has a track."""

    track: str  # its id
    embedding: NDArray[np.float32]  # (D,)
    activity: float


class Step(NamedTuple):
    """One step of listening, as rows are made of it."""

    time_s: float  # stream time at its end
    embedding: NDArray[np.float32]  # (D,)
    activity: float
    direction: NDArray[np.float32]  # (3,) unit vector, in the axes of ``tracks``
    level_dbfs: float
    tracks: Sequence[Track] = ()
    alerts: Sequence[Alert] = ()
    scores: Sequence[tuple[str, float]] = ()  # rule and score
    sounds: Sequence[SoundInStep] = ()  # those with a track, several where they are heard at once


@dataclass(eq=False)
class _Sums:
    """What is summed up of a row."""

    begin_s: float
    size: int  # D
    end_s: float = 0.0
    steps: int = 0
    weight: float = 0.0
    activity: float = 0.0
    level_dbfs: float = -math.inf
    loudest: float = 0.0  # activity
    distance_m: float = math.nan
    uncertainty_deg: float = math.nan
    scores: dict[str, float] = field(default_factory=dict)
    alerts: dict[str, RaisedAlert] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.embedding: Vector = np.zeros(self.size)
        self.direction: Vector = np.zeros(3)

    def add(self, step: Step, direction: NDArray[np.floating], weight: float) -> None:
        self.end_s = step.time_s
        self.steps += 1
        self.weight += weight
        self.activity += step.activity
        self.loudest = max(self.loudest, step.activity)
        self.level_dbfs = max(self.level_dbfs, step.level_dbfs)
        self.embedding += weight * step.embedding
        self.direction += weight * np.asarray(direction)
        for rule, score in step.scores:
            if score >= LEAST_SCORE:
                self.scores[rule] = max(self.scores.get(rule, 0.0), score)

    def join(self, later: _Sums) -> None:
        """Take what ``later`` summed up."""
        self.end_s = later.end_s
        self.steps += later.steps
        self.weight += later.weight
        self.activity += later.activity
        self.loudest = max(self.loudest, later.loudest)
        self.level_dbfs = max(self.level_dbfs, later.level_dbfs)
        self.embedding += later.embedding
        self.direction += later.direction

    def note(self, alert: Alert) -> None:
        for one in (alert, *alert.joined):
            peak = one.score if math.isnan(one.peak) else one.peak
            self.alerts[one.id] = RaisedAlert(one.id, one.rule, one.prompt, one.event, float(peak))

    def event(self, kind: Kind, track: str | None, *, directed: bool = True) -> Event:
        length = float(np.linalg.norm(self.embedding))
        azimuth, elevation = math.nan, math.nan
        if directed and np.linalg.norm(self.direction) > 0:
            azimuth, elevation = angles_from_direction(self.direction)
        best = sorted(self.scores.items(), key=lambda pair: -pair[1])[:SCORES_KEPT]
        return Event(
            kind=kind,
            time_s=self.begin_s,
            duration_s=self.end_s - self.begin_s,
            at_s=None,
            azimuth_deg=azimuth,
            elevation_deg=elevation,
            uncertainty_deg=self.uncertainty_deg,
            distance_m=self.distance_m,
            level_dbfs=self.level_dbfs,
            activity=self.activity / max(self.steps, 1),
            embedding=(self.embedding / max(length, 1e-9)).astype(np.float32),
            track=track,
            scores=tuple(RuleScore(rule, float(score)) for rule, score in best),
            alerts=tuple(self.alerts.values()),
        )


class Gatherer:
    """Gathers the rows of one stream.

    Parameters
    ----------
    step_s : seconds of a step
    begin_s, end_s : seconds of stream time, full minutes
        Rows that begin outside of these belong to somebody else and are left out.
    """

    def __init__(self, step_s: float, begin_s: float = 0.0, end_s: float = math.inf) -> None:
        self._step_s = step_s
        self._begin_s, self._end_s = begin_s, end_s
        self._minute_index = -1
        self._rows: dict[str, _Sums] = {}  # of tracks, by their id
        self._begun: set[str] = set()  # tracks that are open and had a row
        self._lone: dict[str, _Sums] = {}  # of alerts without a track, by their id
        self._minute: _Sums | None = None
        self._quiet: _Sums | None = None  # minutes in which nothing was active

    @property
    def has_open(self) -> bool:
        """Whether a row that counts is not complete yet."""
        rows = (*self._rows.values(), *self._lone.values())
        return any(self._begin_s <= row.begin_s < self._end_s for row in rows)

    def step(self, step: Step) -> list[Event]:
        """Take the next step; returns the rows that are complete with it."""
        begin_s = step.time_s - self._step_s
        done = []
        minute = math.floor(begin_s / MINUTE_S + 1e-6)
        if minute > self._minute_index:
            done = [*self._cut(minute * MINUTE_S), *self._end_minute()]
            self._minute_index = minute
        for track, embedding, activity in _heard(step):
            self._follow(track, step._replace(embedding=embedding, activity=activity), begin_s)
        done += self._take_alerts(step, begin_s)
        for ended in step.tracks:
            if ended.state == "end":
                self._begun.discard(ended.id)
                if ended.id in self._rows:
                    done.append(self._rows.pop(ended.id).event("sound", ended.id))
        if self._begin_s - 1e-6 <= begin_s < self._end_s - 1e-6:
            self._minute = self._minute or _Sums(begin_s, step.embedding.size)
            self._minute.add(step, step.direction, max(step.activity, QUIET_WEIGHT))
        return self._counting(done)

    def finish(self) -> list[Event]:
        """The stream is over; returns the rows that were open."""
        done = [row.event("sound", track) for track, row in self._rows.items()]
        done += [row.event("alert", None) for row in self._lone.values()]
        done += self._end_minute()
        if self._quiet is not None:
            done.append(_of_minute(self._quiet))
        self._rows, self._begun, self._lone = {}, set(), {}
        self._minute = self._quiet = None
        return self._counting(done)

    def _counting(self, done: Iterable[Event]) -> list[Event]:
        return [row for row in done if self._begin_s - 1e-6 <= row.time_s < self._end_s - 1e-6]

    def _follow(self, track: Track, step: Step, begin_s: float) -> None:
        """Add ``step`` to the row of ``track``; a new one begins with the track or with a cut."""
        if track.id not in self._rows:
            first_s = begin_s if track.id in self._begun else min(track.first_s, begin_s)
            self._rows[track.id] = _Sums(first_s, step.embedding.size)
            self._begun.add(track.id)
            self._adopt(track)
        row = self._rows[track.id]
        where = direction_from_angles(track.azimuth_deg, track.elevation_deg)
        row.add(step, where, step.activity)
        row.distance_m, row.uncertainty_deg = track.distance_m, track.uncertainty_deg

    def _adopt(self, track: Track) -> None:
        """Give the new row of ``track`` the alerts that were raised before it was known."""
        row = self._rows[track.id]
        where = direction_from_angles(track.azimuth_deg, track.elevation_deg)
        for id_, lone in list(self._lone.items()):
            near = where @ lone.direction >= NEAR * np.linalg.norm(lone.direction)
            if near and abs(lone.begin_s - row.begin_s) <= 2 * self._step_s + 1e-6:
                row.alerts |= self._lone.pop(id_).alerts

    def _cut(self, at_s: float) -> list[Event]:
        """End the rows of tracks that are long at the full minute ``at_s``."""
        long = [t for t, row in self._rows.items() if row.begin_s <= at_s - CUT_AFTER_S + 1e-6]
        return [self._rows.pop(track).event("sound", track) for track in long]

    def _take_alerts(self, step: Step, begin_s: float) -> list[Event]:
        done = []
        for alert in step.alerts:
            if alert.track is not None and alert.track in self._rows:
                self._rows[alert.track].note(alert)
            elif alert.state == "start":
                onset_s = begin_s if math.isnan(alert.onset_s) else min(alert.onset_s, begin_s)
                self._lone[alert.id] = _Sums(onset_s, step.embedding.size)
        for id_, row in list(self._lone.items()):
            row.add(step, step.direction, max(step.activity, QUIET_WEIGHT))
            for alert in step.alerts:
                if alert.id == id_:
                    row.note(alert)
                    if alert.state == "end":
                        done.append(self._lone.pop(id_).event("alert", None))
        return done

    def _end_minute(self) -> list[Event]:
        """The minute that is over, if something was heard in it; else it waits for others."""
        minute, self._minute = self._minute, None
        if minute is None:
            return []
        quiet = self._quiet
        if minute.loudest >= ACTIVE:
            self._quiet = None
            return [_of_minute(row) for row in (quiet, minute) if row is not None]
        if quiet is None:
            self._quiet = minute
        elif minute.begin_s - quiet.begin_s >= QUIET_MINUTES * MINUTE_S - 1:
            self._quiet = minute
            return [_of_minute(quiet)]
        else:
            quiet.join(minute)
        return []


def _heard(step: Step) -> list[tuple[Track, NDArray[np.float32], float]]:
    """The tracks that sound in ``step``, each with its embedding and activity.

    A model that hears one sound at a time has one embedding: that of the track nearest to its
    direction.
    """
    heard = {
        track.id: track
        for track in step.tracks
        if track.state != "end" and track.last_s >= step.time_s - 1e-6
    }
    if not heard:
        return []
    several = [
        (heard[sound.track], sound.embedding, sound.activity)
        for sound in step.sounds
        if sound.track in heard
    ]
    if several:
        return several
    tracks = list(heard.values())
    directions = [direction_from_angles(t.azimuth_deg, t.elevation_deg) for t in tracks]
    nearest = tracks[int(np.argmax(np.array(directions) @ step.direction))]
    return [(nearest, step.embedding, step.activity)]


def _of_minute(row: _Sums) -> Event:
    length = float(np.linalg.norm(row.direction)) / max(row.weight, 1e-9)
    return row.event("minute", None, directed=length >= DIRECTED)
