"""Where alerts start and end: the rule's own settings first, a score before a rate."""

from __future__ import annotations

import math

import numpy as np
import pytest

from elsa_rt.config import Config
from elsa_rt.errors import UsageError
from elsa_rt.rules.rule import Rule
from elsa_rt.scoring.false_alarm_rate import FalseAlarmCurves, fit_curve
from elsa_rt.scoring.logits import sigmoid
from elsa_rt.scoring.thresholds import WITHOUT_RATE, thresholds


def known(count: int) -> FalseAlarmCurves:
    peaks = np.random.default_rng(0).normal(-1, 1.5, 400).astype(np.float32)
    fitted = [fit_curve(peaks, np.full(400, 0.25, np.float32))] * count
    return FalseAlarmCurves(*map(np.stack, zip(*fitted, strict=True)))


def test_rates_become_scores() -> None:
    rules = [Rule("a", ("a",)), Rule("b", ("b",), false_alarms_per_hour=0.1)]
    curves = known(2)
    start, end = thresholds(rules, Config(false_alarms_per_hour=10.0), curves)
    assert start == pytest.approx([1 / (1 + math.sqrt(10.0)), 1 / (1 + math.sqrt(0.1))])
    assert curves.score(curves.level_of(np.array([10.0, 0.1]))) == pytest.approx(start)
    assert (end < start).all()


def test_one_false_alarm_an_hour_is_a_score_of_a_half_for_every_rule() -> None:
    rules = [Rule(name, (name,)) for name in "abc"]
    start, _ = thresholds(rules, Config(false_alarms_per_hour=1.0), known(3))
    assert start.tolist() == [0.5] * 3


def test_what_a_rule_leaves_open_follows_the_config() -> None:
    rules = [
        Rule("a", ("a",)),
        Rule("b", ("b",), alert_start=0.5),
        Rule("c", ("c",), alert_start=0.8, alert_end=0.7),
        Rule("d", ("d",), alert_end=0.2),
        Rule("e", ("e",), false_alarms_per_hour=1.0),
    ]
    start, end = thresholds(rules, Config(alert_start=0.6, alert_end=0.3), known(5))
    assert start[:4].tolist() == pytest.approx([0.6, 0.5, 0.8, 0.6])
    assert end[:4].tolist() == pytest.approx([0.3, 0.119, 0.7, 0.2], abs=1e-3)
    assert start[4] != pytest.approx(0.6)
    assert end[4] <= start[4]


def test_without_a_rate_as_likely_as_not() -> None:
    start, end = thresholds([Rule("loud", level_dbfs=-20)], Config(), FalseAlarmCurves.unknown(1))
    assert start.tolist() == [WITHOUT_RATE]
    assert end[0] == pytest.approx(0.119, abs=1e-3)
    assert [len(each) for each in thresholds([], Config(), FalseAlarmCurves.unknown(0))] == [0, 0]


def test_scores_stay_below_one() -> None:
    assert sigmoid(np.array([1e3]))[0] < 1
    assert np.float32(sigmoid(np.array([1e3]))[0]) < 1


@pytest.mark.parametrize("rate", [0.0, -1.0, 1e-9, float("inf"), 1e6])
def test_rates_that_make_no_sense(rate: float) -> None:
    with pytest.raises(UsageError, match="--false-alarms-per-hour"):
        Config(false_alarms_per_hour=rate)
