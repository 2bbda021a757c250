"""What is asked of a memory: vectors, places, and a calibrated score."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from elsa_rt.config import Config
from elsa_rt.encoder.bundle import AUDIO_ENCODER, ModelBundle
from elsa_rt.memory.store import CodedModel
from elsa_rt.memory.vector_code import COMPONENTS, VectorCode
from elsa_rt.notices import OnNotice
from elsa_rt.prompts.bank import PromptBank
from elsa_rt.rules.region import Region, RegionGate
from elsa_rt.rules.rule import Rule
from elsa_rt.scoring.logits import LogitScale, apply_exclusions, attenuate, logit_scale
from elsa_rt.scoring.statistics import Statistics

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Question:
    """What rows are compared with: v sounds, any of which will do, and q that it must not be.

    Attributes
    ----------
    vectors : float32 (v + q, D), unit length
    regions : (v,) places of the sounds
    against : int (q,), the sound that each of the others excludes
    scale : LogitScale of the v + q
    model : hash of the model in whose space the vectors lie
    """

    vectors: Floats
    regions: tuple[Region, ...]
    against: NDArray[np.intp]
    scale: LogitScale
    model: str

    @property
    def sounds(self) -> Floats:
        """The vectors (v, D) of what is looked for."""
        return self.vectors[: len(self.regions)]

    @property
    def region(self) -> Region:
        """Where any of the sounds may be."""
        return Region.union(self.regions)

    def judge(self, similarity: Floats, direction: Floats) -> tuple[Floats, Floats]:
        """Log odds (n,) of rows and the similarity (n,) that they come from.

        Parameters
        ----------
        similarity : (n, v + q), cosines of the rows with the vectors
        direction : (n, 3), unit vectors of the rows
            A direction of NaN is not held against a row. Others lower the log odds outside of a
            region, to minus infinity at the end of its soft edge.
        """
        count = len(self.regions)
        level = similarity * self.scale.slope + self.scale.bias
        level, excluded = level[:, :count], level[:, count:]
        apply_exclusions(level, self.against, excluded)
        if self.region != Region():
            known = np.flatnonzero(np.isfinite(direction).all(axis=1))
            nowhere = np.full(known.size, np.nan)
            weight = RegionGate(self.regions).step(direction[known], nowhere)
            level[known] = attenuate(level[known], weight)
        best = level.argmax(axis=1)
        row = np.arange(len(level))
        return level[row, best], similarity[row, best]


def model_of(bundle: ModelBundle) -> CodedModel:
    """``bundle`` as a store knows it: rows fit as long as its audio encoder is the same."""
    statistics = Statistics.load(bundle)
    # a bundle of few sounds has fewer components
    missing = COMPONENTS - len(statistics.basis)
    basis = np.pad(statistics.basis, ((0, missing), (0, 0)))
    scale = np.pad(statistics.scale, (0, missing), constant_values=1.0)
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
    against, excluded = bank.meaning.against
    return _question(bundle, bank.embedding, bank.meaning.regions, against, excluded)


def ask_vector(bundle: ModelBundle, vector: Floats) -> Question:
    """The question for sounds like one that was heard before."""
    nothing = np.empty((0, vector.size), np.float32)
    return _question(bundle, vector[None], (Region(),), np.empty(0, np.intp), nothing)


def _question(
    bundle: ModelBundle,
    sounds: Floats,
    regions: tuple[Region, ...],
    against: NDArray[np.intp],
    excluded: Floats,
) -> Question:
    vectors = np.concatenate([sounds, excluded]).astype(np.float32)
    scale = logit_scale(Statistics.load(bundle), vectors)
    return Question(vectors, regions, against, scale, bundle.files[AUDIO_ENCODER])
