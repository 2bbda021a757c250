"""Evidence of alerts: peak, mean, likeness, rate, onset and end of the steps that hold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from elsa_rt.encoder.output import SOUNDING, EncoderOutput
from elsa_rt.scoring.confirmation import Flags, RuleMapping
from elsa_rt.scoring.scorer import Match

ONSET_WITHIN_S = 1.0
"""If activity began longer than this before the first step that held, it was another sound's."""


@dataclass
class Held:
    """The steps of one rule that held, in the present run or alert."""

    onset_s: float
    steps: int = 0
    peak: float = 0.0  # of their scores
    likeness: float = -math.inf  # highest similarity, beyond what is usual for the rule
    total: float = 0.0  # sum of their scores
    rate: float = math.nan  # false alarms an hour at their peak
    last_s: float = math.nan  # end of the last of them


class Evidence:
    """Accumulates the steps that hold, for the present run or alert of each rule.

    Parameters
    ----------
    step_s : seconds of a step
    usual : similarity (p,) of each rule to background
    """

    def __init__(self, step_s: float, usual: Sequence[float]) -> None:
        self._step_s, self._usual = step_s, usual
        self.reset()

    def reset(self) -> None:
        """The next step is the first of a stream."""
        self._of: dict[int, Held] = {}  # the rules that have steps which count
        self._sounding_s: list[float] = []  # since when each slot is, or NaN

    def inherit(self, before: Evidence, mapping: RuleMapping) -> None:
        """Go on with the rules that ``before`` has, too."""
        shared = zip(*mapping, strict=True)
        self._of = {new: before._of[old] for new, old in shared if old in before._of}
        self._sounding_s = before._sounding_s

    def __getitem__(self, rule: int) -> Held:
        """The evidence of one rule that has an open alert, or steps that count towards one."""
        return self._of[rule]

    def step(
        self, time_s: float, match: Match, sound: EncoderOutput, holds: Flags, pending: Flags
    ) -> None:
        """Take which rules hold (p,) at this step; those that are not ``pending`` are forgotten."""
        onset_s = self._onsets(time_s - self._step_s, sound.activity.tolist())
        for rule in [rule for rule in self._of if not pending[rule]]:
            del self._of[rule]
        for rule in holds.nonzero()[0].tolist():
            score = float(match.score[rule])
            held = self._of.setdefault(rule, Held(onset_s[match.slot[rule]]))
            held.steps += 1
            held.total += score
            held.peak = max(held.peak, score)
            likeness = float(match.similarity[rule]) - self._usual[rule]
            held.likeness = max(held.likeness, likeness)
            held.rate = float(np.fmin(held.rate, match.false_alarms_per_hour[rule]))
            held.last_s = time_s

    def _onsets(self, begin_s: float, activity: list[float]) -> list[float]:
        """Onset of what each slot hears in the step that begins at ``begin_s``."""
        before = self._sounding_s or [math.nan] * len(activity)
        self._sounding_s = [
            math.nan if active < SOUNDING else begin_s if math.isnan(since) else since
            for active, since in zip(activity, before, strict=True)
        ]
        recent_s = begin_s - ONSET_WITHIN_S
        return [since if since >= recent_s else begin_s for since in self._sounding_s]
