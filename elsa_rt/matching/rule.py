"""A rule: what to listen for, where, and how readily it becomes an alert."""

from __future__ import annotations

import re
from dataclasses import dataclass

from elsa_rt.matching.regions import Region
from elsa_rt.matching.schedule import Schedule

MAX_SLUG = 48


@dataclass(frozen=True)
class Rule:
    """One thing to listen for; what is None follows `Config`.

    A rule has words, examples, a level, or several of them, in which case all must hold.
    """

    id: str  # of [A-Za-z0-9_-], unlike that of any other rule
    prompts: tuple[str, ...] = ()  # several ways to say the same: an ensemble
    but_not: tuple[str, ...] = ()  # near-misses that must not raise it
    examples: tuple[str, ...] = ()  # recordings of the sound
    region: Region | None = None  # overrides what the words say of the place
    level_dbfs: float | None = None  # at least so loud; without words it triggers alone
    false_alarms_per_hour: float | None = None
    alert_start: float | None = None  # scores 0..1, instead of a rate of false alarms
    alert_end: float | None = None
    confirm_s: float | None = None
    release_s: float | None = None
    cooldown_s: float | None = None  # after an alert's end, before the next
    schedule: Schedule | None = None  # outside of it no alert starts; None is always

    @property
    def label(self) -> str:
        """How it is called where people read it."""
        return self.prompts[0] if self.prompts else self.id


def slug_of(prompt: str) -> str:
    """``prompt`` as an id: plain letters, digits, hyphens and underscores."""
    return re.sub("[^A-Za-z0-9_]+", "-", prompt).lower()[:MAX_SLUG].strip("-") or "prompt"
