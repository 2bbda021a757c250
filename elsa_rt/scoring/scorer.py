"""Scorer: similarity, calibrated score and false alarm rate of every rule."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.config import Config
from elsa_rt.encoder.output import SOUNDING, EncoderOutput
from elsa_rt.jit.kernel import Kernel
from elsa_rt.prompts.bank import PromptBank
from elsa_rt.rules.region import EVERYWHERE, RegionGate
from elsa_rt.scoring.adaptation import BackgroundAdaptation
from elsa_rt.scoring.confirmation import RuleMapping, times_of
from elsa_rt.scoring.logits import (
    ANY_LOGIT,
    EXCLUDED_FROM,
    EXCLUDED_SLOPE,
    apply_exclusions,
    attenuate,
)
from elsa_rt.scoring.rule_curves import curves, scales
from elsa_rt.scoring.statistics import Background, Statistics

SCORE = Kernel(
    "elsa_rt.scoring.step_kernels",
    "score_step",
    "f2 f1 f1 i1 i1 i1 d2 d2 d1 d1 f1 f2 f3 f2 f1 d2 d2 f2 i1",
    uses=["elsa_rt.jit.vector", *(f"elsa_rt.scoring.{part}" for part in
                                  ("adaptation", "curve_kernels", "logits"))],
)  # fmt: skip

NOTHING = np.empty((0, 0))


class Match(NamedTuple):
    """Scores of p rules for one step.

    Attributes
    ----------
    similarity : float32 (p,), cosine -1..1
    score : float32 (p,), calibrated 0..1
    slot : int (p,), the source slot that fits best
    false_alarms_per_hour : float32 (p,)
        How often background alone would raise an alert at this score; NaN where it is not known.
    """

    similarity: NDArray[np.float32]
    score: NDArray[np.float32]
    slot: NDArray[np.intp]
    false_alarms_per_hour: NDArray[np.float32]


class ScoreStages(NamedTuple):
    """Log odds (K, v) of one step in K slots, each after one more stage."""

    sound: NDArray[np.float32]  # of the sounds of the rules alone
    adapted: NDArray[np.float32]  # less what the room sounds like
    active: NDArray[np.float32]  # by activity
    placed: NDArray[np.float32]  # by place
    told: NDArray[np.float32]  # by what people said of alerts


class Scorer:
    """Scores the sounds of one stream against all rules (`elsa_rt.scoring.logits`).

    What the room sounds like all the time counts less (`elsa_rt.scoring.adaptation`).

    Parameters
    ----------
    step_s : seconds of a step
    site : Background, optional
        What was heard where the listener stands.

    Attributes
    ----------
    curves : Curves
        How often background reaches the log odds of each rule.
    usual : float32 (p,)
        Similarity of each rule, of its first sound, to background: the median.
    stages : ScoreStages
        Of the last step, for those who ask why.
    """

    stages: ScoreStages

    def __init__(
        self,
        bank: PromptBank,
        statistics: Statistics,
        config: Config,
        step_s: float,
        site: Background | None = None,
    ) -> None:
        meaning = bank.meaning
        self._sounds = len(meaning.owner)  # of the rules, at least one each
        self._owner = meaning.owner
        self._firsts = np.searchsorted(meaning.owner, np.arange(len(bank.rules) + 1))
        self._bounds = list(pairwise(self._firsts.tolist()))
        self._against, excluded = meaning.against
        self._anything = np.array(meaning.anything, np.intp)
        both = len(excluded) > 0
        self._vectors = np.concatenate([meaning.embedding, excluded]) if both else meaning.embedding
        self._scale = scales(statistics, self._vectors)
        everywhere = all(region == EVERYWHERE for region in meaning.regions)
        self._gate = None if everywhere else RegionGate(meaning.regions)
        self._room = BackgroundAdaptation(len(bank.rules), statistics.bias, step_s)
        confirm = times_of(bank.rules, config, step_s).confirm
        self.curves = curves(statistics, meaning, confirm, step_s, site)
        middle = (statistics.bias - self._scale.bias) / self._scale.slope
        self.usual = middle[self._firsts[:-1]]
        self._slots = 0

    def _begin(self, slots: int) -> None:
        """Make room for the stages of ``slots`` slots."""
        self._slots = slots
        stages = np.zeros((len(ScoreStages._fields), slots, self._sounds), np.float32)
        self.stages = ScoreStages(*stages)
        parts = (self.curves.logit, self.curves.log_rate, self.curves.tail_scale)
        integers = (self._against, self._anything, self._firsts)
        self._score = SCORE.bind(
            np.ascontiguousarray(self._vectors, np.float32), self._scale.slope, self._scale.bias,
            *(np.ascontiguousarray(part, np.int64) for part in integers),
            *(np.ascontiguousarray(part, np.float64) for part in parts),
            np.array([self._room.middle, self._room.pace], np.float64), self._room.above,
            np.zeros((slots, len(self._vectors)), np.float32), stages,
        )  # fmt: skip

    def step(self, sound: EncoderOutput, told: NDArray[np.floating] | None = None) -> Match:
        """Match ``sound`` with every rule, each in the slot that scores best.

        ``told`` (K, p) is added to the log odds, see `elsa_rt.scoring.feedback_gate`.
        """
        if len(sound.activity) != self._slots:
            self._begin(len(sound.activity))
        place = NOTHING
        if self._gate is not None:
            place = self._gate.step(sound.direction, sound.distance_m)
        found = np.empty((3, len(self._firsts) - 1), np.float32)
        slots = np.empty(len(self._firsts) - 1, np.int64)
        self._score(
            np.ascontiguousarray(sound.embedding, np.float32),
            np.ascontiguousarray(sound.activity, np.float32),
            np.ascontiguousarray(place, np.float64),
            NOTHING if told is None else np.ascontiguousarray(told, np.float64),
            found, slots,
        )  # fmt: skip
        return Match(found[0], found[1], slots, found[2])

    def best_of_rules(self, stage: NDArray[np.float32]) -> NDArray[np.float32]:
        """The highest log odds (p,) of each rule in a stage (K, v)."""
        of_rules = self._of_rules(stage)
        return of_rules[0] if len(of_rules) == 1 else np.asarray(of_rules.max(axis=0))

    def best_at(self, rule: int, stage: NDArray[np.float32]) -> tuple[int, int]:
        """The slot and the sound of a rule that are highest in a stage (K, v)."""
        first, end = self._bounds[rule]
        if len(stage) == end - first == 1:  # most often
            return 0, first
        slot, one = divmod(int(stage[:, first:end].argmax()), end - first)
        return slot, first + one

    def outside_deg(self, rule: int, sound: EncoderOutput, slot: int) -> float:
        """Degrees by which a slot lies outside of the region of a rule."""
        if self._gate is None:
            return 0.0
        off_deg, _ = self._gate.outside(sound.direction[[slot]], sound.distance_m[[slot]])
        return float(off_deg[0, slice(*self._bounds[rule])].min())

    def reset(self) -> None:
        """The next step is the first of a stream."""
        self._room.reset()

    def inherit(self, before: Scorer, mapping: RuleMapping) -> None:
        """Go on with the room of the rules that ``before`` has, too."""
        self._room.inherit(before._room, mapping)

    def logits(self, stream: EncoderOutput) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Similarities and log odds (n, p) of a whole stream, n steps in place of the slots."""
        similarity, logit = self.likeness(stream)
        self.reset()
        rows = zip(logit, self._of_rules(logit), stream.activity.tolist(), strict=True)
        for row, of_rules, activity in rows:
            row -= self._room.step(of_rules, activity)[self._owner]
        return self._of_rules(similarity), self._of_rules(self.placed(logit, stream))

    def likeness(self, sound: EncoderOutput) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Similarities (K, v) of K slots with the sounds of the rules, and their log odds alone."""
        # not matmul: BLAS would wake threads for this, and on a busy computer wait for them
        similarity = np.einsum("kd,pd->kp", sound.embedding, self._vectors).clip(-1, 1)
        logit = similarity * self._scale.slope + self._scale.bias
        logit, excluded = logit[:, : self._sounds], logit[:, self._sounds :]
        apply_exclusions(logit, self._against, excluded)
        if self._anything.size:
            logit[:, self._anything] = self._of_anything(excluded)
        return similarity[:, : self._sounds], logit

    def _of_anything(self, excluded: NDArray[np.float32]) -> NDArray[np.float32]:
        """Log odds (K, n) of rules for any sound: sure, less what they exclude if it may sound."""
        logit = np.full((len(excluded), self._anything.size), ANY_LOGIT, np.float32)
        for column, one in enumerate(self._anything.tolist()):
            against = excluded[:, self._against == one]
            if against.size:
                worst = np.maximum(against.max(axis=1) - EXCLUDED_FROM, 0)
                logit[:, column] -= EXCLUDED_SLOPE * worst
        return logit

    def placed(self, logit: NDArray[np.float32], sound: EncoderOutput) -> NDArray[np.float32]:
        """What activity and place leave of log odds (K, v)."""
        return self._placed(self._active(logit, sound), sound)

    def _active(self, logit: NDArray[np.float32], sound: EncoderOutput) -> NDArray[np.float32]:
        faint = sound.activity < SOUNDING
        if not faint.any():
            return logit
        share = sound.activity[faint, None] / np.float32(SOUNDING)
        logit = logit.copy()
        logit[faint] = attenuate(logit[faint], share)
        return logit

    def _placed(self, logit: NDArray[np.float32], sound: EncoderOutput) -> NDArray[np.float32]:
        if self._gate is not None:
            logit = attenuate(logit, self._gate.step(sound.direction, sound.distance_m))
        return np.asarray(logit, np.float32)

    def _of_rules(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """The best (n, p) of ``values`` (n, v) of the sounds of each rule."""
        if len(self._firsts) == self._sounds + 1:
            return values
        return np.asarray(np.maximum.reduceat(values, self._firsts[:-1], axis=1))
