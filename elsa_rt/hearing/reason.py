"""Reasons: why a rule did not alert, and what became of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from elsa_rt.hearing.by_value import ByValue, quickly_made
from elsa_rt.hearing.json_values import number, significant

Cause = Literal[
    "score",
    "background",
    "activity",
    "region",
    "feedback",
    "level",
    "schedule",
    "at_most",
    "cooldown",
    "confirmation",
]
"""What kept a rule from alerting, in the order in which it is looked for."""


@quickly_made
@dataclass(frozen=True, eq=False)
class Reason(ByValue):
    """Why a rule that came near did not alert in one step."""

    rule: str  # its id
    prompt: str
    cause: Cause
    score: float  # 0..1, of its sound alone: before place, level and all that follows
    threshold: float  # score that starts an alert
    text: str  # for people: "right sound, 62° outside of its region"
    azimuth_deg: float  # where it was heard, -180..180, left positive
    elevation_deg: float  # -90..90, up positive
    words: str  # "behind, left"

    def as_dict(self) -> dict[str, Any]:
        """The reason as a JSON object, as it stands in that of a hearing."""
        return {
            "rule": self.rule,
            "prompt": self.prompt,
            "cause": self.cause,
            "score": number(self.score, 4),
            "threshold": number(self.threshold, 4),
            "text": self.text,
            "azimuth_deg": number(self.azimuth_deg, 1),
            "elevation_deg": number(self.elevation_deg, 1),
            "words": self.words,
        }


@quickly_made
@dataclass(frozen=True, eq=False)
class NearMiss(ByValue):
    """An occasion on which a rule came near and did not alert."""

    time_s: float  # stream time at which it was over
    start_s: float  # stream time of its first step
    last_s: float  # and of its last one
    steps: int  # in which the rule came near
    reason: Reason  # at its highest score

    def as_dict(self) -> dict[str, Any]:
        """The near miss as a JSON object: ``{"type": "near_miss", "rule", "cause", ...}``."""
        return {
            "type": "near_miss",
            "time_s": number(self.time_s, 3),
            "start_s": number(self.start_s, 3),
            "last_s": number(self.last_s, 3),
            "steps": self.steps,
            **self.reason.as_dict(),
        }


@dataclass(frozen=True)
class RuleStatistics:
    """What became of a rule since the listener began, or since the rule was changed."""

    rule: str  # its id
    prompt: str
    hours: float  # of listening
    alerts: int
    near_misses: int
    asked_per_hour: float  # false alarms that it may raise
    expected_per_hour: float  # that background alone would raise at its threshold; NaN: unknown
    counted_per_hour: float  # alerts, right and false ones
    proposed_start: float = math.nan  # alert_start that keeps the rate, where it alerts too often

    @property
    def text(self) -> str:
        """The statistics as a sentence."""
        expected = "" if math.isnan(self.expected_per_hour) else (
            f", {self.expected_per_hour:.2g} expected"
        )  # fmt: skip
        return (
            f"{self.rule}: in {self.hours:.1f} hours {self.alerts} alerts and {self.near_misses} "
            f"near misses; {self.counted_per_hour:.2g} alerts an hour, {self.asked_per_hour:.2g} "
            f"false ones allowed{expected}"
        )

    def as_dict(self) -> dict[str, Any]:
        """The statistics as a JSON object."""
        return {
            "rule": self.rule,
            "prompt": self.prompt,
            "hours": number(self.hours, 3),
            "alerts": self.alerts,
            "near_misses": self.near_misses,
            "asked_per_hour": significant(self.asked_per_hour),
            "expected_per_hour": significant(self.expected_per_hour),
            "counted_per_hour": significant(self.counted_per_hour),
            "proposed_start": number(self.proposed_start, 3),
        }
