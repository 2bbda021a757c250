"""A question to a memory: vectors, places, and the score of a row, on the scale of an alert's.

Two things differ from a prompt, since rows are compared with each other and not with a threshold.
A row has a direction already, so that the words about it count half in the vector. And from the
vector that of crowding is taken off (`elsa_rt.scoring.crowding`).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from elsa_rt.config import Config
from elsa_rt.encoder.bundle import AUDIO_ENCODER, ModelBundle
from elsa_rt.memory.store import CodedModel
from elsa_rt.memory.vector_code import COMPONENTS, VectorCode
from elsa_rt.notices import OnNotice
from elsa_rt.prompts.bank import PromptBank
from elsa_rt.prompts.rule_embeddings import RuleEmbeddings
from elsa_rt.rules.region import EVERYWHERE, Region, RegionGate
from elsa_rt.rules.rule import Rule
from elsa_rt.scoring.confirmation import steps_in
from elsa_rt.scoring.crowding import crowding_of
from elsa_rt.scoring.false_alarm_rate import FalseAlarmCurves
from elsa_rt.scoring.logits import (
    ANY_LOGIT,
    EXCLUDED_FROM,
    EXCLUDED_SLOPE,
    LogitScale,
    apply_exclusions,
    attenuate,
)
from elsa_rt.scoring.rule_curves import curves, scales
from elsa_rt.scoring.site import load_site
from elsa_rt.scoring.statistics import Statistics

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Question:
    """What rows are compared with: v sounds, any of which will do, and q that it must not be.

    Attributes
    ----------
    vectors : float32 (v + q + 1, D)
        Unit vectors less the last one, which is that of crowding; zeros for any sound at all.
    regions : (v,) places of the sounds
    against : int (q,), the sound that each of the others excludes
    anything : those of the v that mean any sound at all
    scale : LogitScale of the first v + q
    curves : FalseAlarmCurves of the one rule that the question is
    model : hash of the model in whose space the vectors lie
    """

    vectors: Floats
    regions: tuple[Region, ...]
    against: NDArray[np.intp]
    anything: tuple[int, ...]
    scale: LogitScale
    curves: FalseAlarmCurves
    model: str

    @property
    def region(self) -> Region:
        """Where any of the sounds may be."""
        return Region.union(self.regions)

    def judge(self, similarity: Floats, direction: Floats) -> tuple[Floats, Floats]:
        """Log odds (n,) of rows and the cosine (n,) that they come from.

        Parameters
        ----------
        similarity : (n, v + q + 1), products of the rows with the vectors
        direction : (n, 3), unit vectors of the rows
            A direction of NaN is not held against a row. Others lower the log odds outside of a
            region, to minus infinity at the end of its soft edge.
        """
        count = len(self.regions)
        similarity, crowding = similarity[:, :-1], similarity[:, -1]
        logit = similarity * self.scale.slope + self.scale.bias
        logit, excluded = logit[:, :count], logit[:, count:]
        apply_exclusions(logit, self.against, excluded)
        for sound in self.anything:
            logit[:, sound] = ANY_LOGIT
            against = excluded[:, self.against == sound]
            if against.size:
                worst = np.maximum(against.max(axis=1) - EXCLUDED_FROM, 0)
                logit[:, sound] -= EXCLUDED_SLOPE * worst
        if any(region != EVERYWHERE for region in self.regions):
            known = np.flatnonzero(np.isfinite(direction).all(axis=1))
            nowhere = np.full(known.size, np.nan)
            weight = RegionGate(self.regions).step(direction[known], nowhere)
            logit[known] = attenuate(logit[known], weight)
        best = logit.argmax(axis=1)
        row = np.arange(len(logit))
        return logit[row, best], np.clip(similarity[row, best] + crowding, -1, 1)

    def score(self, logit: Floats) -> NDArray[np.float64]:
        """Scores (n,) of log odds (n,): by how often background alone would raise an alert there.

        See `elsa_rt.scoring.false_alarm_rate`. A row has the mean of the steps of its sound.
        """
        rows = np.zeros(len(logit), np.intp)
        own = (getattr(self.curves, each.name)[rows] for each in fields(self.curves))
        return FalseAlarmCurves(*own).score(logit)


def model_of(bundle: ModelBundle) -> CodedModel:
    """``bundle`` as a store knows it: rows fit as long as its audio encoder is the same."""
    statistics = Statistics.of(bundle)
    # a bundle of few sounds has fewer components
    basis, scale = statistics.basis[:COMPONENTS], statistics.scale[:COMPONENTS]
    missing = COMPONENTS - len(basis)
    basis = np.pad(basis, ((0, missing), (0, 0)))
    scale = np.pad(scale, (0, missing), constant_values=1.0)
    code = VectorCode(basis, statistics.mean, scale)
    return CodedModel(bundle.files[AUDIO_ENCODER], f"{bundle.name} {bundle.version}", code)


def ask_words(
    bundle: ModelBundle,
    text: str | None,
    example: str | Path | None,
    config: Config,
    on_notice: OnNotice,
) -> Question:
    """The question for a sentence, a recording of the sound, or both together."""
    rule = Rule(
        id="asked",
        prompts=() if text is None else (text,),
        examples=() if example is None else (str(example),),
    )
    bank = PromptBank.encode(bundle, [rule], config)
    for notice in bank.notices:
        on_notice(notice)
    return _question(bundle, bank.meaning, config)


def ask_vector(bundle: ModelBundle, vector: Floats, config: Config) -> Question:
    """The question for sounds like one that was heard before."""
    nothing = np.empty((0, vector.size), np.float32)
    own = vector[None]
    against = np.empty(0, np.intp), nothing
    meaning = RuleEmbeddings(own, own, own, against, (Region(),), np.zeros(1, np.intp))
    return _question(bundle, meaning, config)


def _question(bundle: ModelBundle, meaning: RuleEmbeddings, config: Config) -> Question:
    statistics = Statistics.of(bundle)
    crowding = crowding_of(statistics)
    against, excluded = meaning.against
    wanted = _half_placed(meaning)
    named = wanted.any(axis=1)
    if not named.any() and not len(excluded):  # any sound at all: there is nothing to compare
        crowding = np.zeros_like(crowding)
    wanted[named] -= crowding
    excluded = (excluded - crowding).astype(np.float32)
    meaning = meaning._replace(embedding=wanted, against=(against, excluded))
    vectors = np.concatenate([wanted, excluded])
    confirm = np.array([steps_in(config.alert_confirm_s, bundle.step_s)], np.int64)
    site = None if config.site is None else load_site(config.site, bundle, statistics)
    return Question(
        np.concatenate([vectors, crowding[None]]),
        meaning.regions,
        against,
        meaning.anything,
        scales(statistics, vectors),
        curves(statistics, meaning, confirm, bundle.step_s, site),
        bundle.files[AUDIO_ENCODER],
    )


def _half_placed(meaning: RuleEmbeddings) -> Floats:
    """Vectors (v, D) half of the whole sentences, half of their sounds alone."""
    both = meaning.embedding + meaning.semantic
    both /= np.maximum(np.linalg.norm(both, axis=1, keepdims=True), 1e-9)
    same = (meaning.embedding == meaning.semantic).all(axis=1, keepdims=True)
    return np.where(same, meaning.embedding, both).astype(np.float32)
