"""Explanation of a rule: its parts, nearest known sounds, thresholds and expected errors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from elsa_rt.config import Config
from elsa_rt.encoder.bundle import KnownName, ModelBundle
from elsa_rt.encoder.text import encode_texts
from elsa_rt.prompts.bank import PromptBank
from elsa_rt.prompts.rule_embeddings import excluded_by
from elsa_rt.prompts.sentences import parse_sentence
from elsa_rt.rules.region import Region
from elsa_rt.rules.rule import Rule
from elsa_rt.scoring.background import OWN_LEAST, labels_meant, per_rule
from elsa_rt.scoring.false_alarm_rate import rate_of_score, score_of_rate
from elsa_rt.scoring.feedback import FeedbackStore
from elsa_rt.scoring.marks import Mark
from elsa_rt.scoring.scorer import Scorer
from elsa_rt.scoring.site import load_site
from elsa_rt.scoring.statistics import Statistics
from elsa_rt.scoring.thresholds import rate_of, thresholds
from elsa_rt.scoring.word_notices import rule_word_notices

NEAREST = 5
UNLIKE = 0.6
"""A sentence whose nearest known sound is less alike is said to be far from all."""

COUNTED = 5.0
"""Alarms in all of the background that make a rate a counted one; a rarer one is extrapolated."""

RATES = (10.0, 1.0, 0.1)


@dataclass(frozen=True)
class Explanation:
    """One rule, explained."""

    rule: Rule
    what: tuple[str, ...]  # its sentences without their place
    but_not: tuple[str, ...]  # what it must not be
    region: Region
    nearest: tuple[tuple[str, float], ...]  # known sounds and how alike their phrases are, -1..1
    known_as: tuple[tuple[KnownName, float], ...]  # names of the text encoder, and how like, -1..1
    means: tuple[str, ...]  # known sounds that it is taken to mean, and their kinds
    start: float  # scores
    end: float
    false_alarms_per_hour: float  # at that start; NaN where it is not known
    extrapolated: bool
    scores: tuple[tuple[float, float], ...]  # false alarms an hour and their score, for every rule
    missed: float  # share of such sounds at one false alarm an hour; NaN where it is not known
    notices: tuple[str, ...]
    marks: tuple[Mark, ...] = ()  # what people said of its alerts


def explain(bank: PromptBank, bundle: ModelBundle, config: Config) -> tuple[Explanation, ...]:
    """Explain each rule of ``bank``; ``config`` says which site and which feedback count."""
    marks = FeedbackStore.of(config).marks
    statistics = Statistics.of(bundle)
    site = None if config.site is None else load_site(config.site, bundle, statistics)
    scorer = Scorer(bank, statistics, config, bundle.step_s, site)
    start, end = thresholds(bank.rules, config, scorer.curves)
    known = np.isfinite(scorer.curves.level_of(np.ones(len(bank.rules))))
    expected = np.where(known, rate_of_score(start), np.nan)
    own = per_rule(
        labels_meant(bank.meaning.named, statistics.names, bank.meaning.said), bank.meaning.owner
    )
    hours = statistics.background.hours + (0 if site is None else site.hours)
    return tuple(
        Explanation(
            rule=rule,
            what=sounds_in(rule, config),
            but_not=tuple(excluded_by(rule, config)),
            region=bank.regions[index],
            nearest=_nearest(bank, index, statistics),
            known_as=_known_as(rule, bundle, config),
            means=tuple(np.array(statistics.names.labels, object)[own[index]]),
            start=float(start[index]),
            end=float(end[index]),
            false_alarms_per_hour=float(expected[index]),
            extrapolated=bool(expected[index] * hours < COUNTED),
            scores=tuple((rate, float(score_of_rate(np.array(rate)))) for rate in RATES),
            missed=_missed(bank, index, statistics),
            notices=tuple(_notices(bank, rule, index, bundle, statistics, config)),
            marks=tuple(mark for mark in marks if mark.heard.rule == rule.id),
        )
        for index, rule in enumerate(bank.rules)
    )


def _nearest(bank: PromptBank, index: int, statistics: Statistics) -> tuple[tuple[str, float], ...]:
    likeness = _likeness(bank, index, statistics)
    if not likeness.any():
        return ()  # any sound, or only a level
    best = np.argsort(-likeness)[:NEAREST].tolist()
    return tuple((statistics.names.labels[label], float(likeness[label])) for label in best)


def _known_as(
    rule: Rule, bundle: ModelBundle, config: Config
) -> tuple[tuple[KnownName, float], ...]:
    """The names that the sentences of a rule are the likest to."""
    said = sounds_in(rule, config)
    if not said or not bundle.names:
        return ()
    likeness = encode_texts(bundle, said, config.threads).names.max(axis=0)
    best = np.argsort(-likeness)[:NEAREST].tolist()
    return tuple((bundle.names[name], float(likeness[name])) for name in best)


def sounds_in(rule: Rule, config: Config) -> tuple[str, ...]:
    """What the sentences of a rule name, without their places."""
    return tuple(
        sound.sound
        for prompt in rule.prompts
        for sound in parse_sentence(prompt, config.north_deg).sounds
    )


def _likeness(bank: PromptBank, index: int, statistics: Statistics) -> NDArray[np.float32]:
    """Similarity (l,) of each known label to the sounds of a rule."""
    sounds = bank.meaning.named[bank.meaning.of(index)]
    return np.asarray((statistics.names.phrases @ sounds.T).max(axis=1))


def _missed(bank: PromptBank, index: int, statistics: Statistics) -> float:
    """Of the nearest label, if the rule means it."""
    names = statistics.names
    if not names.labels:
        return float("nan")
    likeness = _likeness(bank, index, statistics)
    best = int(likeness.argmax())
    return float(1 - names.detected[best]) if likeness[best] >= OWN_LEAST else float("nan")


def _notices(
    bank: PromptBank,
    rule: Rule,
    index: int,
    bundle: ModelBundle,
    statistics: Statistics,
    config: Config,
) -> Iterator[str]:
    best = _nearest(bank, index, statistics)
    if not bundle.names and rule.prompts and best and best[0][1] < UNLIKE:
        yield (
            f"no known sound is much like it, the nearest is {best[0][0]!r}: it may be missed "
            "often; other words may do better, and so does --example with a recording of it"
        )
    yield from rule_word_notices(bank, index, bundle, statistics)
    if rate_of(rule, config) < 0.1:
        yield (
            "so rare false alarms are far beyond what hours of background can tell: try it for "
            "days, or learn this place with elsa-rt calibrate site"
        )
