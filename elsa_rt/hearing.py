"""Results of a listener: `Hearing` for every step, with its scores, tracks and alerts.

All of them compare by value (NaN equals NaN), hash, pickle, and turn into the objects of the JSON
contract by ``as_dict()`` (`elsa_rt.outputs.jsonl`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.health import HealthEvent, HealthState


class ByValue:
    """Equality and hash of a frozen dataclass whose fields may hold arrays and NaN."""

    def __eq__(self, other: object) -> bool:
        return _key(self) == _key(other) if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        return hash(_key(self))


class Score(NamedTuple):
    """Score of one rule in one step."""

    prompt: str
    similarity: float  # cosine, -1..1
    score: float  # calibrated, 0..1
    false_alarms_per_hour: float = math.nan  # how often background alone reaches this score
    rule: str = ""  # its id: two rules may have one prompt
    threshold: float = math.nan  # score that starts an alert

    def __eq__(self, other: object) -> bool:
        return _key(self) == _key(other) if type(other) is Score else NotImplemented

    def __ne__(self, other: object) -> bool:  # that of tuple would not see NaN as equal
        return not self == other

    def __hash__(self) -> int:
        return hash(_key(self))

    def as_dict(self) -> dict[str, Any]:
        """The score as a JSON object."""
        return {
            "prompt": self.prompt,
            "similarity": _number(self.similarity, 4),
            "score": _number(self.score, 4),
            "false_alarms_per_hour": _significant(self.false_alarms_per_hour),
            "rule": self.rule,
            "threshold": _number(self.threshold, 4),
        }


class Label(NamedTuple):
    """A known sound and how likely it is what is heard (`elsa_rt.scoring.known_sounds`)."""

    name: str  # as the bundle calls it: "dog"
    probability: float  # 0..1


class Angles(NamedTuple):
    """A direction in the axes of the world."""

    azimuth_deg: float  # -180..180, left positive
    elevation_deg: float  # -90..90, up positive


State = Literal["start", "update", "end"]
"""Lifecycle state: one "start", any number of "update"s, one "end"."""


@dataclass(frozen=True, eq=False, repr=False)
class Track(ByValue):
    """One sound, followed from step to step; its direction is smoothed."""

    state: State
    id: str  # the same for all of its life, and never given again by one listener
    time_s: float  # stream time
    azimuth_deg: float  # -180..180, left positive
    elevation_deg: float  # -90..90, up positive
    uncertainty_deg: float  # root mean square of the angle to the true direction
    speed_deg_s: float  # how fast the direction turns
    distance_m: float  # smoothed; NaN from a model that cannot tell
    first_s: float  # stream time at which it was first heard
    last_s: float  # and last
    words: str  # "behind, left"
    world: Angles | None = None  # once the listener's orientation was set

    def __repr__(self) -> str:
        return f"<Track {self.state} {self.id}, {self.time_s:.2f} s, {_where(self)}>"

    def as_dict(self) -> dict[str, Any]:
        """The track as a JSON object, as it stands in that of a hearing."""
        return {
            "state": self.state,
            "id": self.id,
            "azimuth_deg": _number(self.azimuth_deg, 1),
            "elevation_deg": _number(self.elevation_deg, 1),
            "uncertainty_deg": _number(self.uncertainty_deg, 1),
            "speed_deg_s": _number(self.speed_deg_s, 1),
            "distance_m": _number(self.distance_m, 2),
            "first_s": _number(self.first_s, 3),
            "last_s": _number(self.last_s, 3),
            "words": self.words,
            **_angles("world", self.world),
        }


@dataclass(frozen=True, eq=False, repr=False)
class Alert(ByValue):
    """A rule's sound begins, goes on or ends; all that is told of one carries the same ``id``."""

    state: State
    id: str
    prompt: str  # the first of its rule's, or the rule's id where it has none
    time_s: float  # stream time
    score: float  # 0..1: the present one, at the end the highest that was reached
    azimuth_deg: float  # -180..180, left positive; smoothed, at the end where it was last heard
    elevation_deg: float  # -90..90, up positive
    words: str  # "behind, left"
    world: Angles | None = None  # once the listener's orientation was set
    rule: str = ""  # id of the rule
    event: str = ""  # shared by alerts of several rules that are open and began on one track
    track: str | None = None  # id of the sound's track; None where its direction is a guess
    uncertainty_deg: float = math.nan  # root mean square of the angle to the true direction
    speed_deg_s: float = math.nan  # how fast the direction turns
    distance_m: float = math.nan
    peak: float = math.nan  # the highest score up to now
    mean: float = math.nan  # of the scores of the steps that held
    false_alarms_per_hour: float = math.nan  # how often background alone reaches the peak
    onset_s: float = math.nan  # stream time at which the sound began
    latency_s: float = math.nan  # from the onset to the start of the alert, computing aside
    duration_s: float | None = None  # from the onset to where it was last heard, at the end
    joined: tuple[str, ...] = ()  # ids of further rules that hear the same sound, where grouped

    def __repr__(self) -> str:
        return (
            f"<Alert {self.state} {self.id} {self.prompt!r}, {self.time_s:.2f} s, "
            f"score {self.score:.2f}, {_where(self)}>"
        )

    def as_dict(self) -> dict[str, Any]:
        """The alert as a JSON object: ``{"type": "alert", "state": "start", ...}``."""
        return {
            "type": "alert",
            "state": self.state,
            "id": self.id,
            "prompt": self.prompt,
            "time_s": _number(self.time_s, 3),
            "score": _number(self.score, 4),
            "azimuth_deg": _number(self.azimuth_deg, 1),
            "elevation_deg": _number(self.elevation_deg, 1),
            "words": self.words,
            **_angles("world", self.world),
            "rule": self.rule,
            "event": self.event,
            **({"joined": list(self.joined)} if self.joined else {}),
            "track": self.track,
            "uncertainty_deg": _number(self.uncertainty_deg, 1),
            "speed_deg_s": _number(self.speed_deg_s, 1),
            "distance_m": _number(self.distance_m, 2),
            "peak": _number(self.peak, 4),
            "mean": _number(self.mean, 4),
            "false_alarms_per_hour": _significant(self.false_alarms_per_hour),
            "onset_s": _number(self.onset_s, 3),
            "latency_s": _number(self.latency_s, 3),
            **({} if self.duration_s is None else {"duration_s": _number(self.duration_s, 3)}),
        }


Cause = Literal[
    "score",
    "background",
    "activity",
    "region",
    "feedback",
    "level",
    "schedule",
    "at_most",
    "cooldown",
    "confirmation",
]
"""What kept a rule from alerting, in the order in which it is looked for."""


@dataclass(frozen=True, eq=False)
class Reason(ByValue):
    """Why a rule that came near did not alert in one step."""

    rule: str  # its id
    prompt: str
    cause: Cause
    score: float  # 0..1, of its sound alone: before place, level and all that follows
    threshold: float  # score that starts an alert
    text: str  # for people: "right sound, 62° outside of its region"
    azimuth_deg: float  # where it was heard, -180..180, left positive
    elevation_deg: float  # -90..90, up positive
    words: str  # "behind, left"

    def as_dict(self) -> dict[str, Any]:
        """The reason as a JSON object, as it stands in that of a hearing."""
        return {
            "rule": self.rule,
            "prompt": self.prompt,
            "cause": self.cause,
            "score": _number(self.score, 4),
            "threshold": _number(self.threshold, 4),
            "text": self.text,
            "azimuth_deg": _number(self.azimuth_deg, 1),
            "elevation_deg": _number(self.elevation_deg, 1),
            "words": self.words,
        }


@dataclass(frozen=True, eq=False)
class NearMiss(ByValue):
    """An occasion on which a rule came near and did not alert."""

    time_s: float  # stream time at which it was over
    start_s: float  # stream time of its first step
    last_s: float  # and of its last one
    steps: int  # in which the rule came near
    reason: Reason  # at its highest score

    def as_dict(self) -> dict[str, Any]:
        """The near miss as a JSON object: ``{"type": "near_miss", "rule", "cause", ...}``."""
        return {
            "type": "near_miss",
            "time_s": _number(self.time_s, 3),
            "start_s": _number(self.start_s, 3),
            "last_s": _number(self.last_s, 3),
            "steps": self.steps,
            **self.reason.as_dict(),
        }


@dataclass(frozen=True)
class RuleStatistics:
    """What became of a rule since the listener began, or since the rule was changed."""

    rule: str  # its id
    prompt: str
    hours: float  # of listening
    alerts: int
    near_misses: int
    asked_per_hour: float  # false alarms that it may raise
    expected_per_hour: float  # that background alone would raise at its threshold; NaN: unknown
    counted_per_hour: float  # alerts, right and false ones

    def as_dict(self) -> dict[str, Any]:
        """The statistics as a JSON object."""
        return {
            "rule": self.rule,
            "prompt": self.prompt,
            "hours": _number(self.hours, 3),
            "alerts": self.alerts,
            "near_misses": self.near_misses,
            "asked_per_hour": _significant(self.asked_per_hour),
            "expected_per_hour": _significant(self.expected_per_hour),
            "counted_per_hour": _significant(self.counted_per_hour),
        }


@dataclass(frozen=True, eq=False)
class HeardSound(ByValue):
    """One of the sounds of a step."""

    activity: float  # 0..1: does it stand out from the background
    azimuth_deg: float  # -180..180, left positive
    elevation_deg: float  # -90..90, up positive
    distance_m: float  # NaN from a model that cannot tell
    words: str  # "behind, left"
    embedding: NDArray[np.float32]  # (512,), unit length, in the space of the prompts
    track: str | None = None  # id of its track, once it has one

    def as_dict(self) -> dict[str, Any]:
        """The sound as a JSON object, but for its embedding."""
        return {
            "activity": _number(self.activity, 4),
            "azimuth_deg": _number(self.azimuth_deg, 1),
            "elevation_deg": _number(self.elevation_deg, 1),
            "distance_m": _number(self.distance_m, 2),
            "words": self.words,
            "track": self.track,
        }


@dataclass(frozen=True, eq=False, repr=False)
class Hearing(ByValue):
    """One step of listening: `ModelBundle.step_s` long."""

    time_s: float  # stream time at the end of the step
    activity: float  # 0..1: is there a sound in front of the background
    azimuth_deg: float  # -180..180, left positive
    elevation_deg: float  # -90..90, up positive
    distance_m: float  # NaN from a model that cannot tell
    words: str  # "behind, left"
    scores: tuple[Score, ...]  # in the order of the prompts
    alerts: tuple[Alert, ...]
    embedding: NDArray[np.float32]  # (512,), unit length, in the space of the prompts
    direction: NDArray[np.float32]  # (3,) unit vector x, y, z of the model
    flow_azimuth_deg: float  # direction of the energy flow alone, without the model
    flow_elevation_deg: float
    diffuseness: float  # 0 one plane wave .. 1 sound from everywhere
    level_dbfs: float  # of W; a full-scale sine reads -3
    dropped: int  # samples lost since the source was opened
    world: Angles | None = None  # the direction, once the listener's orientation was set
    flow_world: Angles | None = None  # that of the energy flow
    tracks: tuple[Track, ...] = ()  # the sounds that are followed, those that just ended last
    labels: tuple[Label, ...] = ()  # nearest known sounds, the most probable first
    state: HealthState = "HEALTHY"  # of the stream, see `Health`
    health: HealthEvent | None = None  # where the state changed with this step
    reasons: tuple[Reason, ...] = ()  # why rules that came near did not alert, with ``why``
    near_misses: tuple[NearMiss, ...] = ()  # occasions that are over in this step, with ``why``
    sounds: tuple[HeardSound, ...] = ()  # at once, the most active first: two with ``--sounds 2``

    def __repr__(self) -> str:
        best = max(self.scores, key=lambda score: score.score, default=None)
        scored = "" if best is None else f", {best.prompt!r} {best.score:.2f}"
        counts = f", {len(self.alerts)} alerts, {len(self.tracks)} tracks"
        return (
            f"<Hearing {self.time_s:.2f} s, activity {self.activity:.2f}, "
            f"{_where(self)}{scored}{counts}>"
        )

    def as_dict(self) -> dict[str, Any]:
        """The hearing as a JSON object, ``{"type": "hearing", ...}``, but for its alerts.

        Alerts are objects of their own. The embedding and the unit vector are left out: the fields
        ``embedding`` and ``direction`` have them.
        """
        return self.fields([score.as_dict() for score in self.scores])

    def fields(self, scores: list[dict[str, Any]]) -> dict[str, Any]:
        """`as_dict` with ``scores`` in place of its own."""
        return {
            "type": "hearing",
            "time_s": _number(self.time_s, 3),
            "activity": _number(self.activity, 4),
            "azimuth_deg": _number(self.azimuth_deg, 1),
            "elevation_deg": _number(self.elevation_deg, 1),
            "distance_m": _number(self.distance_m, 2),
            "scores": scores,
            "words": self.words,
            "flow_azimuth_deg": _number(self.flow_azimuth_deg, 1),
            "flow_elevation_deg": _number(self.flow_elevation_deg, 1),
            "diffuseness": _number(self.diffuseness, 3),
            "level_dbfs": _number(self.level_dbfs, 1),
            "dropped": self.dropped,
            **_angles("world", self.world),
            **_angles("flow_world", self.flow_world),
            "tracks": [track.as_dict() for track in self.tracks],
            "sounds": [sound.as_dict() for sound in self.sounds],
            "labels": [
                {"name": label.name, "probability": _number(label.probability, 3)}
                for label in self.labels
            ],
            "state": self.state,
            **({"reasons": [why.as_dict() for why in self.reasons]} if self.reasons else {}),
        }


def _key(value: object) -> object:
    """``value`` as something that compares and hashes: arrays as tuples, NaN as a word."""
    if isinstance(value, ByValue):
        return tuple(_key(getattr(value, field.name)) for field in fields(value))  # type: ignore[arg-type]
    if isinstance(value, np.ndarray):
        return value.shape, _key(tuple(value.ravel().tolist()))
    if isinstance(value, tuple):
        return tuple(map(_key, value))
    return "NaN" if isinstance(value, float) and math.isnan(value) else value


def _where(place: Track | Alert | Hearing) -> str:
    return f"{place.words} ({place.azimuth_deg:+.0f}, {place.elevation_deg:+.0f} deg)"


def _angles(name: str, angles: Angles | None) -> dict[str, Any]:
    """A direction in the world's axes; nothing where there is none."""
    if angles is None:
        return {}
    return {
        f"{name}_azimuth_deg": _number(angles.azimuth_deg, 1),
        f"{name}_elevation_deg": _number(angles.elevation_deg, 1),
    }


def _significant(value: float) -> float | None:
    return float(f"{value:.3g}") if math.isfinite(value) else None


def _number(value: float, digits: int) -> float | None:
    return round(float(value), digits) if math.isfinite(value) else None
