"""Rate limit of alerts: "3 per hour"."""

from __future__ import annotations

import re
from dataclasses import dataclass

from elsa_rt.errors import UsageError

EXAMPLE = 'write it like "3 per hour", "1 per 10 minutes" or "20 per day"'

UNITS_S = {"second": 1.0, "minute": 60.0, "hour": 3_600.0, "day": 86_400.0, "week": 604_800.0}

MAX_COUNT = 1_000

_WORDS = {
    word: count
    for count, words in enumerate(("once one", "twice two", "three", "four", "five", "six"), 1)
    for word in words.split()
}

_TEXT = re.compile(
    rf"(?:at most |max(?:imum)? )?(?P<count>\d+|{'|'.join(_WORDS)})(?: times?|x)?"
    r"(?: ?/ ?| per | an? | every | in )(?P<many>\d+(?:\.\d+)?)? ?"
    rf"(?P<unit>{'|'.join(UNITS_S)}|s|min|h|d)s?",
    re.IGNORECASE,
)
_SHORT = {"s": "second", "min": "minute", "h": "hour", "d": "day"}


@dataclass(frozen=True)
class RateLimit:
    """At most ``count`` alerts in any ``seconds``."""

    count: int
    seconds: float

    @classmethod
    def parse(cls, text: str) -> RateLimit:
        """The limit that ``text`` says, or a UsageError."""
        match = _TEXT.fullmatch(" ".join(str(text).split()))
        if match is None:
            raise UsageError(f"at_most {text!r}: {EXAMPLE}")
        unit = match["unit"].lower()
        seconds = float(match["many"] or 1) * UNITS_S[_SHORT.get(unit, unit)]
        said = match["count"].lower()
        count = _WORDS[said] if said in _WORDS else int(said)
        if not 1 <= count <= MAX_COUNT or seconds <= 0:
            raise UsageError(f"at_most {text!r}: 1..{MAX_COUNT} in more than no time: {EXAMPLE}")
        return cls(count, seconds)

    def __str__(self) -> str:
        for unit, length in reversed(UNITS_S.items()):
            if self.seconds % length == 0:
                many = self.seconds / length
                return (
                    f"{self.count} per {unit}"
                    if many == 1
                    else f"{self.count} per {many:g} {unit}s"
                )
        return f"{self.count} per {self.seconds:g} seconds"
