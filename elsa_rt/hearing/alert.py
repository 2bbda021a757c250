"""Alerts of rules."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from elsa_rt.hearing.by_value import ByValue, quickly_made
from elsa_rt.hearing.json_values import angles, number, significant
from elsa_rt.hearing.track import Angles, State, where


@quickly_made
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
    surer: str | None = None  # id of the alert of another rule that is surer of the same sound
    joined: tuple[Alert, ...] = ()  # where grouped: those of rules less sure of it, told in this

    def __repr__(self) -> str:
        return (
            f"<Alert {self.state} {self.id} {self.prompt!r}, {self.time_s:.2f} s, "
            f"score {self.score:.2f}, {where(self.words, self.azimuth_deg, self.elevation_deg)}>"
        )

    @property
    def also(self) -> str:
        """The prompts of what joined it, with their highest scores: "a wolf 0.61, a fox 0.52"."""
        return ", ".join(f"{one.prompt} {_highest(one):.2f}" for one in self.joined)

    def as_dict(self) -> dict[str, Any]:
        """The alert as a JSON object: ``{"type": "alert", "state": "start", ...}``."""
        return {
            "type": "alert",
            "state": self.state,
            "id": self.id,
            "prompt": self.prompt,
            "time_s": number(self.time_s, 3),
            "score": number(self.score, 4),
            "azimuth_deg": number(self.azimuth_deg, 1),
            "elevation_deg": number(self.elevation_deg, 1),
            "words": self.words,
            **angles("world", self.world),
            "rule": self.rule,
            "event": self.event,
            **({} if self.surer is None else {"surer": self.surer}),
            **({"joined": [one._in_short() for one in self.joined]} if self.joined else {}),
            "track": self.track,
            "uncertainty_deg": number(self.uncertainty_deg, 1),
            "speed_deg_s": number(self.speed_deg_s, 1),
            "distance_m": number(self.distance_m, 2),
            "peak": number(self.peak, 4),
            "mean": number(self.mean, 4),
            "false_alarms_per_hour": significant(self.false_alarms_per_hour),
            "onset_s": number(self.onset_s, 3),
            "latency_s": number(self.latency_s, 3),
            **({} if self.duration_s is None else {"duration_s": number(self.duration_s, 3)}),
        }

    def _in_short(self) -> dict[str, Any]:
        """What is told of it in the alert that it joined."""
        return {
            "state": self.state,
            "id": self.id,
            "rule": self.rule,
            "prompt": self.prompt,
            "score": number(_highest(self), 4),
        }


def _highest(alert: Alert) -> float:
    return alert.score if math.isnan(alert.peak) else alert.peak
