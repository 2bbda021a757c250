"""Directions and distances of trials: errors in degrees and metres, and whether words are right."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from elsa_rt.audio.ambisonics import angle_deg, angles_from_direction
from elsa_rt.audio.direction_words import FAR_M, NEAR_M, elevation_word
from export.scenes.trials import Trial

NAN = float("nan")


def nearest_quarter(direction: NDArray[np.float64]) -> int:
    """0 front, 1 left, 2 behind, 3 right: the nearest of the four horizontal words."""
    return round(float(np.degrees(np.arctan2(direction[1], direction[0]))) / 90) % 4


def distance_word(metres: float) -> str | None:
    """Near, far, or None between the two."""
    return "near" if metres < NEAR_M else "far" if metres > FAR_M else None


def direction_values(trials: Sequence[Trial]) -> dict[str, NDArray[np.float64]]:
    """Values (trials,) by name, NaN where one does not apply.

    A clip's direction is the mean over the steps in which it sounds, as is its energy flow.
    """
    rows = [_values_of(trial) for trial in trials]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def step_errors_deg(trials: Sequence[Trial]) -> list[NDArray[np.float64]]:
    """Error of the direction in each active step of each trial."""
    return [angle_deg(t.direction[t.active], t.about.direction) for t in trials]


def activity_agreement(trials: Sequence[Trial]) -> list[NDArray[np.float64]]:
    """For every step of each trial whether the model rightly took it for active or not."""
    return [((trial.activity > 0.5) == trial.active).astype(float) for trial in trials]


def _values_of(trial: Trial) -> dict[str, float]:
    truth, true_m = trial.about.direction, trial.about.distance_m
    said = trial.direction[trial.active].sum(0)
    closed = trial.closed[trial.active].sum(0)
    said_m = float(np.median(trial.said_m[trial.active]))
    quarter = nearest_quarter(truth)
    return {
        "direction_deg": float(angle_deg(said, truth)),
        "closed_deg": float(angle_deg(closed, truth)),
        "four_way": float(nearest_quarter(said) == quarter),
        "closed_four_way": float(nearest_quarter(closed) == quarter),
        "up_down": _word_right(_height(said), _height(truth)),
        "raised_wrongly": NAN if _height(truth) else float(_height(said) is not None),
        "near_far": _word_right(distance_word(said_m), distance_word(true_m)),
        "distance_error_m": abs(said_m - true_m),
        "distance_bias_m": said_m - true_m,
    }


def _height(direction: NDArray[np.float64]) -> str | None:
    return elevation_word(angles_from_direction(direction)[1])


def _word_right(said: str | None, true: str | None) -> float:
    """NaN where no word is true."""
    return float(said == true) if true else NAN
