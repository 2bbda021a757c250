"""The alert gate for whole streams and many thresholds at once: when alerts start."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.matching.confirmation import Confirmation


class Starts(NamedTuple):
    """The starts of alerts, in order of time; arrays (n,) of the step and the column."""

    step: NDArray[np.intp]
    column: NDArray[np.intp]


def starts_of(
    scores: NDArray[Any],
    start: NDArray[np.floating],
    end: NDArray[np.floating],
    confirm: int,
    release: int,
) -> Starts:
    """When `elsa_rt.matching.alerts.AlertGate` would start alerts, without a cooldown.

    Parameters
    ----------
    scores : (steps, c), a column for each rule and threshold
    start, end : (c,)
    confirm, release : steps
    """
    columns = scores.shape[1]
    gate, is_open = Confirmation(np.full(columns, confirm)), np.zeros(columns, np.bool_)
    steps, found = [], []
    # between steps that could matter nothing changes but the count of misses
    for number, row in enumerate(scores):
        holds = row >= np.where(is_open, end, start)
        confirmed = gate.step(holds)
        started = confirmed & ~is_open
        ended = is_open & (gate.missed >= release)
        if started.any():
            steps.append(np.full(int(started.sum()), number))
            found.append(np.flatnonzero(started))
        is_open = (is_open | started) & ~ended
        if ended.any():
            gate.restart(ended)
    nothing = np.empty(0, np.intp)
    return Starts(*(np.concatenate([nothing, *parts]) for parts in (steps, found)))
