"""Templates: fields of an alert in a text, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elsa_rt.errors import UsageError
from elsa_rt.outputs.templates import FIELDS, Template, worded
from tests.support.hearings import alert


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("plain", "plain"),
        ("{prompt}: {words}", "glass breaking: behind, left"),
        ("{azimuth_deg:.0f} {score:.2f} {score:%}", "150 0.90 90.000000%"),
        ("{{{rule}}}", "{glass-behind}"),
        ("a{duration_s}b", "ab"),
        ("{{ }}", "{ }"),
    ],
)
def test_it_is_filled(text: str, filled: str) -> None:
    assert Template(text).fill(alert("a1").as_dict()) == filled


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{prompts}", "did you mean prompt?"),
        ("{prompt.__class__}", "a lone {"),
        ("{prompt[0]}", "a lone {"),
        ("{", "a lone {: write {{ for it"),
        ("}", "a lone }"),
        ("{prompt:.0f}", "for numbers alone"),
        ("{score:>999999999}", "formats are"),
        ("{}", "a lone {"),
    ],
)
def test_what_is_no_template_is_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError) as refused:
        Template(text)
    assert message in str(refused.value)


@given(st.text(), st.text())
def test_no_text_of_an_alert_breaks_json(prompt: str, words: str) -> None:
    fields: dict[str, Any] = {"prompt": prompt, "words": words}
    text = Template('{{"a": "{prompt}", "b": "{words}"}}').fill(fields, in_json=True)
    assert json.loads(text) == {"a": prompt, "b": words}


@given(st.text(alphabet="{}:.abfprompt_ 0", max_size=12))
def test_any_text_is_filled_or_refused(text: str) -> None:
    try:
        template = Template(text)
    except UsageError:
        return
    template.fill(alert("a1").as_dict())


def test_the_fields_are_those_of_alerts() -> None:
    found = alert("a1", "end", duration_s=1.0, surer="b1").as_dict()
    assert set(found) <= set(FIELDS)


def test_what_joined_an_alert_is_said_in_words() -> None:
    wolf = alert("b1", prompt="a wolf", peak=0.61)
    template = Template("{prompt}{also}")
    alone, both = alert("a1"), alert("a1", joined=(wolf,))
    assert template.fill(worded(alone, alone.as_dict())) == "glass breaking"
    assert template.fill(worded(both, both.as_dict())) == "glass breaking (also a wolf 0.61)"
