"""Rules changed in the text of a file: what was meant, and not a comment less."""

from __future__ import annotations

from pathlib import Path

import pytest

from elsa_rt.errors import UsageError
from elsa_rt.rules_file.edit import changed_rule, with_rule, without_rule

PATH = Path("home.yaml")

HOME = """\
# my home
alerts: {confirm_s: 0.2}   # for all
rules:
  # --- kitchen ---
  # beeps
  - id: smoke            # upstairs
    prompts: [a smoke alarm, "beeps: three"]
    but_not:
      - a telephone
      # not the oven
      - an oven

  # Behind the house.
  - prompt: glass breaking   # the big one
    region: {azimuth_deg: [125, -125]}
    false_alarms_per_hour: 0.5

  - {id: dog, prompt: a dog barking}

# outputs:
#   - type: jsonl
"""


def lines_of(text: str) -> set[str]:
    return {line for line in text.splitlines() if line.lstrip().startswith("#")}


def test_a_value_is_replaced_where_it_stands() -> None:
    edited = changed_rule(PATH, HOME, 1, {"false_alarms_per_hour": 0.1})
    assert edited == HOME.replace("hour: 0.5", "hour: 0.1")


def test_a_new_key_goes_to_the_end_of_its_rule() -> None:
    edited = changed_rule(PATH, HOME, 1, {"confirm_s": 0.4})
    assert edited == HOME.replace("hour: 0.5\n", "hour: 0.5\n    confirm_s: 0.4\n")
    edited = changed_rule(PATH, HOME, 0, {"false_alarms_per_hour": 2.0})
    assert edited == HOME.replace("- an oven\n", "- an oven\n    false_alarms_per_hour: 2\n")
    edited = changed_rule(PATH, HOME, 2, {"region": {"azimuth_deg": [30.0, 90.0]}})
    assert edited == HOME.replace(
        "prompt: a dog barking}", "prompt: a dog barking, region: {azimuth_deg: [30, 90]}}"
    )


def test_a_key_is_taken_out() -> None:
    assert changed_rule(PATH, HOME, 1, {"region": None}) == HOME.replace(
        "    region: {azimuth_deg: [125, -125]}\n", ""
    )
    assert changed_rule(PATH, HOME, 2, {"id": None}) == HOME.replace("id: dog, ", "")
    assert changed_rule(PATH, HOME, 2, {"confirm_s": None}) == HOME


def test_a_rule_is_added_after_the_last_one() -> None:
    edited = with_rule(PATH, HOME, {"id": "cat", "prompt": "a cat: meowing", "region": None})
    assert edited == HOME.replace(
        "dog barking}\n", 'dog barking}\n  - id: cat\n    prompt: "a cat: meowing"\n'
    )
    assert with_rule(PATH, "rules: []  # none\n", {"id": "cat", "prompt": "a cat"}) == (
        "rules:\n  - id: cat\n    prompt: a cat  # none\n"
    )
    assert with_rule(PATH, "rules: [{prompt: a dog}]\n", {"prompt": "a cat"}) == (
        "rules: [{prompt: a dog}, {prompt: a cat}]\n"
    )
    assert with_rule(PATH, "rules:\n- prompt: a dog", {"prompt": "a cat"}) == (
        "rules:\n- prompt: a dog\n- prompt: a cat"
    )


def test_a_removed_rule_leaves_every_comment() -> None:
    for index in range(3):
        edited = without_rule(PATH, HOME, index)
        assert lines_of(edited) == lines_of(HOME)
    assert "glass" not in without_rule(PATH, HOME, 1)
    assert without_rule(PATH, HOME, 1) == HOME.replace(
        "  - prompt: glass breaking   # the big one\n"
        "    region: {azimuth_deg: [125, -125]}\n    false_alarms_per_hour: 0.5\n", ""
    )  # fmt: skip


@pytest.mark.parametrize("value", ["yes", "it's", "22:00", 'say "no"', "ends ", "- x", "über", "1"])
def test_any_text_comes_back_as_it_was(value: str) -> None:
    edited = changed_rule(PATH, HOME, 2, {"prompt": value})
    assert lines_of(edited) == lines_of(HOME)  # changed_rule itself compares the values


@pytest.mark.parametrize(
    ("text", "index"),
    [("rules: 3\n", 0), ("a: 1\n", 0), ("rules:\n  - x\n", 0), ("rules:\n  - prompt: x\n", 5)],
)
def test_what_cannot_be_changed_safely_is_refused(text: str, index: int) -> None:
    with pytest.raises(UsageError, match="edit it with an editor"):
        changed_rule(PATH, text, index, {"confirm_s": 1.0})


def test_anchors_are_refused_rather_than_broken() -> None:
    text = "rules:\n  - &one {prompt: a dog}\n  - *one\n"
    with pytest.raises(UsageError, match="safely"):
        changed_rule(PATH, text, 0, {"confirm_s": 1.0})
    with pytest.raises(UsageError, match="last rule"):
        without_rule(PATH, "rules:\n  - prompt: a dog\n", 0)


def test_lines_keep_the_ends_that_the_file_has() -> None:
    windows = HOME.replace("\n", "\r\n")
    for edited in (
        changed_rule(PATH, windows, 1, {"confirm_s": 0.4}),
        with_rule(PATH, windows, {"id": "bell", "prompt": "a bell"}),
        without_rule(PATH, windows, 1),
    ):
        assert edited.count("\n") == edited.count("\r\n")
