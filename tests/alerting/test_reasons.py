"""Why a rule did not alert, what became of each rule, and limits for people."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from elsa_rt.alerting.gate import AlertGate
from elsa_rt.alerting.reasons import RELEASE_S, NearMisses
from elsa_rt.alerting.tally import DAY_S, RuleTally, poisson_tail
from elsa_rt.config import Config
from elsa_rt.encoder.output import EncoderOutput
from elsa_rt.errors import UsageError
from elsa_rt.hearing import Alert, NearMiss, Reason, Track
from elsa_rt.rules.rate_limit import RateLimit
from elsa_rt.rules.rule import Rule
from elsa_rt.scoring.false_alarm_rate import FalseAlarmCurves
from elsa_rt.scoring.scorer import Match

STEP_S = 0.08


@pytest.mark.parametrize(
    ("text", "count", "seconds", "said"),
    [
        ("3 per hour", 3, 3600, "3 per hour"),
        ("1 per 10 minutes", 1, 600, "1 per 10 minutes"),
        ("20 a day", 20, 86_400, "20 per day"),
        ("2/h", 2, 3600, "2 per hour"),
        (" 5  in 90 s", 5, 90, "5 per 90 seconds"),
        ("Once an hour", 1, 3600, "1 per hour"),
        ("at most three per day", 3, 86_400, "3 per day"),
        ("5x per h", 5, 3600, "5 per hour"),
    ],
)
def test_limits_are_read(text: str, count: int, seconds: float, said: str) -> None:
    limit = RateLimit.parse(text)
    assert (limit.count, limit.seconds, str(limit)) == (count, seconds, said)
    assert RateLimit.parse(said) == limit


@pytest.mark.parametrize("text", ["", "often", "0 per hour", "3", "-1 per day", "3 per 0 hours"])
def test_limits_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="at_most .*3 per hour"):
        RateLimit.parse(text)
    with pytest.raises(UsageError, match="at_most"):
        Config(alert_at_most=text or "x")


def match_of(*scores: float) -> Match:
    values = np.array(scores, np.float32)
    return Match(values, values, np.zeros(len(scores), np.intp), values)


SOUND = EncoderOutput(
    np.ones((1, 4), np.float32), np.array([[1, 0, 0]], np.float32), np.ones(1, np.float32),
    np.ones(1, np.float32),
)  # fmt: skip
TRACK = Track("update", "track-1", 0, 0, 0, 1, 0, 1, 0, 0, "front")


def played(
    gate: AlertGate,
    scores: Sequence[tuple[float, ...]],
    first: int = 0,
    track: Track | None = TRACK,
) -> list[Alert]:
    """The alerts of steps with ``scores`` of every rule."""
    told: list[Alert] = []
    for index, step in enumerate(scores, first):
        told += gate.step(STEP_S * (index + 1), match_of(*step), SOUND, [track])
    return told


def gate_of(config: Config, *rules: Rule) -> AlertGate:
    half = np.full(len(rules), 0.5)
    return AlertGate(rules, config, STEP_S, half, half)


ONCE = [(0.9,)] * 5 + [(0.0,)] * 20
"""An alert and its end, 25 steps: two seconds."""


def test_at_most_so_many_alerts_start_in_any_window() -> None:
    rule = Rule("dog", ("a dog",), at_most=RateLimit(2, 60.0))
    gate = gate_of(Config(), rule)
    starts = [alert.time_s for alert in played(gate, ONCE * 60) if alert.state == "start"]
    assert len(starts) == 4  # two in each minute of the two
    assert all(after - before > 60.0 for before, after in zip(starts, starts[2:], strict=False))
    assert starts[1] - starts[0] == pytest.approx(2.0)  # and at once while the limit allows


def test_the_limit_for_all_rules_gives_way_to_that_of_a_rule() -> None:
    config = Config(alert_at_most="1 per day")
    rules = Rule("dog", ("a dog",)), Rule("cat", ("a cat",), at_most=RateLimit(3, 3600))
    told = played(gate_of(config, *rules), [(s, s) for (s,) in ONCE] * 5)
    starts = [alert.rule for alert in told if alert.state == "start"]
    assert [starts.count(id) for id in ("dog", "cat")] == [1, 3]


def reason(rule: str = "dog", score: float = 0.4, text: str = "") -> Reason:
    return Reason(rule, "a dog", "score", score, 0.5, text, 0.0, 0.0, "front")


def test_an_occasion_is_one_near_miss_with_the_reason_of_its_peak() -> None:
    misses = NearMisses()
    for index, score in enumerate((0.3, 0.45, 0.4)):
        assert misses.step(STEP_S * index, [reason(score=score, text=f"{score}")], []) == ()
    assert misses.step(0.5, [], []) == ()
    (miss,) = misses.step(0.2 + RELEASE_S, [], [])
    assert (miss.start_s, miss.last_s, miss.steps, miss.reason.text) == (0, 0.16, 3, "0.45")
    assert misses.step(5.0, [], []) == ()
    assert miss.as_dict()["type"] == "near_miss"


def test_what_became_an_alert_was_no_near_miss() -> None:
    misses = NearMisses()
    misses.step(0.0, [reason(), reason("cat")], [])
    misses.step(0.1, [], ["dog"])
    assert [miss.reason.rule for miss in misses.finish(0.2)] == ["cat"]


def tally_of(*rules: Rule, config: Config | None = None) -> RuleTally:
    curves = FalseAlarmCurves.unknown(len(rules))
    return RuleTally(rules, config or Config(), curves, np.full(len(rules), 0.5))


def start(rule: str, score: float = 0.8) -> Alert:
    return Alert("start", "x-1", "a dog", 0.0, score, 0, 0, "front", rule=rule)


def test_rules_are_counted_over_streams() -> None:
    rules = Rule("dog", ("a dog",)), Rule("cat", ("a cat",), false_alarms_per_hour=0.1)
    tally = tally_of(*rules)
    tally.step(1800.0, [start("dog")], [NearMiss(0, 0, 0, 1, reason("cat"))])
    tally.reset()
    tally.step(1800.0, [start("dog")], [])
    dog, cat = tally.statistics
    assert (dog.hours, dog.alerts, dog.near_misses, dog.counted_per_hour) == (1.0, 2, 0, 2.0)
    assert (cat.alerts, cat.near_misses, cat.asked_per_hour) == (0, 1, 0.1)
    assert math.isnan(dog.expected_per_hour)
    assert dog.as_dict()["expected_per_hour"] is None


def test_changed_rules_start_anew_and_others_go_on() -> None:
    before = tally_of(Rule("dog", ("a dog",)), Rule("cat", ("a cat",)))
    before.step(3600.0, [start("dog"), start("cat")], [])
    after = tally_of(Rule("dog", ("a dog",)), Rule("cat", ("a big cat",)))
    after.inherit(before)
    after.step(7200.0, [], [])
    assert [(one.alerts, one.hours) for one in after.statistics] == [(1, 2.0), (0, 1.0)]


def test_a_rule_that_alerts_far_too_often_is_told_once_a_day() -> None:
    tally = tally_of(Rule("dog", ("a dog",)), config=Config(false_alarms_per_hour=1.0))
    notices: list[str] = []
    for minute in range(1, 48 * 60, 5):
        notices += tally.step(60.0 * minute, [start("dog", 0.5 + minute / 1e4)], [])
    assert len(notices) == 2
    assert "the rule 'dog' alerted 13 times in 61 minutes" in notices[0]
    assert "elsa-rt feedback last false" in notices[0]
    assert "alert_start: 0.5" in notices[0]
    (dog,) = tally.statistics
    assert f"alert_start: {dog.proposed_start:.3f}" in notices[-1]
    assert dog.text.startswith("dog: in 47.9 hours 576 alerts and 0 near misses; 12 alerts an hour")
    tally.step(3 * DAY_S, [], [])
    assert math.isnan(tally.statistics[0].proposed_start)


def test_alerts_every_minute_are_too_many() -> None:
    tally = tally_of(Rule("dog", ("a dog",)))
    notices = [n for m in range(100) for n in tally.step(60.0 * m, [start("dog")], [])]
    assert len(notices) == 1
    assert "alerted 48 times in 47 minutes" in notices[0]


def test_a_rule_that_alerts_as_asked_is_not_told() -> None:
    tally = tally_of(Rule("dog", ("a dog",)), config=Config(false_alarms_per_hour=1.0))
    for minute in range(0, 3 * 24 * 60, 30):  # twice as often as asked
        assert tally.step(60.0 * minute, [start("dog")], []) == []
    assert DAY_S == 24 * 3600


def test_poisson() -> None:
    assert poisson_tail(0, 2.0) == 1.0
    assert poisson_tail(1, 2.0) == pytest.approx(1 - math.exp(-2))
    assert poisson_tail(3, 0.0) == 0.0
