"""From embeddings to a similarity, a calibrated score and a rate of false alarms of every rule."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.config import Config
from elsa_rt.encoder.output import SOUNDING, EncoderOutput
from elsa_rt.prompts.bank import PromptBank
from elsa_rt.rules.region import Region, RegionGate
from elsa_rt.scoring.adaptation import BackgroundAdaptation
from elsa_rt.scoring.background import background_peaks, false_alarm_curves
from elsa_rt.scoring.confirmation import RuleMapping, times_of
from elsa_rt.scoring.logits import apply_exclusions, attenuate, logit_scale, sigmoid
from elsa_rt.scoring.statistics import Background, Statistics


class Match(NamedTuple):
    """How one step fits each of p rules.

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
    """

    def __init__(
        self,
        bank: PromptBank,
        statistics: Statistics,
        config: Config,
        step_s: float,
        site: Background | None = None,
    ) -> None:
        meaning = bank.meaning
        self._rules = len(bank.rules)
        self._against, excluded = meaning.against
        self._vectors = np.concatenate([meaning.embedding, excluded])
        self._scale = logit_scale(statistics, self._vectors)
        everywhere = all(region == Region() for region in meaning.regions)
        self._gate = None if everywhere else RegionGate(meaning.regions)
        counts = times_of(bank.rules, config, step_s).confirm.tolist()
        grounds = [statistics.background] + ([] if site is None else [site])
        peaks = [
            background_peaks(statistics, one, meaning, self._scale, counts, step_s)
            for one in grounds
        ]
        self._room = BackgroundAdaptation(self._rules, statistics.bias, step_s)
        self.curves = false_alarm_curves(peaks, [ground.hours for ground in grounds])

    def step(self, sound: EncoderOutput) -> Match:
        """Match ``sound`` with every rule, each in the slot that scores best."""
        similarity, level = self.likeness(sound)
        lowered = self._room.step(level.max(axis=0), float(sound.activity.max()))
        level = self.placed(level - lowered, sound)
        slot = level.argmax(axis=0)
        rule = np.arange(slot.size)
        best = level[slot, rule]
        return Match(
            similarity[slot, rule],
            sigmoid(best).astype(np.float32),
            slot,
            self.curves.rate(best).astype(np.float32),
        )

    def reset(self) -> None:
        """The next step is the first of a stream."""
        self._room.reset()

    def inherit(self, before: Scorer, mapping: RuleMapping) -> None:
        """Go on with the room of the rules that ``before`` has, too."""
        self._room.inherit(before._room, mapping)

    def levels(self, stream: EncoderOutput) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Similarities and log odds (n, p) of a whole stream, n steps in place of the slots."""
        similarity, level = self.likeness(stream)
        self.reset()
        for row, activity in zip(level, stream.activity.tolist(), strict=True):
            row -= self._room.step(row, activity)
        return similarity, self.placed(level, stream)

    def likeness(self, sound: EncoderOutput) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Similarities (K, p) of K slots, and the log odds that these alone make."""
        # not matmul: BLAS would wake threads for this, and on a busy computer wait for them
        similarity = np.einsum("kd,pd->kp", sound.embedding, self._vectors).clip(-1, 1)
        level = similarity * self._scale.slope + self._scale.bias
        level, excluded = level[:, : self._rules], level[:, self._rules :]
        apply_exclusions(level, self._against, excluded)
        return similarity[:, : self._rules], level

    def placed(self, level: NDArray[np.float32], sound: EncoderOutput) -> NDArray[np.float32]:
        """What activity and place leave of log odds (K, p)."""
        faint = sound.activity < SOUNDING
        level[faint] = attenuate(level[faint], sound.activity[faint, None] / np.float32(SOUNDING))
        if self._gate is not None:
            level = attenuate(level, self._gate.step(sound.direction, sound.distance_m))
        return np.asarray(level, np.float32)
