"""False alarm curves rule by rule, each computed once for a model, its background and a site.

What had to be computed is kept on disk as well: the same rules start in no time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence
from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from elsa_rt import cache
from elsa_rt.prompts.rule_embeddings import RuleEmbeddings
from elsa_rt.scoring.background import background_peaks, false_alarm_curves
from elsa_rt.scoring.false_alarm_rate import FalseAlarmCurves
from elsa_rt.scoring.logits import LogitScale, logit_scale
from elsa_rt.scoring.statistics import Background, Statistics

METHOD = 3
"""To be raised where the same rules come to other curves, or curves are kept in another form."""


def scales(statistics: Statistics, vectors: NDArray[np.float32]) -> LogitScale:
    """`logit_scale` of ``vectors`` (n, D), from before where they are known."""

    def make(missing: list[int]) -> list[tuple[np.float32, np.float32]]:
        key = cache.digest("scale", _about(statistics), vectors[missing])
        kept = cache.load("rules", key)
        if kept is None:
            kept = logit_scale(statistics, vectors[missing])._asdict()
            cache.save("rules", key, kept)
        return list(zip(kept["slope"], kept["bias"], strict=True))

    keys = [("scale", _digest(vector)) for vector in vectors]
    found = np.array(statistics.memo.get_many(keys, make), np.float32).reshape(-1, 2)
    return LogitScale(found[:, 0].copy(), found[:, 1].copy())


def curves(
    statistics: Statistics,
    meaning: RuleEmbeddings,
    confirm: NDArray[np.int64],
    step_s: float,
    site: Background | None,
) -> FalseAlarmCurves:
    """Curves of p rules whose alerts need ``confirm`` (p,) steps; only new ones are computed."""
    grounds = [statistics.background] + ([] if site is None else [site])

    def make(missing: list[int]) -> list[tuple[NDArray[np.float64], ...]]:
        some = meaning.subset(missing)
        scale = scales(statistics, np.concatenate([some.embedding, some.against[1]]))
        counts = confirm[missing][some.owner].tolist()
        key = cache.digest(
            f"{METHOD} {step_s} {counts} {some.regions} {[ground.hours for ground in grounds]} "
            f"{_labels_said(statistics, some)}",
            _about(statistics), "" if site is None else _digest(*_arrays(site)), *scale,
            some.embedding, some.named, some.owner, *some.against,
        )  # fmt: skip
        kept = cache.load("rules", key)
        if kept is None:
            peaks = [
                background_peaks(statistics, one, some, scale, counts, step_s) for one in grounds
            ]
            made = false_alarm_curves(peaks, [ground.hours for ground in grounds])
            kept = {each.name: getattr(made, each.name) for each in fields(made)}
            cache.save("rules", key, kept)
        return list(zip(kept["logit"], kept["log_rate"], kept["tail_scale"], strict=True))

    if not confirm.size:
        return FalseAlarmCurves.unknown(0)
    place = None if site is None else _digest(site.sounds, site.piece_s)
    keys = [
        ("curve", *key, int(count), step_s, place)
        for key, count in zip(_keys(meaning, statistics), confirm, strict=True)
    ]
    found = statistics.memo.get_many(keys, make)
    return FalseAlarmCurves(*(np.stack(values) for values in zip(*found, strict=True)))


def _about(statistics: Statistics) -> bytes:
    """Hash of all that the statistics of a bundle say of scores."""
    names = statistics.names
    found: bytes = statistics.memo.get(
        "digest",
        lambda: _digest(
            *_arrays(statistics.background), statistics.basis, statistics.mean, statistics.scale,
            names.phrases, names.wider, np.array([statistics.slope, statistics.bias]),
        ),
    )  # fmt: skip
    return found


def _arrays(background: Background) -> list[NDArray[np.generic]]:
    values = [getattr(background, each.name) for each in fields(background)]
    return [value for value in values if isinstance(value, np.ndarray)]


def _labels_said(statistics: Statistics, meaning: RuleEmbeddings) -> list[tuple[str, ...]]:
    """Known names among the bare names of each sound."""
    known = statistics.names.by_name
    return [tuple(word for word in words if word in known) for words in meaning.said]


def _keys(meaning: RuleEmbeddings, statistics: Statistics) -> Sequence[tuple[Hashable, ...]]:
    """What tells the rules of ``meaning`` apart."""
    rules, excluded = meaning.against
    said = _labels_said(statistics, meaning)
    found = []
    for rule in range(int(meaning.owner[-1]) + 1):
        own = meaning.of(rule)
        vectors = meaning.embedding[own], meaning.named[own], excluded[np.isin(rules, own)]
        regions = tuple(meaning.regions[sound] for sound in own)
        words = tuple(said[sound] for sound in own) if said else ()
        found.append((len(own), _digest(*vectors), regions, words))
    return found


def _digest(*arrays: NDArray[np.generic]) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        digest.update(repr(array.shape).encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.digest()
