"""When alerts start, for whole streams and many rules and thresholds at once."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.tuning.gate import Timing, courses


class Starts(NamedTuple):
    """The starts of alerts, in order of time; arrays (n,) of the step and the column."""

    step: NDArray[np.intp]
    column: NDArray[np.intp]


def starts_of(
    scores: NDArray[Any],
    start: NDArray[np.floating],
    end: NDArray[np.floating],
    timing: Timing,
) -> Starts:
    """When `elsa_rt.alerting.gate.AlertGate` would start alerts.

    Parameters
    ----------
    scores : (steps, c), a column for each rule and threshold
    start, end : (c,)
    """
    steps = np.arange(len(scores), dtype=float)
    return Starts(*courses(steps, scores, start, end, timing).starts.nonzero())
