"""Reasons why a rule did not alert: the first stage that held back what came near.

A rule comes near when its sound alone, before place, level and all that follows, is within
`MARGIN` of the log odds that start its alerts. `Reasons` looks at such rules only, so it costs
next to nothing in most steps. `NearMisses` joins the reasons of one occasion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.alerting.gate import AlertGate
from elsa_rt.audio.ambisonics import angles_from_direction
from elsa_rt.audio.direction_words import direction_words
from elsa_rt.encoder.output import QUIET, EncoderOutput
from elsa_rt.hearing import Cause, NearMiss, Reason
from elsa_rt.rules.rule import Rule
from elsa_rt.scoring.scorer import Match, Scorer, ScoreStages

MARGIN = 1.0
"""Log odds: at a start score of 0.5 a rule comes near from 0.27 on, at 0.9 from 0.77 on."""

RELEASE_S = 1.0
"""An occasion is over when its rule came not near for so long."""


class Gated(NamedTuple):
    """The matches after each gate, in their order."""

    scored: Match
    leveled: Match
    scheduled: Match


class _Place(NamedTuple):
    """Where a slot sounds from."""

    azimuth_deg: float
    elevation_deg: float
    words: str

    @classmethod
    def of(cls, direction: NDArray[np.floating]) -> _Place:
        azimuth_deg, elevation_deg = angles_from_direction(direction)
        return cls(azimuth_deg, elevation_deg, direction_words(azimuth_deg, elevation_deg))


class Reasons:
    """Finds out why rules do not alert.

    Parameters
    ----------
    rules : sequence of p Rule
    scorer : Scorer
        That of the rules; its stages of the last step are read.
    gate : AlertGate
    start : (p,), scores that start alerts
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        scorer: Scorer,
        gate: AlertGate,
        start: NDArray[np.floating],
    ) -> None:
        self._rules, self._scorer, self._gate = rules, scorer, gate
        self._start = np.asarray(start, float)
        self._needed = scorer.curves.needed(self._start)
        self._worded = np.array([rule.has_meaning for rule in rules], np.bool_)
        self._near = np.where(self._worded, self._needed - MARGIN, np.inf)

    def step(
        self, time_s: float, match: Gated, sound: EncoderOutput, level_dbfs: float
    ) -> tuple[Reason, ...]:
        """Why the rules that came near in this step have no open alert."""
        stages = self._scorer.stages
        near = self._scorer.best_of_rules(stages.sound) >= self._near
        if not near.any() or sound.activity.max() < QUIET:  # most often
            return ()
        rules = np.flatnonzero(near & ~self._gate.is_open).tolist()
        places = [_Place.of(direction) for direction in sound.direction]
        return tuple(
            self._reason(rule, time_s, match, sound, level_dbfs, stages, places) for rule in rules
        )

    def margin(self, rule: int) -> float:
        """Log odds by which a rule is above its threshold in this step; below it, negative."""
        told = self._scorer.stages.told
        slot, one = self._scorer.best_at(rule, told)
        margin = float(told[slot, one]) - float(self._needed[rule])
        return margin if self._worded[rule] else 0.0

    def _reason(
        self,
        rule: int,
        time_s: float,
        match: Gated,
        sound: EncoderOutput,
        level_dbfs: float,
        stages: ScoreStages,
        places: Sequence[_Place],
    ) -> Reason:
        slot, one = self._scorer.best_at(rule, stages.sound)
        start = float(self._start[rule])
        odds = [float(stage[slot, one]) for stage in stages]
        score = self._scorer.curves.score_of(rule, odds[0])
        cause, text = self._of_stages(rule, odds, score, slot, sound)
        if cause is None:
            cause, text = self._of_gates(rule, time_s, match, start, level_dbfs)
        place = places[slot]
        return Reason(
            rule=self._rules[rule].id,
            prompt=self._rules[rule].label,
            cause=cause,
            score=score,
            threshold=start,
            text=text,
            azimuth_deg=place.azimuth_deg,
            elevation_deg=place.elevation_deg,
            words=place.words,
        )

    def _of_stages(
        self, rule: int, odds: list[float], score: float, slot: int, sound: EncoderOutput
    ) -> tuple[Cause | None, str]:
        """The first stage of the scores after which they do not suffice any more."""
        of_sound, adapted, active, placed, told = odds
        needed = float(self._needed[rule])
        if of_sound < needed:
            return "score", f"score {score:.2f}, {self._start[rule]:.2f} is needed"
        if adapted < needed:
            lost = of_sound - adapted
            return "background", f"the room sounds like it all the time: {lost:.1f} log odds less"
        if active < needed:
            return "activity", f"too faint: activity {float(sound.activity[slot]):.2f}"
        if placed < needed:
            off_deg = self._scorer.outside_deg(rule, sound, slot)
            return "region", f"right sound, {off_deg:.0f}° outside of its region"
        if told < needed:
            lost = placed - told
            return "feedback", f"like an alert that was marked false: {lost:.1f} log odds less"
        return None, ""

    def _of_gates(
        self, rule: int, time_s: float, match: Gated, start: float, level_dbfs: float
    ) -> tuple[Cause, str]:
        """Which of the gates after the scores holds it back."""
        least = self._rules[rule].level_dbfs
        if least is not None and match.leveled.score[rule] < start:
            return "level", f"{level_dbfs:.0f} dBFS, {least:g} is needed"
        if match.scheduled.score[rule] < min(start, match.leveled.score[rule]):
            return "schedule", "outside of its schedule"
        cooldown_s, limit_s = self._gate.life.waits_s(rule, time_s)
        if limit_s >= max(cooldown_s, 0):
            return "at_most", f"it alerted as often as it may: {_span(limit_s)} to wait"
        if cooldown_s >= 0:
            return "cooldown", f"{_span(cooldown_s)} of its cooldown are left"
        held, confirm = self._gate.life.held(rule)
        return "confirmation", f"held for {held} of {confirm} steps"


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


class NearMisses:
    """Joins the reasons of p rules into occasions: one near miss for one sound."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """The next step is the first of a stream."""
        self._open: dict[str, NearMiss] = {}

    def step(
        self, time_s: float, reasons: Sequence[Reason], alerting: Sequence[str]
    ) -> tuple[NearMiss, ...]:
        """Take the reasons of one step; returns the occasions that are over.

        What became an alert after all, of a rule in ``alerting``, was none.
        """
        if not (self._open or reasons):  # most often
            return ()
        for rule in alerting:
            self._open.pop(rule, None)
        for reason in reasons:
            before = self._open.get(reason.rule)
            if before is None:
                self._open[reason.rule] = NearMiss(time_s, time_s, time_s, 1, reason)
                continue
            best = reason if reason.score > before.reason.score else before.reason
            self._open[reason.rule] = replace(
                before, last_s=time_s, steps=before.steps + 1, reason=best
            )
        return tuple(self._close(miss, time_s) for miss in self._over(time_s))

    def finish(self, time_s: float) -> tuple[NearMiss, ...]:
        """The stream is over: so is every occasion."""
        return tuple(self._close(miss, time_s) for miss in list(self._open.values()))

    def _over(self, time_s: float) -> list[NearMiss]:
        return [miss for miss in self._open.values() if time_s - miss.last_s >= RELEASE_S]

    def _close(self, miss: NearMiss, time_s: float) -> NearMiss:
        del self._open[miss.reason.rule]
        return replace(miss, time_s=time_s)
