"""What a rule refuses, and how rules are called after their prompts."""

from __future__ import annotations

from typing import Any

import pytest

from elsa_rt.errors import UsageError
from elsa_rt.rules.rule import MAX_SLUG, Rule, rules_of


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("alert_start", 0),
        ("alert_start", 1.1),
        ("alert_end", 0.0),
        ("alert_end", float("nan")),
        ("false_alarms_per_hour", 0),
        ("false_alarms_per_hour", float("inf")),
        ("confirm_s", -0.1),
        ("release_s", float("nan")),
        ("cooldown_s", float("inf")),
    ],
)
def test_a_value_out_of_range_is_refused(name: str, value: float) -> None:
    given: dict[str, Any] = {name: value}
    with pytest.raises(UsageError, match=f"the rule 'dog' has {name}"):
        Rule("dog", ("a dog",), **given)


def test_times_may_be_nothing() -> None:
    assert Rule("dog", confirm_s=0, release_s=0, cooldown_s=0).confirm_s == 0


def test_prompts_that_look_alike_get_ids_of_their_own() -> None:
    rules = rules_of(["a dog!", "A dog?", "...", "x" * 200])
    assert [rule.id for rule in rules] == ["a-dog", "a-dog-2", "prompt", "x" * MAX_SLUG]
