"""Scores that background sounds reach for each rule, without the rule's own sound."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elsa_rt.encoder.output import SOUNDING
from elsa_rt.parallel import in_parallel
from elsa_rt.prompts.rule_embeddings import RuleEmbeddings
from elsa_rt.rules.region import Region, RegionGate
from elsa_rt.scoring.adaptation import LIKELY, adapt_segments, excess
from elsa_rt.scoring.confirmation import confirmed_threshold
from elsa_rt.scoring.false_alarm_rate import FalseAlarmCurves, fit_curve
from elsa_rt.scoring.logits import LogitScale, apply_exclusions, attenuate
from elsa_rt.scoring.statistics import INT8_SCALE, Background, Names, Statistics

Floats = NDArray[np.float32]

OWN_LEAST, OWN_WITHIN = 0.7, 0.03
"""A label is what a prompt means where their phrases are this similar, and no other is more so by
over the second. Of 402 other wordings of the known labels 90 % meet their own so; of all wordings
17 % would meet a strange one, were their own not known."""

SITE_PRIOR_H = 1.0
"""Hours of a site's own background that weigh as much as all of the bundle's."""

_RULES_AT_ONCE = 32  # more are hardly faster, and take memory
_STEPS_AT_ONCE = 4_096  # of background, in single precision


def labels_meant(
    named: Floats, names: Names, said: Sequence[Sequence[str]] = ()
) -> NDArray[np.bool_]:
    """(p, l): which labels p rules mean, by their vectors ``named`` (p, D), and the labels' kin.

    A label that is among the bare names of a rule, ``said`` (p,), is meant in any case.
    """
    if not names.labels:
        return np.zeros((len(named), 0), np.bool_)
    likeness = named @ names.phrases.T
    best = likeness.max(axis=1, keepdims=True)
    meant = (likeness >= OWN_LEAST) & (likeness >= best - OWN_WITHIN)
    for row, words in enumerate(said):
        for label in {names.by_name[word] for word in words if word in names.by_name}:
            meant[row, label] = True
    return np.asarray(meant.astype(np.float32) @ names.related.astype(np.float32) > 0)


def background_peaks(
    statistics: Statistics,
    background: Background,
    meaning: RuleEmbeddings,
    scale: LogitScale,
    counts: Sequence[int],
    step_s: float,
) -> Floats:
    """The highest confirmed log odds (p, n) of each rule in each piece of ``background``.

    ``scale`` is of the v sounds of the rules and, after them, of what they exclude; ``counts`` (v,)
    are the steps that confirm an alert. Pieces with a sound that the rule means are minus infinity:
    what it hears there is no false alarm.
    """
    mine, others = (
        LogitScale(scale.slope[part], scale.bias[part])
        for part in (slice(len(counts)), slice(len(counts), None))
    )
    factor, offset = statistics.similarity(meaning.embedding * mine.slope[:, None])
    activity = background.activity.astype(np.float32) / 255
    active, faint = activity >= SOUNDING, np.flatnonzero(activity < SOUNDING)
    faintness = activity[faint] / SOUNDING
    pieces, middle = background.pieces, np.float32(statistics.bias)
    peaks, total, learned = (
        np.empty((len(meaning.embedding), len(pieces)), np.float32) for _ in range(3)
    )

    def fill(some: NDArray[np.intp]) -> None:
        """Peaks of ``some`` rules."""
        logit = np.empty((some.size, len(activity)), np.float32)
        for at in range(0, len(activity), _STEPS_AT_ONCE):
            sounds = background.sounds[at : at + _STEPS_AT_ONCE].astype(np.float32)
            part = logit[:, at : at + _STEPS_AT_ONCE]
            np.matmul(factor[:, some].T, sounds.T, out=part)
            part += (offset[some] + mine.bias[some])[:, None]
            _exclude(part.T, some, sounds, statistics, meaning, others)
        for row, rule in zip(logit, some.tolist(), strict=True):  # one fits the processor's cache
            learns = (row < LIKELY) & active
            total[rule] = np.add.reduceat(excess(row, middle) * learns, pieces)
            learned[rule] = np.add.reduceat(learns, pieces, dtype=np.float32)
            row[faint] = attenuate(row[faint], faintness)
            if meaning.regions[rule] != Region():
                row[:] = attenuate(row, _weight(background, meaning.regions[rule]))
            peaks[rule] = np.maximum.reduceat(confirmed_threshold(row, counts[rule]), pieces)

    rules = np.arange(len(peaks))
    in_parallel(
        fill, [rules[at : at + _RULES_AT_ONCE] for at in range(0, rules.size, _RULES_AT_ONCE)]
    )
    start_s, end_s = background.piece_s.T
    peaks -= adapt_segments(total / np.maximum(learned, 1), step_s * learned, start_s, end_s)
    peaks[~np.any(meaning.embedding, axis=1)] = -np.inf
    peaks = per_rule(peaks, meaning.owner)
    own = per_rule(labels_meant(meaning.named, statistics.names, meaning.said), meaning.owner)
    peaks[_own_pieces(background, own)] = -np.inf
    return peaks


def per_rule(values: NDArray[Any], owner: NDArray[np.intp]) -> NDArray[Any]:
    """The highest of ``values`` (v, ...) of the sounds of each rule (p, ...)."""
    if not owner.size or owner[-1] + 1 == owner.size:
        return values
    return np.asarray(np.maximum.reduceat(values, np.searchsorted(owner, np.arange(owner[-1] + 1))))


def false_alarm_curves(peaks: Sequence[Floats], hours: Sequence[float]) -> FalseAlarmCurves:
    """Curves from peaks (p, n) in the bundle's background and, perhaps, in the site's.

    The site's own hours weigh as much as all of the bundle's from `SITE_PRIOR_H` on, and ever more.
    """
    trust = [1.0] if len(hours) == 1 else [SITE_PRIOR_H, hours[1]]
    share = np.array(trust) / sum(trust)
    counts = [each.shape[1] for each in peaks]
    weight = np.repeat((share / np.array(hours)).astype(np.float32), counts)
    fitted = [fit_curve(row, weight) for row in np.concatenate(peaks, axis=1)]
    return (
        FalseAlarmCurves(*map(np.stack, zip(*fitted, strict=True)))
        if fitted
        else FalseAlarmCurves.unknown(0)
    )


def _exclude(
    logit: Floats,
    some: NDArray[np.intp],
    sounds: Floats,
    statistics: Statistics,
    meaning: RuleEmbeddings,
    scale: LogitScale,
) -> None:
    rules, vectors = meaning.against
    here = np.flatnonzero(np.isin(rules, some))
    if here.size:
        factor, offset = statistics.similarity(vectors[here] * scale.slope[here, None])
        excluded = sounds @ factor + (offset + scale.bias[here])
        apply_exclusions(logit, np.searchsorted(some, rules[here]), excluded)


def _own_pieces(background: Background, own: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(p, n): which pieces hold a sound that the rule means."""
    known = np.column_stack([own, np.zeros(len(own), np.bool_)])  # label -1: none
    return np.asarray(known[:, background.piece_labels].any(axis=2))


def _weight(background: Background, region: Region) -> Floats:
    direction = background.direction.astype(np.float32) / np.float32(INT8_SCALE)
    distance = background.distance.astype(np.float32)
    return RegionGate([region]).step(direction, distance)[:, 0].astype(np.float32)
