"""From embeddings to a similarity and a calibrated score of every prompt."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.encoder.bundle import SCORES, ModelBundle
from elsa_rt.encoder.sound import Sound
from elsa_rt.errors import BundleError
from elsa_rt.matching.prompts import PromptBank
from elsa_rt.matching.regions import RegionGate

HIGH = 0.84
"""Quantile whose distance from the median is the spread: one sigma, were it normal. Not higher:
the background holds the prompt's own sound too, and common ones (speech) fill its upper end."""

SPREAD_FLOOR = 1e-3
"""A prompt that all sounds resemble alike must not turn noise into scores."""

_PROMPTS_AT_ONCE = 64


class Statistics(NamedTuple):
    """How sounds in general resemble prompts; a bundle carries it.

    Attributes
    ----------
    background : float16 (m, 512)
        Audio embeddings, of unit length, of many steps of all kinds of sound.
    slope, bias : float
        ``score = sigmoid(slope * z + bias) * activity``, with z of `Scorer`.
    """

    background: NDArray[np.float16]
    slope: float
    bias: float

    @classmethod
    def load(cls, bundle: ModelBundle) -> Statistics:
        """Read and check the statistics of ``bundle``."""
        path = bundle.file(SCORES)
        try:
            with np.load(path) as stored:
                found = cls(stored["background"], float(stored["slope"]), float(stored["bias"]))
        except Exception as error:  # zip, pickle, key and value errors alike mean a bad file
            raise BundleError(
                f"loading {path}: {error}: background, slope and bias are needed: "
                "export the bundle again"
            ) from None
        shape = found.background.shape
        if len(shape) != 2 or shape[0] < 2 or shape[1] != bundle.embedding:
            raise BundleError(
                f"loading {path}: background has the shape {shape}, (m >= 2, {bundle.embedding}) "
                "is needed: export the bundle again"
            )
        if not (np.isfinite(found.background).all() and np.isfinite(found[1:]).all()):
            raise BundleError(f"loading {path}: it holds NaN: export the bundle again")
        return found


class Match(NamedTuple):
    """How one step fits each of p prompts.

    Attributes
    ----------
    similarity : float32 (p,), cosine -1..1
    score : float32 (p,), calibrated 0..1
    slot : int (p,), the source slot that fits best
    """

    similarity: NDArray[np.float32]
    score: NDArray[np.float32]
    slot: NDArray[np.intp]


class Scorer:
    """Scores a sound against all prompts; stateless, and the same for every stream.

    A similarity s becomes ``z = (s - centre) / spread``, where centre is the median of the
    prompt's similarities over the background and spread their `HIGH` quantile less the median.
    Where the bank has regions, a sound outside of a prompt's region scores nothing.
    """

    def __init__(self, bank: PromptBank, statistics: Statistics) -> None:
        self._prompts = bank.embedding
        self._gate = None if bank.regions is None else RegionGate(bank.regions)
        self._slope, self._bias = statistics.slope, statistics.bias
        background = statistics.background.astype(np.float32).T  # (512, m)
        self._centre = np.empty(len(bank.prompts), np.float32)
        self._spread = np.empty(len(bank.prompts), np.float32)
        for start in range(0, len(bank.prompts), _PROMPTS_AT_ONCE):
            part = slice(start, start + _PROMPTS_AT_ONCE)
            middle, high = np.quantile(bank.embedding[part] @ background, (0.5, HIGH), axis=1)
            self._centre[part] = middle
            self._spread[part] = np.maximum(high - middle, SPREAD_FLOOR)

    def step(self, sound: Sound) -> Match:
        """Match ``sound`` with every prompt, each in the slot that scores best."""
        # not matmul: BLAS would wake threads for this, and on a busy computer wait for them
        similarity = np.einsum("kd,pd->kp", sound.embedding, self._prompts).clip(-1, 1)
        z = (similarity - self._centre) / self._spread
        # tanh is the sigmoid that cannot overflow
        sigmoid = 0.5 * (1 + np.tanh(0.5 * (self._slope * z + self._bias)))
        score = np.clip(sigmoid * sound.activity[:, None], 0, 1)
        if self._gate is not None:
            score *= self._gate.step(sound.direction, sound.distance_m)
        slot = score.argmax(axis=0)
        prompt = np.arange(slot.size)
        return Match(similarity[slot, prompt], score[slot, prompt], slot)
