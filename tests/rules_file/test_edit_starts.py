"""Thresholds written into a rules file: nothing else in it changes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from elsa_rt.errors import UsageError
from elsa_rt.rules_file.edit import with_starts
from elsa_rt.rules_file.reader import read_rules

TEXT = """\
# the head
rules:
  # a dog
  - id: dog   # its name
    prompt: a dog barking   # what it says

    # how sure
    alert_start: 0.5        # was 0.4
    alert_end: 0.4          # lower
  - prompts:
      - a cat
      - a kitten
    false_alarms_per_hour: 2   # enough
  - {id: cow, prompt: "a cow: mooing"}   # in one line
  - prompts: [a pig, "an: other"]
  - prompts:
      - a hen
    but_not: a rooster
# the foot"""


def changed(starts: dict[int, float], text: str = TEXT) -> set[str]:
    """The lines that went, with a minus, and those that came, with a plus."""
    before = Counter(text.splitlines())
    after = Counter(with_starts(Path("rules.yaml"), text, starts).splitlines())
    return {f"-{line}" for line in before - after} | {f"+{line}" for line in after - before}


def test_a_value_that_is_there_is_replaced() -> None:
    assert changed({0: 0.625}) == {
        "-    alert_start: 0.5        # was 0.4",
        "+    alert_start: 0.625        # was 0.4",
    }


def test_an_end_above_the_start_comes_down() -> None:
    assert changed({0: 0.3}) >= {
        "-    alert_end: 0.4          # lower",
        "+    alert_end: 0.3          # lower",
    }


def test_a_rate_gives_way() -> None:
    assert changed({1: 0.7}) == {
        "-    false_alarms_per_hour: 2   # enough",
        "+    alert_start: 0.7   # enough",
    }


def test_a_new_key_is_put_in() -> None:
    assert changed({2: 0.7, 3: 0.8, 4: 0.9}) == {
        '-  - {id: cow, prompt: "a cow: mooing"}   # in one line',
        '+  - {id: cow, prompt: "a cow: mooing", alert_start: 0.7}   # in one line',
        "+    alert_start: 0.8",
        "+    alert_start: 0.9",
    }


def test_the_result_is_read_as_it_is_meant(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    text = TEXT.replace("\n", "\r\n")
    for _ in range(2):  # a second time nothing but the values is there to change
        text = with_starts(path, text, {index: 0.123456 + index / 10 for index in range(5)})
        path.write_text(text, encoding="utf-8", newline="")
    rules = read_rules(path).rules
    assert [rule.alert_start for rule in rules] == [0.123456 + index / 10 for index in range(5)]
    assert rules[0].alert_end == 0.123456
    assert rules[1].false_alarms_per_hour is None
    assert [rule.id for rule in rules] == ["dog", "a-cat", "cow", "a-pig", "a-hen"]


def test_what_cannot_be_changed_safely_is_refused() -> None:
    shared = "rules:\n- &a {prompt: a dog, alert_start: 0.5}\n- *a\n"
    with pytest.raises(UsageError, match="cannot be changed safely"):
        with_starts(Path("rules.yaml"), shared, {0: 0.7})
