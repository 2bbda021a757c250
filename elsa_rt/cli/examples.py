"""Recordings on the command line that make or sharpen prompts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from elsa_rt.errors import UsageError

if TYPE_CHECKING:
    from elsa_rt.rules.rule import Rule


def rules_with(prompts: Sequence[str], examples: Sequence[str]) -> tuple[str | Rule, ...]:
    """Prompts, those with examples as rules.

    An example ``TEXT=FILE`` belongs to that prompt. A plain ``FILE`` belongs to the only prompt;
    where there are none it makes one, called like the file.
    """
    from elsa_rt.rules.rule import rules_of

    if not examples:
        return tuple(prompts)
    sentences = dict.fromkeys(prompts)
    recordings: dict[str, list[str]] = {}
    for text in examples:
        name, equals, path = text.rpartition("=")
        if equals:
            name = name.strip()
            sentences.setdefault(name)
        elif len(prompts) > 1:
            raise UsageError(
                f"--example {text}: which of the {len(prompts)} prompts is it? --example TEXT=FILE"
            )
        else:
            name = prompts[0] if prompts else Path(path).stem
        recordings.setdefault(name, []).append(path)
    names = [*sentences, *(name for name in recordings if name not in sentences)]
    return tuple(
        replace(
            rule,
            prompts=rule.prompts if rule.label in sentences else (),
            examples=tuple(recordings.get(rule.label, ())),
        )
        for rule in rules_of(names)
    )
