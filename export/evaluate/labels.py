"""Labels of trials by text prompt alone: the right one's rank, and how soon it is the first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from export.scenes.trials import Trial

SOON_S = (0.5, 1.0, 2.0)
"""Seconds of sound after which the share of right answers is told."""


def rank_of(similarity: NDArray[np.floating], right: NDArray[np.integer]) -> NDArray[np.intp]:
    """(n,): how many of the prompts (n, p) are more similar than the right one; 0 is first."""
    own = similarity[np.arange(len(right)), right]
    return np.asarray((similarity > own[:, None]).sum(1))


def label_values(
    trials: Sequence[Trial], prompts: NDArray[np.float32], among: Sequence[int]
) -> dict[str, NDArray[np.float64]]:
    """Values (trials,) by name, with the answer chosen from the labels ``among`` alone.

    ``prompts`` (labels, 512) has a text of every label. NaN where a trial's label is not among
    those to choose from.
    """
    place = {label: i for i, label in enumerate(among)}
    chosen = prompts[list(among)]
    names = ["rank", "first_second", "first_right_s", *(f"right_within_{s:g}_s" for s in SOON_S)]
    values = {name: np.full(len(trials), np.nan) for name in names}
    for i, trial in enumerate(trials):
        right = place.get(trial.about.label)
        if right is None:
            continue
        values["rank"][i] = rank_of(trial.whole[None] @ chosen.T, np.array([right]))[0]
        second = round(1 / trial.step_s)
        early = trial.embedding[trial.active][:second].sum(0)
        values["first_second"][i] = (early @ chosen.T).argmax() == right
        time = first_right_s(trial, chosen, right)
        values["first_right_s"][i] = time
        for s in SOON_S:
            values[f"right_within_{s:g}_s"][i] = time <= s
    return values


def first_right_s(trial: Trial, prompts: NDArray[np.float32], right: int) -> float:
    """Seconds from the onset to the end of the first step whose own answer is right.

    Steps count from the first in which the sound is heard to the last; infinite where none is
    right.
    """
    onset, last = np.flatnonzero(trial.active)[[0, -1]]
    answers = (trial.embedding[onset : last + 1] @ prompts.T).argmax(1)
    found = np.flatnonzero(answers == right)
    return float((found[0] + 1) * trial.step_s) if found.size else float("inf")


def answers_with_time(
    trials: Sequence[Trial], prompts: NDArray[np.float32], seconds: float
) -> NDArray[np.bool_]:
    """(trials, steps): whether the answer from the sound so far is right.

    The answer after step k is that of the mean over the active steps up to it. Clips that end
    keep their last answer.
    """
    steps = round(seconds / trials[0].step_s)
    right = np.zeros((len(trials), steps), np.bool_)
    for i, trial in enumerate(trials):
        sums = np.cumsum(trial.embedding[trial.active][:steps], axis=0)
        answer = (sums @ prompts.T).argmax(1) == trial.about.label
        right[i, : len(answer)] = answer
        right[i, len(answer) :] = answer[-1]
    return right
