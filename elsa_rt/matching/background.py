"""How background sounds would score for each rule, and what of it is the rule's own sound."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.matching.confirmation import confirmed_level
from elsa_rt.matching.regions import Region, RegionGate
from elsa_rt.matching.statistics import FULL, Background, Names, Statistics
from elsa_rt.matching.tail import Curves, fit_curve

Floats = NDArray[np.float32]

OWN_LEAST, OWN_WITHIN = 0.6, 0.03
"""A label is what a prompt means where their phrases are this similar, and no other is more so by
over the second. Of other wordings of known labels 90 % are; of strangers 10 % would be."""

ACTIVE = 0.5
"""Less active steps are doubtful, and their scores less."""

HIGH = 0.84
"""Quantile whose distance from the median is the spread: one sigma, were it normal."""

SPREAD_FLOOR = 1e-3
"""A prompt that all sounds resemble alike must not turn noise into scores."""

SITE_PRIOR_H = 1.0
"""Hours of a site's own background that weigh as much as all of the bundle's."""

_RULES_AT_ONCE = 16

QUANTILE_STEPS = 4_000
"""Steps that centre and spread are taken of."""


class Scale(NamedTuple):
    """Log odds ``slope * similarity + bias`` of p rules, before activity and place."""

    slope: Floats
    bias: Floats


def own_labels(meaning: Floats, names: Names) -> NDArray[np.bool_]:
    """(p, l): which labels are what rules mean by their semantic parts (p, D), and their kin."""
    if not names.labels:
        return np.zeros((len(meaning), 0), np.bool_)
    likeness = meaning @ names.phrases.T
    best = likeness.max(axis=1, keepdims=True)
    meant = (likeness >= OWN_LEAST) & (likeness >= best - OWN_WITHIN)
    return np.asarray(meant.astype(np.float32) @ names.related.astype(np.float32) > 0)


def scale_of(statistics: Statistics, embedding: Floats) -> Scale:
    """How similarities of rules (p, D) become log odds.

    ``z = (similarity - centre) / spread``, where centre is the median over the active background
    and spread its `HIGH` quantile less the median; log odds are ``slope z + bias``.
    """
    background = statistics.background
    active = np.flatnonzero(background.activity > 127)
    if active.size < 2:
        active = np.arange(len(background.sounds))
    some = active[:: max(1, active.size // QUANTILE_STEPS)]
    factor, offset = statistics.similarity(embedding)
    found = background.sounds[some].astype(np.float32) @ factor + offset
    middle, high = np.quantile(found, (0.5, HIGH), axis=0)
    slope = statistics.slope / np.maximum(high - middle, SPREAD_FLOOR)
    return Scale(slope.astype(np.float32), (statistics.bias - slope * middle).astype(np.float32))


def dimmed(level: Floats, activity: Floats) -> Floats:
    """Log odds of scores ``sigmoid(level) * min(1, activity / ACTIVE)``; -inf in silence."""
    with np.errstate(divide="ignore", over="ignore"):
        return np.asarray(-np.log((1 + np.exp(-level)) / np.minimum(activity / ACTIVE, 1) - 1))


def peaks_of(
    statistics: Statistics,
    background: Background,
    scale: Scale,
    embedding: Floats,
    regions: Sequence[Region],
    counts: Sequence[int],
    own: NDArray[np.bool_],
) -> Floats:
    """The highest confirmed level (p, n) of each rule in each piece of ``background``.

    ``counts`` are the steps that confirm an alert. Pieces with a rule's ``own`` labels (p, l) are
    minus infinity: what it hears there is no false alarm.
    """
    factor, offset = statistics.similarity(embedding * scale.slope[:, None])
    sounds = background.sounds.astype(np.float32)
    activity = background.activity.astype(np.float32) / 255
    faint = np.flatnonzero(activity < ACTIVE)
    peaks = np.empty((len(embedding), len(background.pieces)), np.float32)
    for count in sorted(set(counts)):
        alike = np.flatnonzero(np.array(counts) == count)
        for start in range(0, alike.size, _RULES_AT_ONCE):
            some = alike[start : start + _RULES_AT_ONCE]
            level = sounds @ factor[:, some]  # (m, some)
            level += offset[some] + scale.bias[some]
            level[faint] = dimmed(level[faint], activity[faint, None])
            for column, rule in enumerate(some.tolist()):
                if regions[rule] != Region():
                    level[:, column] += _place_level(background, regions[rule])
            level = confirmed_level(level, count)
            peaks[some] = np.maximum.reduceat(level, background.pieces, axis=0).T
    peaks[_own_pieces(background, own)] = -np.inf
    return peaks


def curves_of(peaks: Sequence[Floats], hours: Sequence[float]) -> Curves:
    """Curves from peaks (p, n) in the bundle's background and, perhaps, in the site's.

    The site's own hours weigh as much as all of the bundle's from `SITE_PRIOR_H` on, and ever more.
    """
    trust = [1.0] if len(hours) == 1 else [SITE_PRIOR_H, hours[1]]
    share = np.array(trust) / sum(trust)
    weight = np.concatenate(
        [
            np.full(p.shape[1], w / h, np.float32)
            for p, w, h in zip(peaks, share, hours, strict=True)
        ]
    )
    fitted = [fit_curve(row, weight) for row in np.concatenate(peaks, axis=1)]
    return Curves(*map(np.stack, zip(*fitted, strict=True))) if fitted else Curves.unknown(0)


def _own_pieces(background: Background, own: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(p, n): which pieces hold a sound that the rule means."""
    known = np.column_stack([own, np.zeros(len(own), np.bool_)])  # label -1: none
    return np.asarray(known[:, background.piece_labels].any(axis=2))


def _place_level(background: Background, region: Region) -> Floats:
    direction = background.direction.astype(np.float32) / np.float32(FULL)
    weight = RegionGate([region]).step(direction, background.distance.astype(np.float32))[:, 0]
    with np.errstate(divide="ignore"):
        return np.log(weight).astype(np.float32)
