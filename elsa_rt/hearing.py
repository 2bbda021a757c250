"""What the listener gives for every step: a Hearing, and the Alerts inside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Score(NamedTuple):
    """How well one prompt fits what is heard."""

    prompt: str
    similarity: float  # cosine, -1..1
    score: float  # calibrated, 0..1


class Angles(NamedTuple):
    """A direction in the axes of the world."""

    azimuth_deg: float  # -180..180, left positive
    elevation_deg: float  # -90..90, up positive


@dataclass(frozen=True)
class Alert:
    """The start or the end of a prompt being heard; both carry the same ``id``."""

    state: Literal["start", "end"]
    id: str
    prompt: str
    time_s: float  # stream time
    score: float  # 0..1: at the start the present score, at the end the highest that was reached
    azimuth_deg: float  # -180..180, left positive
    elevation_deg: float  # -90..90, up positive
    words: str  # "behind, left"
    world: Angles | None = None  # once the listener's orientation was set


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
    closed_azimuth_deg: float  # direction of the energy flow alone, without the model
    closed_elevation_deg: float
    diffuseness: float  # 0 one plane wave .. 1 sound from everywhere
    level_dbfs: float  # of W; a full-scale sine reads -3
    dropped: int  # samples lost since the source was opened
    world: Angles | None = None  # the direction, once the listener's orientation was set
    closed_world: Angles | None = None  # that of the energy flow
