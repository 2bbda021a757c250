"""Scores of rules, and probabilities of known sounds."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from elsa_rt.hearing.by_value import key
from elsa_rt.hearing.json_values import number, significant


class Score(NamedTuple):
    """Score of one rule in one step."""

    prompt: str
    similarity: float  # cosine, -1..1
    score: float  # calibrated, 0..1
    false_alarms_per_hour: float = math.nan  # how often background alone reaches this score
    rule: str = ""  # its id: two rules may have one prompt
    threshold: float = math.nan  # score that starts an alert

    def __eq__(self, other: object) -> bool:
        return key(self) == key(other) if type(other) is Score else NotImplemented

    def __ne__(self, other: object) -> bool:  # that of tuple would not see NaN as equal
        return not self == other

    def __hash__(self) -> int:
        return hash(key(self))

    def as_dict(self) -> dict[str, Any]:
        """The score as a JSON object."""
        return {
            "prompt": self.prompt,
            "similarity": number(self.similarity, 4),
            "score": number(self.score, 4),
            "false_alarms_per_hour": significant(self.false_alarms_per_hour),
            "rule": self.rule,
            "threshold": number(self.threshold, 4),
        }


class Label(NamedTuple):
    """A known sound and how likely it is what is heard (`elsa_rt.scoring.known_sounds`)."""

    name: str  # as the bundle calls it: "dog"
    probability: float  # 0..1
