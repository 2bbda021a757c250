"""Hearings: what was heard in one step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elsa_rt.health import HealthEvent, HealthState
from elsa_rt.hearing.alert import Alert
from elsa_rt.hearing.by_value import ByValue, quickly_made
from elsa_rt.hearing.json_values import angles, number
from elsa_rt.hearing.reason import NearMiss, Reason
from elsa_rt.hearing.score import Label, Score
from elsa_rt.hearing.track import Angles, Track, where


@quickly_made
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
            "activity": number(self.activity, 4),
            "azimuth_deg": number(self.azimuth_deg, 1),
            "elevation_deg": number(self.elevation_deg, 1),
            "distance_m": number(self.distance_m, 2),
            "words": self.words,
            "track": self.track,
        }


@quickly_made
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
            f"{where(self.words, self.azimuth_deg, self.elevation_deg)}{scored}{counts}>"
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
            "time_s": number(self.time_s, 3),
            "activity": number(self.activity, 4),
            "azimuth_deg": number(self.azimuth_deg, 1),
            "elevation_deg": number(self.elevation_deg, 1),
            "distance_m": number(self.distance_m, 2),
            "scores": scores,
            "words": self.words,
            "flow_azimuth_deg": number(self.flow_azimuth_deg, 1),
            "flow_elevation_deg": number(self.flow_elevation_deg, 1),
            "diffuseness": number(self.diffuseness, 3),
            "level_dbfs": number(self.level_dbfs, 1),
            "dropped": self.dropped,
            **angles("world", self.world),
            **angles("flow_world", self.flow_world),
            "tracks": [track.as_dict() for track in self.tracks],
            "sounds": [sound.as_dict() for sound in self.sounds],
            "labels": [
                {"name": label.name, "probability": number(label.probability, 3)}
                for label in self.labels
            ],
            "state": self.state,
            **({"reasons": [why.as_dict() for why in self.reasons]} if self.reasons else {}),
        }
