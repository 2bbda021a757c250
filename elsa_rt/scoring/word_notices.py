"""Notices about the words of prompts: misspelt, foreign and unknown ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.encoder.text import token_numbers
from elsa_rt.prompts.bank import PromptBank
from elsa_rt.prompts.checks import quoted
from elsa_rt.prompts.spelling import Lexicon, Strange
from elsa_rt.scoring.statistics import Statistics

NEAREST = 3
"""Known sounds that are named beside a word that is not known."""


def word_notices(bank: PromptBank, bundle: ModelBundle, statistics: Statistics) -> tuple[str, ...]:
    """A notice for each sentence of ``bank`` with a word that the text encoder does not know."""
    return tuple(
        f"the prompt {quoted(prompt)}: {said}"
        for index in range(len(bank.rules))
        for prompt, said in _of_rule(bank, index, bundle, statistics)
    )


def rule_word_notices(
    bank: PromptBank, index: int, bundle: ModelBundle, statistics: Statistics
) -> tuple[str, ...]:
    """The same of one rule, without its sentence."""
    return tuple(said for _, said in _of_rule(bank, index, bundle, statistics))


def _of_rule(
    bank: PromptBank, index: int, bundle: ModelBundle, statistics: Statistics
) -> list[tuple[str, str]]:
    if not bank.doubtful:
        return []
    lexicon = bundle.memo.get(
        "lexicon", lambda: Lexicon(token_numbers(bundle), statistics.names.labels)
    )
    rule, found = bank.rules[index], []
    for text in (*rule.prompts, *rule.but_not):
        if text not in bank.doubtful:
            continue
        if lexicon.is_foreign(text):
            said = (
                "it does not look English, and the text encoder knows English alone: say it in "
                "English, its scores mean little"
            )
        elif strange := lexicon.strange(text):
            said = "; ".join(map(_said, strange))
        else:
            continue
        found.append((text, f"{said}{_nearest(bank, index, statistics)}"))
    return found


def _said(one: Strange) -> str:
    if one.meant is not None:
        return f"the text encoder has no word {one.word!r}: did you mean {one.meant!r}?"
    return f"the text encoder has no word for {one.word!r}: is it English, and spelt right?"


def _nearest(bank: PromptBank, index: int, statistics: Statistics) -> str:
    """The known sounds that the rule resembles most."""
    names = statistics.names
    if not names.labels:
        return ""
    sounds = bank.meaning.named[bank.meaning.of(index)]
    likeness = (names.phrases @ sounds.T).max(axis=1)
    best: Sequence[int] = np.argsort(-likeness)[:NEAREST].tolist()
    return f" (nearest known sounds: {', '.join(names.labels[label] for label in best)})"
