"""From embeddings to a similarity, a calibrated score and a rate of false alarms of every rule."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.config import Config
from elsa_rt.encoder.sound import Sound
from elsa_rt.matching.background import (
    ACTIVE,
    curves_of,
    dimmed,
    own_labels,
    peaks_of,
    scale_of,
)
from elsa_rt.matching.prompts import PromptBank
from elsa_rt.matching.regions import Region, RegionGate
from elsa_rt.matching.rule import times_of
from elsa_rt.matching.statistics import Background, Statistics
from elsa_rt.matching.thresholds import score_of

WORDLESS = 30.0
"""Log odds of a rule that asks for no sound: every one is it."""


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
    """Scores a sound against all rules; stateless, and the same for every stream.

    A similarity becomes log odds by the background's centre and spread for that rule
    (`elsa_rt.matching.background.scale_of`); low activity and a place beside the rule's region
    lower them, and so does a sound that fits what the rule excludes better. The score is their
    sigmoid; ``curves`` tell how often background reaches it.

    Parameters
    ----------
    step_s : seconds of a step
    site : Background, optional
        What was heard where the listener stands.
    """

    def __init__(
        self,
        bank: PromptBank,
        statistics: Statistics,
        config: Config,
        step_s: float,
        site: Background | None = None,
    ) -> None:
        self._prompts = bank.embedding
        self._scale = scale_of(statistics, bank.embedding)
        self._wordless = ~bank.embedding.any(axis=1)
        everywhere = all(region == Region() for region in bank.regions)
        self._gate = None if everywhere else RegionGate(bank.regions)
        counts = times_of(bank.rules, config, step_s).confirm.tolist()
        own = own_labels(bank.meaning.semantic, statistics.names)
        grounds = [statistics.background] + ([] if site is None else [site])
        peaks = [
            peaks_of(statistics, ground, self._scale, bank.embedding, bank.regions, counts, own)
            for ground in grounds
        ]
        for one in peaks:
            one[self._wordless] = -np.inf
        self.curves = curves_of(peaks, [ground.hours for ground in grounds])

    def step(self, sound: Sound) -> Match:
        """Match ``sound`` with every rule, each in the slot that scores best."""
        # not matmul: BLAS would wake threads for this, and on a busy computer wait for them
        similarity = np.einsum("kd,pd->kp", sound.embedding, self._prompts).clip(-1, 1)
        level = similarity * self._scale.slope + self._scale.bias
        faint = sound.activity < ACTIVE
        level[faint] = dimmed(level[faint], sound.activity[faint, None])
        level[:, self._wordless] = WORDLESS
        if self._gate is not None:
            with np.errstate(divide="ignore"):
                level += np.log(self._gate.step(sound.direction, sound.distance_m))
        slot = level.argmax(axis=0)
        rule = np.arange(slot.size)
        best = level[slot, rule]
        return Match(
            similarity[slot, rule],
            score_of(best).astype(np.float32),
            slot,
            self.curves.rate(best).astype(np.float32),
        )
