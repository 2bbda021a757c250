"""What the page says to expect of a rule."""

from __future__ import annotations

from dataclasses import replace

import pytest

from elsa_rt.config import Config
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.rules.rule import Rule
from elsa_rt.scoring.statistics import Background, Statistics
from elsa_rt.screens.web.expectation import RATES, expect

DOG = "a dog barking"


def shots(background: Background, label: int) -> Background:
    """``background`` where each sound of a label lasts for its loudest step alone."""
    activity = background.activity.copy()
    ends = [*background.pieces[1:], len(activity)]
    for begin, end, labels in zip(background.pieces, ends, background.piece_labels, strict=True):
        if label in labels:
            loudest = begin + int(activity[begin:end].argmax())
            activity[begin:loudest] = 0
            activity[loudest + 1 : end] = 0
    return replace(background, activity=activity)


def test_sounds_of_one_step_are_missed_unless_the_rule_asks_for_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bundle = ModelBundle.load()
    statistics = Statistics.of(bundle)
    label = statistics.names.by_name["dog"]
    short = replace(statistics, background=shots(statistics.background, label))
    monkeypatch.setattr(Statistics, "of", lambda _: short)
    rules = Rule("dog", (DOG,), confirm_s=0.0), Rule("dog", (DOG,))
    hasty, usual = (expect(bundle, rule, Config()) for rule in rules)
    assert usual["missed_of"] == hasty["missed_of"] > 8
    assert usual["missed"] == [1.0] * len(RATES)
    assert hasty["missed"][0] > 0.9 > hasty["missed"][-1]  # at 0.01 and at 100 an hour
    assert hasty["missed"] == sorted(hasty["missed"], reverse=True)


def test_where_few_sounds_are_there_to_count_the_measured_share_is_told() -> None:
    expected = expect(ModelBundle.load(), Rule("glass", ("glass breaking",)), Config())
    assert expected["missed"] is None
    assert 0 <= expected["missed_at_one"] < 0.9
    unknown = expect(ModelBundle.load(), Rule("odd", ("gravel under a sledge",)), Config())
    assert unknown["missed_at_one"] is None
