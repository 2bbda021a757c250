"""Evidence of alerts: peak, mean, false alarm rate, onset and end of the steps that hold."""

from __future__ import annotations

import math

import numpy as np

from elsa_rt.encoder.output import SOUNDING, EncoderOutput
from elsa_rt.scoring.confirmation import Flags, RuleMapping
from elsa_rt.scoring.scorer import Match

ONSET_WITHIN_S = 1.0
"""If activity began longer than this before the first step that held, it was another sound's."""

EVIDENCE = np.dtype(
    [
        ("steps", np.int64),  # that held
        ("peak", np.float32),  # of their scores
        ("total", np.float64),  # sum of their scores
        ("rate", np.float64),  # false alarms an hour at their peak
        ("onset_s", np.float64),
        ("last_s", np.float64),  # end of the last of them
    ]
)

NONE = np.array((0, 0.0, 0.0, math.nan, math.nan, math.nan), EVIDENCE)


class Evidence:
    """Accumulates the steps that hold, for the present run or alert of each of p rules.

    Parameters
    ----------
    count : int
        Rules.
    step_s : seconds of a step
    """

    def __init__(self, count: int, step_s: float) -> None:
        self._count, self._step_s = count, step_s
        self.reset()

    def reset(self) -> None:
        """The next step is the first of a stream."""
        self._of = np.full(self._count, NONE)
        self._has_some = False  # whether anything was taken that is not forgotten
        self._sounding_s: list[float] = []  # since when each slot is, or NaN

    def inherit(self, before: Evidence, mapping: RuleMapping) -> None:
        """Go on with the rules that ``before`` has, too."""
        self._of[mapping.new] = before._of[mapping.old]
        self._has_some = before._has_some
        self._sounding_s = before._sounding_s

    def __getitem__(self, rule: int) -> np.void:
        """The evidence of one rule, a record with the fields of `EVIDENCE`."""
        return self._of[rule]

    def step(
        self, time_s: float, match: Match, sound: EncoderOutput, holds: Flags, pending: Flags
    ) -> None:
        """Take which rules hold (p,) at this step; those that are not ``pending`` are forgotten."""
        onset_s = self._onsets(time_s - self._step_s, sound.activity.tolist())
        if self._has_some:
            self._of[~pending] = NONE
            self._has_some = bool(pending.any())
        if not holds.any():
            return
        self._has_some = True
        of = self._of[holds]
        score = match.score[holds]
        first = of["steps"] == 0
        of["onset_s"][first] = np.array(onset_s)[match.slot[holds][first]]
        of["steps"] += 1
        of["total"] += score
        of["peak"] = np.maximum(of["peak"], score)
        of["rate"] = np.fmin(of["rate"], match.false_alarms_per_hour[holds])
        of["last_s"] = time_s
        self._of[holds] = of

    def _onsets(self, begin_s: float, activity: list[float]) -> list[float]:
        """Onset of what each slot hears in the step that begins at ``begin_s``."""
        before = self._sounding_s or [math.nan] * len(activity)
        self._sounding_s = [
            math.nan if active < SOUNDING else begin_s if math.isnan(since) else since
            for active, since in zip(activity, before, strict=True)
        ]
        recent_s = begin_s - ONSET_WITHIN_S
        return [since if since >= recent_s else begin_s for since in self._sounding_s]
