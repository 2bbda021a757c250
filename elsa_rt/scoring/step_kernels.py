"""The compiled kernel of the scores of a step. It validates nothing: `scorer` does.

It is `Scorer.logits`, which has whole streams, for one step: stage by stage of `ScoreStages`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from elsa_rt.encoder.output import SOUNDING
from elsa_rt.jit import vector as v
from elsa_rt.jit.numba_compiler import compiled
from elsa_rt.scoring.adaptation import LIKELY, SHARE
from elsa_rt.scoring.curve_kernels import reached
from elsa_rt.scoring.logits import ANY_LOGIT, EXCLUDED_FROM, EXCLUDED_SLOPE

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]

BYTES = 4
SOUND, ADAPTED, ACTIVE, PLACED, TOLD = range(5)


@compiled
def _cosine(one: int, other: int, count: int) -> float:
    """Of two unit vectors of ``count`` floats at two addresses."""
    a, b, c, d = v.zero(), v.zero(), v.zero(), v.zero()
    eight = v.LANES * BYTES
    for _ in range(count // (4 * v.LANES)):
        a = v.multiply_add(v.read(one), v.read(other), a)
        b = v.multiply_add(v.read(one + eight), v.read(other + eight), b)
        c = v.multiply_add(v.read(one + 2 * eight), v.read(other + 2 * eight), c)
        d = v.multiply_add(v.read(one + 3 * eight), v.read(other + 3 * eight), d)
        one, other = one + 4 * eight, other + 4 * eight
    found = v.total(v.add(v.add(a, b), v.add(c, d)))
    for _ in range(count % (4 * v.LANES)):
        found += v.first(v.multiply(v.read_one(one), v.read_one(other)))
        one, other = one + BYTES, other + BYTES
    return min(max(found, np.float32(-1.0)), np.float32(1.0))


@compiled
def _attenuated(logit: float, weight: float) -> float:
    """As `elsa_rt.scoring.logits.attenuate`."""
    return math.log(weight) - math.log((1.0 - weight) + math.exp(-logit))


@compiled
def _sounds(
    vectors: Floats, slope: Floats, bias: Floats, against: Integers, anything: Integers,
    embedding: Floats, similarity: Floats, logit: Floats,
) -> None:  # fmt: skip
    """Similarity (K, n) of all vectors, and the log odds (K, v) of the rules' sounds."""
    at, across = vectors.ctypes.data, vectors.shape[1]
    sounds = logit.shape[1]
    for slot in range(embedding.shape[0]):
        here = embedding.ctypes.data + slot * across * BYTES
        for one in range(vectors.shape[0]):
            found = _cosine(here, at + one * across * BYTES, across)
            similarity[slot, one] = found
            if one < sounds:
                logit[slot, one] = found * slope[one] + bias[one]
        for k in range(against.size):
            one, other = against[k], sounds + k
            excluded = similarity[slot, other] * slope[other] + bias[other]
            logit[slot, one] -= max(excluded - logit[slot, one], np.float32(0.0))
        for k in range(anything.size):
            worst = -np.inf
            for j in range(against.size):
                if against[j] == anything[k]:
                    other = sounds + j
                    excluded = similarity[slot, other] * slope[other] + bias[other]
                    worst = max(worst, np.float64(excluded))
            lowered = EXCLUDED_SLOPE * max(worst - EXCLUDED_FROM, 0.0)
            logit[slot, anything[k]] = ANY_LOGIT - lowered


@compiled
def _adapt(
    firsts: Integers, logit: Floats, loudest: float, above: Floats, middle: float, pace: float,
    adapted: Floats,
) -> None:  # fmt: skip
    """Lower log odds by what the room sounds like, and learn it, as `BackgroundAdaptation`."""
    for rule in range(above.size):
        lowered = np.float32(SHARE) * above[rule]
        best = np.float32(-np.inf)
        for one in range(firsts[rule], firsts[rule + 1]):
            for slot in range(logit.shape[0]):
                best = max(best, logit[slot, one])
                adapted[slot, one] = logit[slot, one] - lowered
        if loudest < SOUNDING:
            above[rule] -= np.float32(pace) * above[rule]
        elif best < LIKELY:
            heard = min(max(best - np.float32(middle), np.float32(0.0)),
                        np.float32(LIKELY - middle))  # fmt: skip
            above[rule] += np.float32(pace) * (heard - above[rule])


@compiled
def score_step(
    vectors: Floats, slope: Floats, bias: Floats, against: Integers, anything: Integers,
    firsts: Integers, knots: Doubles, log_rates: Doubles, tail_scale: Doubles, room: Doubles,
    above: Floats, similarity: Floats, stages: NDArray[np.float32],
    embedding: Floats, activity: Floats, place: Doubles, told: Doubles, found: Floats,
    slots: Integers,
) -> int:  # fmt: skip
    """Write similarity, score and false alarms an hour (3, p) and the slot (p,) of each rule.

    ``room`` holds the middle of the background and the pace of the adaptation. ``place`` (K, v)
    and ``told`` (K, p) may be empty.
    """
    _sounds(vectors, slope, bias, against, anything, embedding, similarity, stages[SOUND])
    loudest = np.float32(-np.inf)
    for slot in range(activity.size):
        loudest = max(loudest, activity[slot])
    _adapt(firsts, stages[SOUND], loudest, above, room[0], room[1], stages[ADAPTED])
    for rule in range(above.size):
        best, where, which = np.float32(-np.inf), 0, firsts[rule]
        for one in range(firsts[rule], firsts[rule + 1]):
            for slot in range(activity.size):
                x = stages[ADAPTED, slot, one]
                if activity[slot] < SOUNDING:
                    x = np.float32(_attenuated(x, activity[slot] / SOUNDING))
                stages[ACTIVE, slot, one] = x
                if place.size:
                    x = np.float32(_attenuated(x, place[slot, one]))
                stages[PLACED, slot, one] = x
                if told.size:
                    x = np.float32(x + told[slot, rule])
                stages[TOLD, slot, one] = x
                if x > best:
                    best, where, which = x, slot, one
        score, rate = reached(np.float64(best), knots[rule], log_rates[rule], tail_scale[rule])
        found[0, rule] = similarity[where, which]
        found[1, rule] = score
        found[2, rule] = rate
        slots[rule] = where
    return 0
