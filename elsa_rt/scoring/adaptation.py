"""Slowly adapting offset of each rule: persistent background lowers its score.

Each rule remembers how far above the middle of all background it has been of late, without the
steps in which it may be right. Its log odds are lowered by a part of that.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from elsa_rt.encoder.output import SOUNDING
from elsa_rt.scoring.confirmation import RuleMapping

Floats = NDArray[np.float32]

MEMORY_S = 30.0
"""Time constant."""

SHARE = 0.5
"""Of what is remembered that log odds are lowered by. Chosen on the side of calibration: at equal
false alarms the more of it, the fewer sounds are missed in quiet, and the more in noise."""

LIKELY = 0.0
"""Log odds from which on a step may be the event itself: nothing is learned from it."""


class BackgroundAdaptation:
    """Follows p rules through one stream.

    Parameters
    ----------
    middle : float, log odds of what resembles a rule as background does in the median
    step_s : seconds of a step

    Attributes
    ----------
    above : float32 (p,)
        How far above the middle each rule has been of late; it is written in place.
    pace : float
        Share of a step in what is remembered.
    """

    def __init__(self, rules: int, middle: float, step_s: float) -> None:
        self.middle = np.float32(middle)
        self.pace = np.float32(1 - math.exp(-step_s / MEMORY_S))
        self.above = np.zeros(rules, np.float32)

    def reset(self) -> None:
        """The next step is the first."""
        self.above[:] = 0

    def inherit(self, before: BackgroundAdaptation, mapping: RuleMapping) -> None:
        """Go on with the rules that ``before`` has, too."""
        self.above[mapping.new] = before.above[mapping.old]

    def step(self, logit: Floats, activity: float) -> Floats:
        """Take the log odds (p,) of one step; returns by how much to lower them (p,)."""
        lowered = SHARE * self.above
        if activity < SOUNDING:
            self.above -= self.pace * self.above
        else:
            heard = excess(logit, self.middle)
            self.above += self.pace * np.where(logit < LIKELY, heard - self.above, 0)
        return np.asarray(lowered)


def excess(logit: Floats, middle: float | np.float32) -> Floats:
    """Excess of log odds over their median, limited where the event itself may sound."""
    return np.clip(logit - np.float32(middle), 0, np.float32(LIKELY - middle))


def adapt_segments(
    mean_above: NDArray[np.floating],
    learned_s: NDArray[np.floating],
    start_s: Floats,
    end_s: Floats,
) -> Floats:
    """What `BackgroundAdaptation` lowers log odds by, (p, n), for each segment of background.

    Parameters
    ----------
    mean_above : (p, n), the mean over the steps of a piece that are learned from
    learned_s : (p, n), how long these are
    start_s, end_s : (n,), of each piece; a start before the last end begins another stream
    """
    found = np.zeros(mean_above.shape, np.float32)
    now = np.zeros(len(mean_above), np.float32)
    keep = np.exp(-learned_s / MEMORY_S).astype(np.float32)
    pause = np.exp(-np.maximum(start_s[1:] - end_s[:-1], 0) / MEMORY_S)
    again = np.where(start_s[1:] < end_s[:-1] - 1e-3, 0, pause).astype(np.float32)
    for piece in range(mean_above.shape[1]):
        if piece:
            now *= again[piece - 1]
        found[:, piece] = SHARE * now
        now = keep[:, piece] * now + (1 - keep[:, piece]) * mean_above[:, piece]
    return found
