"""What the listener gives for every step: a Hearing, and the tracks and alerts inside it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Score(NamedTuple):
    """How well one rule fits what is heard."""

    prompt: str
    similarity: float  # cosine, -1..1
    score: float  # calibrated, 0..1
    false_alarms_per_hour: float = math.nan  # how often background alone reaches this score
    rule: str = ""  # its id: two rules may have one prompt
    threshold: float = math.nan  # score that starts an alert


class Label(NamedTuple):
    """A known sound and how likely it is what is heard (`elsa_rt.scoring.known_sounds`)."""

    name: str  # as the bundle calls it: "dog"
    probability: float  # 0..1


class Angles(NamedTuple):
    """A direction in the axes of the world."""

    azimuth_deg: float  # -180..180, left positive
    elevation_deg: float  # -90..90, up positive


State = Literal["start", "update", "end"]
"""A life of an alert or a track: one start, any number of updates, one end."""


@dataclass(frozen=True)
class Track:
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


@dataclass(frozen=True)
class Alert:
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


@dataclass(frozen=True)
class Hearing:
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
