"""The hints by which a prompt without a place is told at once: every phrase has one."""

from __future__ import annotations

import re
from itertools import product
from typing import Any

import pytest

from elsa_rt.prompts.place_forms import FORMS, Form
from elsa_rt.prompts.place_grammar import HINTS, phrases_in

try:
    from re import _constants as kinds  # type: ignore[attr-defined]
    from re import _parser as parser  # type: ignore[attr-defined]
except ImportError:  # Python 3.10
    import sre_constants as kinds
    import sre_parse as parser


def shortest(tree: Any) -> list[str]:
    """Texts that a pattern takes: of each choice every part, what may be left out left out."""
    texts = [""]
    for kind, what in tree:
        texts = [one + more for one, more in product(texts, _one(kind, what))]
    return texts


def _one(kind: Any, what: Any) -> list[str]:
    if kind is kinds.LITERAL:
        return [chr(what)]
    if kind is kinds.IN:
        first, value = what[0]
        return (
            ["5"]
            if first is kinds.CATEGORY
            else [chr(value if first is kinds.LITERAL else value[0])]
        )
    if kind is kinds.BRANCH:
        return [text for part in what[1] for text in shortest(part)]
    if kind is kinds.SUBPATTERN:
        return shortest(what[3])
    if kind in (kinds.MAX_REPEAT, kinds.MIN_REPEAT):
        least, _, part = what
        return shortest(part) if least else [""]
    assert kind in (kinds.ASSERT, kinds.ASSERT_NOT, kinds.AT), kind
    return [""]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.pattern[:30])
def test_every_phrase_has_a_hint(form: Form) -> None:
    texts = shortest(parser.parse(form.pattern, re.IGNORECASE))
    assert texts
    assert [text for text in texts if not HINTS.search(text)] == []


@pytest.mark.parametrize("prompt", ["a dog barking", "someone calling", "glass breaking", "rain"])
def test_a_plain_sound_has_none(prompt: str) -> None:
    assert not HINTS.search(prompt)
    assert phrases_in(prompt) == []
