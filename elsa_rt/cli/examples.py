"""Recordings on the command line that make or sharpen prompts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from elsa_rt.errors import UsageError

if TYPE_CHECKING:
    from elsa_rt.matching.rule import Rule


def rules_with(prompts: Sequence[str], examples: Sequence[str]) -> tuple[str | Rule, ...]:
    """Prompts, those with examples as rules.

    An example ``PROMPT=FILE`` belongs to that prompt. A plain ``FILE`` belongs to the only prompt;
    where there are none it makes one, called like the file.
    """
    from elsa_rt.matching.rule import rules_of

    if not examples:
        return tuple(prompts)
    named = dict.fromkeys(prompts)
    found: dict[str, list[str]] = {}
    for text in examples:
        prompt, equals, path = text.rpartition("=")
        if not equals and len(named) > 1:
            raise UsageError(
                f"--example {text}: which of the {len(named)} prompts is it? --example PROMPT=FILE"
            )
        if not equals:
            prompt = next(iter(named), "")
        found.setdefault(prompt.strip() or Path(path).stem, []).append(path)
    worded = list(named) + [prompt for prompt in found if prompt not in named]
    return tuple(
        replace(
            rule,
            prompts=rule.prompts if rule.label in named or _worded(rule, examples) else (),
            id=rule.id,
            examples=tuple(found.get(rule.label, ())),
        )
        if rule.label in found
        else rule
        for rule in rules_of(worded)
    )


def _worded(rule: Rule, examples: Sequence[str]) -> bool:
    """Whether its name was given as a sentence beside an example."""
    return any(text.startswith(f"{rule.label}=") for text in examples)
