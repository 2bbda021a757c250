"""Times in the words of a prompt, which it does not know: "a dog barking at night"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from elsa_rt.prompts.checks import quoted
from elsa_rt.rules.rule import Rule

_DAYS = "(?:mon|tues|wednes|thurs|fri|satur|sun)days?|weekends?|weekdays?"
_HOUR = r"(?:1[0-2]|0?[1-9]) ?(?:a\.?m\b\.?|p\.?m\b\.?)"

WHEN = re.compile(
    r"(?<![\w'’-])(?:(?:at|by|during the|late at) night|during the day(?:time)?"
    rf"|(?:on|at|during) (?:the )?(?:{_DAYS})"
    rf"|(?:after|before|until|from|since) (?:{_HOUR}|midnight|noon|dark|sunset|sunrise)"
    r"|tonight|overnight|(?:every|each) (?:night|morning|evening|afternoon))(?![\w'’-])",
    re.IGNORECASE,
)


def time_notices(rules: Sequence[Rule]) -> Iterator[str]:
    """What is to be said of prompts that name a time; nothing of a rule that has a schedule."""
    for rule in rules:
        for prompt in rule.prompts if rule.schedule is None else ():
            if match := WHEN.search(prompt):
                yield (
                    f"the prompt {quoted(prompt)}: {match[0]!r} is a time, which prompts do not "
                    "know: it is listened for at all times; give the rule a schedule, e.g. "
                    'schedule: "22:00-06:00"'
                )
