"""What a store keeps of one sound or one minute, and what a search gives back of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from datetime import datetime, timezone
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from elsa_rt.hearing import Label

Kind = Literal["sound", "alert", "minute"]
"""``sound``: one track, or a minute of a longer one. ``alert``: an alert that has no track.
``minute``: a minute in which something was heard, or a longer stretch in which nothing was."""

KINDS: tuple[Kind, ...] = get_args(Kind)

SOUNDS: tuple[Kind, ...] = ("sound", "alert")


class RuleScore(NamedTuple):
    """How well a rule fitted at best."""

    rule: str  # its id
    score: float  # 0..1


class RaisedAlert(NamedTuple):
    """An alert that a rule raised for the sound of a row."""

    id: str
    rule: str
    prompt: str
    event: str  # shared by the alerts of several rules for one sound
    score: float  # its highest, 0..1
    clip: str | None = None  # file that its sound is kept in; of an answer: if it is there


@dataclass(frozen=True, eq=False)
class Event:
    """One row: a sound that was followed, or a minute; times, place, level, meaning. No audio.

    ``embedding`` (D,) has unit length and lies in the space of the prompts.
    """

    kind: Kind
    time_s: float  # stream time of its begin, seconds from the start of the recording
    duration_s: float
    at_s: float | None  # Unix time of its begin; None: the recording's time of day is unknown
    azimuth_deg: float  # -180..180, left positive; NaN where nothing has a direction
    elevation_deg: float  # -90..90, up positive
    uncertainty_deg: float  # root mean square of the angle to the true direction; NaN: unknown
    distance_m: float  # NaN from a model that cannot tell
    level_dbfs: float  # highest of its steps
    activity: float  # mean over its steps, 0..1
    embedding: NDArray[np.float32]
    track: str | None = None
    labels: tuple[Label, ...] = ()  # nearest known sounds, the best first
    scores: tuple[RuleScore, ...] = ()  # highest score of each rule that scored at all
    alerts: tuple[RaisedAlert, ...] = ()

    @property
    def at(self) -> datetime | None:
        """Time of day of its begin, in UTC."""
        return None if self.at_s is None else datetime.fromtimestamp(self.at_s, timezone.utc)


@dataclass(frozen=True, eq=False)
class Remembered(Event):
    """A row of a store as a search found it."""

    id: int = 0
    source: str = ""  # the recording or the microphone
    model: str = ""  # name and version of the model that heard it
    score: float = math.nan  # 0..1, calibrated like that of a prompt; NaN: nothing was asked for
    similarity: float = math.nan  # cosine -1..1
    words: str = ""  # "behind, left"
    reason: str = ""  # why it is not usual

    @classmethod
    def of(cls, event: Event, **found: Any) -> Remembered:
        """``event`` with what the store and the search add to it."""
        stored = {each.name: getattr(event, each.name) for each in fields(Event)}
        return cls(**stored, **found)

    def as_dict(self) -> dict[str, Any]:
        """The object of ``recall --json``: numbers that do not exist are None."""
        at = self.at
        return {
            "type": "remembered",
            "id": self.id,
            "kind": self.kind,
            "time_s": _number(self.time_s, 3),
            "at": None if at is None else at.isoformat(timespec="milliseconds")[:-6] + "Z",
            "duration_s": _number(self.duration_s, 3),
            "azimuth_deg": _number(self.azimuth_deg, 1),
            "elevation_deg": _number(self.elevation_deg, 1),
            "uncertainty_deg": _number(self.uncertainty_deg, 1),
            "distance_m": _number(self.distance_m, 2),
            "words": self.words,
            "level_dbfs": _number(self.level_dbfs, 1),
            "activity": _number(self.activity, 3),
            "score": _number(self.score, 4),
            "similarity": _number(self.similarity, 4),
            "labels": [{"name": n, "probability": _number(p, 3)} for n, p in self.labels],
            "scores": [{"rule": n, "score": _number(p, 4)} for n, p in self.scores],
            "alerts": [a._asdict() | {"score": _number(a.score, 4)} for a in self.alerts],
            "track": self.track,
            "source": self.source,
            "model": self.model,
            **({"reason": self.reason} if self.reason else {}),
        }


def _number(value: float, digits: int) -> float | None:
    return round(float(value), digits) if math.isfinite(value) else None
