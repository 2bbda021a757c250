"""One pass over a recording, and every threshold tried on what it left."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from elsa_rt.audio.block import Block
from elsa_rt.errors import SourceError
from elsa_rt.hearing import Hearing
from elsa_rt.listener import Listener
from elsa_rt.rules.rule import Rule
from elsa_rt.scoring.confirmation import times_of
from elsa_rt.scoring.thresholds import rate_of
from elsa_rt.tuning.gate import Floats, Timing
from elsa_rt.tuning.labels import Label
from elsa_rt.tuning.page import Tuned
from elsa_rt.tuning.tradeoff import SLACK_S, tradeoff


class Recorded(NamedTuple):
    """The scores of a recording."""

    time_s: Floats  # (n,), the ends of steps
    score: Floats  # (n, p), in the order of the rules

    @property
    def length_s(self) -> float:
        """Seconds that were heard."""
        return float(self.time_s[-1])


def record(listener: Listener, source: Iterable[Block]) -> Recorded:
    """Hear ``source`` once.

    Raises
    ------
    SourceError
        It is too short for a single step.
    """
    times: list[float] = []
    scores: list[list[float]] = []

    def take(hearings: Iterable[Hearing]) -> None:
        for hearing in hearings:
            times.append(hearing.time_s)
            scores.append([score.score for score in hearing.scores])

    for block in source:
        take(listener.push(block))
    take(listener.finish())
    if not times:
        raise SourceError("the recording is shorter than a step: give a longer one")
    return Recorded(np.array(times), np.array(scores))


def without(recorded: Recorded, unknown: Sequence[Label], rules: Sequence[Rule]) -> Recorded:
    """``recorded`` with no score where nobody knows what sounded."""
    score = recorded.score.copy()
    for index, rule in enumerate(rules):
        for label in (label for label in unknown if label.rule == rule.id):
            inside = (recorded.time_s > label.start_s) & (recorded.time_s <= label.end_s + SLACK_S)
            score[inside, index] = 0
    return recorded._replace(score=score)


def tuned(listener: Listener, recorded: Recorded, labels: Sequence[Label]) -> list[Tuned]:
    """The trade-off and the proposal for each rule of ``listener``."""
    rules, config = listener.config.rules, listener.config
    times = times_of(rules, config, listener.bundle.step_s)
    start, end = listener.thresholds
    found = []
    for index, rule in enumerate(rules):
        timing = Timing.of(times, index)
        score = recorded.score[:, index]
        now = float(start[index]), float(end[index])
        weighed = tradeoff(rule.id, recorded.time_s, score, labels, timing, now, rule.alert_end)
        allowed = rate_of(rule, config)
        own = tuple(label for label in labels if label.rule == rule.id)
        found.append(Tuned(weighed, weighed.proposal(allowed), allowed, score, own))
    return found
