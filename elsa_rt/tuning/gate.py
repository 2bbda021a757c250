"""Alert gate run for many thresholds at once."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.scoring.confirmation import Confirmation

Flags = NDArray[np.bool_]
Floats = NDArray[np.floating[Any]]


class Timing(NamedTuple):
    """Durations of one rule: confirmation, release, cooldown, in steps."""

    confirm: int  # steps
    release: int  # steps
    cooldown_s: float


class Course(NamedTuple):
    """Alerts of t thresholds over n steps."""

    starts: Flags  # (n, t)
    heard: Flags  # (n, t), an alert is open and the score reaches its end


def courses(
    time_s: Floats,
    score: Floats,
    start: Floats,
    end: Floats,
    timing: Timing,
) -> Course:
    """Run ``score`` at ``time_s`` (n,) through gates with ``start`` and ``end`` (t,).

    The same life as that of `elsa_rt.alerting.gate.AlertGate`, for gates side by side, but that
    nothing is known of tracks: there, another sound must reach the start to keep an alert open.

    Parameters
    ----------
    score : (n,) of one rule, or (n, t) of a rule for each gate
    """
    lanes = len(start)
    confirmation = Confirmation(np.full(lanes, timing.confirm, np.int64))
    is_open = np.zeros(lanes, np.bool_)
    ready_s = np.full(lanes, -np.inf)  # before it no alert starts
    starts = np.zeros((len(score), lanes), np.bool_)
    heard = np.zeros((len(score), lanes), np.bool_)
    for index, (now_s, value) in enumerate(zip(time_s, score, strict=True)):
        ready = is_open | (now_s > ready_s)
        holds = ready & (value >= np.where(is_open, end, start))
        confirmed = confirmation.step(holds)
        ended = is_open & (confirmation.steps_below >= timing.release)
        begun = ~is_open & confirmed
        ready_s[ended] = now_s + timing.cooldown_s
        is_open = (is_open & ~ended) | begun
        confirmation.restart(ended)
        starts[index], heard[index] = begun, is_open & holds
    return Course(starts, heard)
