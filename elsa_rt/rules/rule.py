"""A rule: what to listen for, where, and how readily it becomes an alert."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from math import inf

from elsa_rt.errors import UsageError
from elsa_rt.hints import coerce_fields
from elsa_rt.rules.rate_limit import RateLimit
from elsa_rt.rules.region import Region
from elsa_rt.rules.schedule import Schedule

MAX_SLUG = 48


@dataclass(frozen=True)
class Rule:
    """One thing to listen for; what is None follows `Config`.

    A rule has words, examples, a level, or several of them, in which case all must hold.

    Raises
    ------
    UsageError
        A field is of another type, or a score, rate or time is out of range.
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
    at_most: RateLimit | None = None  # alerts beyond it do not start
    learn: bool = True  # whether verdicts on its alerts change its scores

    def __post_init__(self) -> None:
        coerce_fields(self, f"the rule {self.id!r} has ")
        for name, above, most in (
            ("alert_start", True, 1),
            ("alert_end", True, 1),
            ("false_alarms_per_hour", True, inf),
            ("confirm_s", False, inf),
            ("release_s", False, inf),
            ("cooldown_s", False, inf),
        ):
            value = getattr(self, name)
            if value is None or (0 <= value <= most and value < inf and not (above and value == 0)):
                continue
            needed = "above 0" if above else "0 or more"
            needed += " and at most 1" if most == 1 else ""
            raise UsageError(f"the rule {self.id!r} has {name} {value:g}: {needed} is needed")

    @property
    def label(self) -> str:
        """Label for people: the first prompt, or the id."""
        return self.prompts[0] if self.prompts else self.id

    @property
    def has_meaning(self) -> bool:
        """Whether it says what sounds, by words or examples, and not only how loud."""
        return bool(self.prompts or self.examples)


def rules_of(prompts: Iterable[str], taken: Iterable[str] = ()) -> tuple[Rule, ...]:
    """A rule for each of ``prompts``, named after it; ids in ``taken`` are not used again."""
    rules: list[Rule] = []
    taken = set(taken)
    for prompt in prompts:
        name = slug = slug_of(prompt)
        number = 1
        while name in taken:
            number += 1
            name = f"{slug}-{number}"
        taken.add(name)
        rules.append(Rule(name, (prompt,)))
    return tuple(rules)


def slug_of(prompt: str) -> str:
    """``prompt`` as an id: plain letters, digits, hyphens and underscores."""
    return re.sub("[^A-Za-z0-9_]+", "-", prompt).lower()[:MAX_SLUG].strip("-") or "prompt"
