"""The life of an alert."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from elsa_rt.alerting.gate import AlertGate
from elsa_rt.audio.ambisonics import direction_from_angles
from elsa_rt.config import Config
from elsa_rt.encoder.output import EncoderOutput
from elsa_rt.errors import UsageError
from elsa_rt.hearing import Alert
from elsa_rt.rules.rule import Rule, rules_of
from elsa_rt.scoring.confirmation import confirmed_threshold
from elsa_rt.scoring.false_alarm_rate import FalseAlarmCurves
from elsa_rt.scoring.scorer import Match
from elsa_rt.scoring.thresholds import thresholds
from elsa_rt.tracking.tracker import Tracker

STEP_S = 0.1
CONFIG = Config(alert_start=0.6, alert_end=0.3, alert_confirm_s=0.2, alert_release_s=0.3)


def gate_of(rules: Sequence[str | Rule], config: Config = CONFIG) -> AlertGate:
    """A gate for rules, or for plain prompts."""
    found = [rule if isinstance(rule, Rule) else rules_of([rule])[0] for rule in rules]
    return AlertGate(
        found, config, STEP_S, *thresholds(found, config, FalseAlarmCurves.unknown(len(found)))
    )


def feed(
    gate: AlertGate,
    scores: Sequence[Sequence[float]],
    azimuths: Sequence[float] | None = None,
    activities: Sequence[float] | None = None,
    tracker: Tracker | None = None,
) -> list[Alert]:
    """Every alert for scores (steps, p), heard from one slot."""
    alerts: list[Alert] = []
    tracker = tracker or Tracker(STEP_S, 2.0)
    for index, row in enumerate(scores):
        direction = direction_from_angles(azimuths[index] if azimuths else 0.0, 0.0)
        sound = EncoderOutput(
            np.zeros((1, 512), np.float32),
            direction[None].astype(np.float32),
            np.array([activities[index] if activities else 1.0], np.float32),
            np.array([1.5], np.float32),
        )
        score = np.array(row, np.float32)
        match = Match(score, score, np.zeros(len(row), np.intp), 10 * (1 - score))
        time_s = (index + 1) * STEP_S
        tracks = tracker.step(time_s, sound, 0.3, 0.1).slots
        alerts += gate.step(time_s, match, sound, tracks)
    return alerts


def line(*scores: float) -> list[list[float]]:
    """Scores of one rule."""
    return [[score] for score in scores]


def told(alerts: Sequence[Alert]) -> list[tuple[str, float]]:
    return [(alert.state, round(alert.time_s, 3)) for alert in alerts]


def test_starts_and_ends_by_hysteresis() -> None:
    gate = gate_of(["dog"], CONFIG)
    line = [0.1, 0.7, 0.8, 0.4, 0.5, 0.9, 0.2, 0.2, 0.35, 0.2, 0.2, 0.2, 0.2]
    start, end = feed(gate, [[score] for score in line])
    assert (start.state, end.state) == ("start", "end")
    assert start.time_s == pytest.approx(0.3)
    assert start.score == pytest.approx(0.8)
    assert end.time_s == pytest.approx(1.2)
    assert end.score == pytest.approx(0.9)
    assert start.false_alarms_per_hour == pytest.approx(2.0)
    assert end.false_alarms_per_hour == pytest.approx(1.0)
    assert start.id == end.id == "dog-000001"
    assert not gate.any_open


def test_a_hardly_active_sound_leaves_the_alert_where_it_was() -> None:
    scores, activities = line(*[0.9] * 6), [1.0] * 3 + [0.1] * 3
    _, *updates = feed(gate_of(["dog"], CONFIG.changed(alert_update_s=0.1)), scores,
                       [20.0] * 3 + [120.0] * 3, activities)  # fmt: skip
    assert len(updates) == 4
    for update in updates:
        assert update.track == "track-000001"
        assert update.azimuth_deg == pytest.approx(20, abs=1)


def test_a_short_peak_is_no_alert() -> None:
    gate = gate_of(["dog"], CONFIG)
    assert feed(gate, [[score] for score in (0.9, 0.1, 0.1, 0.9, 0.5, 0.1, 0.9, 0.1)]) == []


def test_knocks_are_confirmed_across_their_gaps() -> None:
    config = Config(alert_start=0.6, alert_end=0.3, alert_confirm_s=0.3)
    gate = gate_of(["knock"], config)
    (start,) = feed(gate, [[score] for score in (0.1, 0.9, 0.2, 0.8, 0.1, 0.1, 0.9)])
    assert start.time_s == pytest.approx(0.7)
    gate = gate_of(["knock"], config)
    too_far_apart = (0.9, 0.2, 0.2, 0.2, 0.8, 0.1, 0.1, 0.1, 0.9)
    assert feed(gate, [[score] for score in too_far_apart]) == []


def test_no_confirmation_starts_at_once() -> None:
    config = Config(alert_confirm_s=0.0, alert_release_s=0.0)
    start, end = feed(gate_of(["dog"], config), [[0.9], [0.1]])
    assert [start.time_s, end.time_s] == pytest.approx([0.1, 0.2])


def test_two_steps_start_an_alert_where_no_time_is_asked_for() -> None:
    usual = Config(alert_start=0.6)
    assert feed(gate_of(["shot"], usual), line(0.1, 0.999_999, 0.1, 0.1)) == []
    (start,) = feed(gate_of(["shot"], usual), line(0.1, 0.7, 0.7, 0.7))
    assert start.time_s == pytest.approx(0.3)


def test_confirmation_rounds_up_to_steps() -> None:
    config = Config(alert_confirm_s=0.21)
    (start,) = feed(gate_of(["dog"], config), [[0.9]] * 4)
    assert start.time_s == pytest.approx(0.3)


def test_prompts_are_independent() -> None:
    gate = gate_of(["dog", "cat"], CONFIG)
    scores = [[0.9, 0.0], [0.9, 0.9], [0.0, 0.9], [0.0, 0.9], [0.0, 0.9]]
    assert [(a.state, a.prompt) for a in feed(gate, scores)] == [
        ("start", "dog"), ("start", "cat"), ("end", "dog"),
    ]  # fmt: skip


def test_ids_are_unique_and_plain() -> None:
    prompts = ["Glass breaking!", "犬", "a/b\\c", "x" * 400, "dog - "]
    gate = gate_of(prompts, Config(alert_confirm_s=0.0, alert_release_s=0.0))
    on, off = [0.9] * 5, [0.0] * 5
    alerts = feed(gate, [on, off] * 3)
    gate.reset()
    alerts += feed(gate, [on, off])
    starts = [a.id for a in alerts if a.state == "start"]
    assert len(starts) == len(set(starts)) == 20
    assert starts[:3] == ["glass-breaking-000001", "prompt-000002", "a-b-c-000003"]
    assert all(re.fullmatch("[A-Za-z0-9_-]{1,64}", name) for name in starts)
    assert sorted(starts) == sorted(a.id for a in alerts if a.state == "end")


def test_finish_ends_what_is_open() -> None:
    gate = gate_of(["dog", "cat"], CONFIG)
    feed(gate, [[0.9, 0.9], [0.9, 0.1]])
    assert gate.any_open
    (end,) = gate.finish(1.5)
    assert (end.state, end.prompt, end.time_s) == ("end", "dog", 1.5)
    assert gate.finish(1.6) == ()


def test_reset_forgets() -> None:
    gate = gate_of(["dog"], CONFIG)
    feed(gate, [[0.9], [0.9]])
    gate.reset()
    assert not gate.any_open
    assert feed(gate, [[0.9]]) == []


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("confirm_s", [0.0, 0.2, 0.5])
def test_the_first_start_is_where_the_confirmed_level_reaches_the_threshold(
    seed: int, confirm_s: float
) -> None:
    scores = np.random.default_rng(seed).random((120, 9)).astype(np.float32)
    level = confirmed_threshold(scores, max(1, round(confirm_s / STEP_S)))
    rules = [
        Rule(f"r{i}", ("a dog",), alert_start=start, alert_end=start)
        for i, start in enumerate(np.linspace(0.2, 0.95, 9).tolist())
    ]
    alerts = feed(gate_of(rules, CONFIG.changed(alert_confirm_s=confirm_s)), scores.tolist())
    for index, rule in enumerate(rules):
        assert rule.alert_start is not None
        expected = np.flatnonzero(level[:, index] >= rule.alert_start)[:1] + 1
        first = [a.time_s for a in alerts if (a.rule, a.state) == (rule.id, "start")][:1]
        assert first == pytest.approx(expected * STEP_S)


@pytest.mark.parametrize("seed", range(5))
def test_each_alert_has_one_start_then_updates_then_one_end(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count, steps = 7, 500
    scores = np.clip(np.cumsum(rng.normal(0, 0.2, (steps, count)), 0) % 2 - 0.5, 0, 1)
    config = CONFIG.changed(alert_update_s=0.5, alert_cooldown_s=0.4)
    gate = gate_of([f"sound {n}" for n in range(count)], config)
    alerts = [*feed(gate, scores.tolist(), rng.uniform(-180, 180, steps).tolist())]
    alerts += gate.finish(steps * STEP_S)
    lives: dict[str, list[Alert]] = {}
    for alert in alerts:
        lives.setdefault(alert.id, []).append(alert)
    assert len(lives) > 20
    ended: dict[str, float] = {}
    for life in lives.values():
        start, *updates, end = life
        assert (start.state, end.state) == ("start", "end")
        assert {u.state for u in updates} <= {"update"}
        assert len({(a.rule, a.event, a.onset_s, a.latency_s) for a in life}) == 1
        assert start.time_s > ended.get(start.rule, -1) + 0.4
        ended[start.rule] = end.time_s
        times = [a.time_s for a in life[:-1]]
        assert all(b - a >= 0.2 - 1e-6 for a, b in pairwise(times))
        peaks = [a.peak for a in life]
        assert peaks == sorted(peaks)
        assert end.score == end.peak
        assert all(a.mean <= a.peak for a in life)
        assert end.duration_s is not None
        assert 0 < end.duration_s <= end.time_s - end.onset_s + 1e-9
    assert not gate.any_open


def test_an_alert_is_where_its_track_is() -> None:
    tracker = Tracker(STEP_S, 2.0)
    azimuths = [170.0, 174.0, 178.0, -178.0, -174.0, -170.0, 0.0, 0.0, 0.0]
    gate = gate_of(["dog"], CONFIG)
    start, end = feed(gate, line(*[0.9] * 6, 0, 0, 0), azimuths, tracker=tracker)
    assert start.track == end.track == "track-000001"
    assert start.azimuth_deg == pytest.approx(172, abs=3)
    assert start.words == end.words == "behind"
    assert end.azimuth_deg == pytest.approx(-171, abs=3)  # where it was last heard, not 0
    assert end.speed_deg_s == pytest.approx(40, abs=15)
    assert 3 < end.uncertainty_deg < 10
    assert end.distance_m == pytest.approx(1.5)


def test_another_sound_does_not_keep_an_alert_open_so_easily() -> None:
    weak, strong = [0.9, 0.9, *[0.4] * 6], [0.9, 0.9, *[0.4] * 3, *[0.7] * 3]
    moved = [0.0] * 2 + [120.0] * 6
    assert told(feed(gate_of(["dog"]), line(*weak))) == [("start", 0.2)]
    assert told(feed(gate_of(["dog"]), line(*weak), moved)) == [("start", 0.2), ("end", 0.5)]
    start, end, *_ = feed(gate_of(["dog"], CONFIG.changed(alert_release_s=0.5)),
                          line(*strong, 0, 0, 0, 0, 0), moved + [0.0] * 5)  # fmt: skip
    assert (start.track, end.track) == ("track-000001", "track-000002")


@pytest.mark.parametrize(("steps", "track"), [(1, "track-000001"), (2, "track-000002")])
def test_an_alert_passes_to_another_track_when_it_is_confirmed_there(
    steps: int, track: str
) -> None:
    """The first steps of the next sound still remember the last one."""
    scores = line(*[0.9] * (3 + steps), *[0.0] * 5)
    *_, end = feed(gate_of(["dog"]), scores, [0.0] * 3 + [120.0] * (steps + 5))
    assert end.track == track
    assert end.azimuth_deg == pytest.approx(0 if steps == 1 else 120, abs=1)


def test_a_sound_without_a_track_is_where_it_seems_to_be() -> None:
    rule = Rule("hum", ("a hum",), alert_start=0.1)
    (start,) = feed(gate_of([rule]), line(0.15, 0.15), [90, 90], [0.2, 0.2])
    assert start.track is None
    assert start.azimuth_deg == pytest.approx(90)
    assert math.isnan(start.uncertainty_deg)


def test_nothing_of_one_alert_is_left_in_the_next() -> None:
    scores = line(*[0.95] * 2, *[0.0] * 3, *[0.7] * 2, *[0.0] * 3)
    *_, start, end = feed(gate_of(["dog"]), scores, [90] * 5 + [-90] * 5)
    assert start.azimuth_deg == end.azimuth_deg == pytest.approx(-90, abs=1e-3)
    assert (end.score, end.peak, end.mean) == pytest.approx((0.7, 0.7, 0.7))
    assert start.event != "event-000001"


def test_what_an_alert_tells_of_its_scores() -> None:
    start, end = feed(gate_of(["dog"]), line(0.7, 0.9, 0.1, 0.5, 0.1, 0.1, 0.1))
    assert (start.score, start.peak, start.mean) == pytest.approx((0.9, 0.9, 0.8))
    assert (end.score, end.peak, end.mean) == pytest.approx((0.9, 0.9, 0.7))
    assert (start.prompt, start.rule) == ("dog", "dog")
    assert start.duration_s is None
    assert end.duration_s == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("activities", "onset_s"),
    [
        ([0.0, 0.9, 0.9, 0.9, 0.9, 0.9], 0.1),  # the sound was there before its words fitted
        ([0.9, 0.1, 0.1, 0.9, 0.9, 0.9], 0.3),
        ([0.0, 0.0, 0.1, 0.4, 0.4, 0.9], 0.4),  # never quite active: the first step that held
    ],
)
def test_latency_is_from_the_onset_of_the_sound(activities: list[float], onset_s: float) -> None:
    gate = gate_of(["dog"])
    gate.delay_s = 0.03
    (start,) = feed(gate, line(0, 0, 0, 0, 0.9, 0.9), None, activities)
    assert start.onset_s == pytest.approx(onset_s)
    assert start.latency_s == pytest.approx(0.6 + 0.03 - onset_s)


def test_a_sound_that_went_on_before_is_not_the_onset() -> None:
    (start,) = feed(gate_of(["dog"]), line(*[0.0] * 20, 0.9, 0.9))
    assert start.onset_s == pytest.approx(2.0)
    assert start.latency_s == pytest.approx(0.2)


def test_rules_wait_each_their_own_time() -> None:
    rules = [
        Rule("quick", ("x",), confirm_s=0.0, release_s=0.1),
        Rule("slow", ("y",), confirm_s=0.4, release_s=0.5, alert_start=0.8),
        Rule("usual", ("z",)),
    ]
    steps = [0.9] * 4 + [0.0] * 6
    alerts = feed(gate_of(rules), [[score] * 3 for score in steps])
    assert [(a.rule, *life) for a, life in zip(alerts, told(alerts), strict=True)] == [
        ("quick", "start", 0.1), ("usual", "start", 0.2), ("slow", "start", 0.4),
        ("quick", "end", 0.5), ("usual", "end", 0.7), ("slow", "end", 0.9),
    ]  # fmt: skip


def test_after_an_end_a_rule_cools_down() -> None:
    rule = Rule("dog", ("dog",), cooldown_s=1.0)
    once = [0.9, 0.9, 0.9, 0.0, 0.0, 0.0]  # ends at 0.6 s
    again = [0.9] * 10 + [0.0] * 3  # from 0.7 s to 1.6 s: all of it cools down
    later = [0.9] * 3
    gate = gate_of([rule])
    alerts = feed(gate, line(*once, *again, *later))
    assert told(alerts) == [("start", 0.2), ("end", 0.6), ("start", 2.1)]
    steady = feed(gate_of([rule]), line(*once, *[0.9] * 20))
    assert told(steady) == [("start", 0.2), ("end", 0.6), ("start", 1.8)]
    assert steady[-1].latency_s == pytest.approx(0.2)  # confirmed anew, not in the cooldown


def test_updates_come_at_a_limited_rate() -> None:
    gate = gate_of(["dog"], CONFIG.changed(alert_update_s=1.0))
    alerts = feed(gate, line(*[0.9] * 35, 0, 0, 0))
    assert told(alerts) == [
        ("start", 0.2), ("update", 1.2), ("update", 2.2), ("update", 3.2), ("end", 3.8),
    ]  # fmt: skip
    assert alerts[1].score == pytest.approx(0.9)


def test_a_direction_that_moves_is_told_earlier() -> None:
    gate = gate_of(["dog"], CONFIG.changed(alert_update_s=10.0))
    azimuths = [0.0] * 5 + [9.0 * step for step in range(20)]  # 90 degrees a second
    alerts = feed(gate, line(*[0.9] * 25), azimuths)
    states, times = zip(*told(alerts), strict=True)
    assert states[1:] == ("update",) * (len(states) - 1)
    assert 6 <= len(states) <= 11
    assert min(np.diff(times)) >= 0.2 - 1e-6
    moves = np.diff([a.azimuth_deg for a in alerts])
    assert (moves > 10).all()


def test_without_being_asked_there_are_no_updates() -> None:
    azimuths = [9.0 * step for step in range(30)]
    assert told(feed(gate_of(["dog"]), line(*[0.9] * 30), azimuths)) == [("start", 0.2)]


def test_an_unheard_alert_has_no_updates() -> None:
    gate = gate_of(["dog"], CONFIG.changed(alert_update_s=0.2, alert_release_s=1.0))
    alerts = feed(gate, line(0.9, 0.9, *[0.0] * 12))
    assert told(alerts) == [("start", 0.2), ("end", 1.2)]


def test_rules_that_hear_one_sound_share_its_event() -> None:
    gate = gate_of(["dog", "bark", "cat"])
    first = [[0.9, 0.0, 0.0]] * 3 + [[0.9, 0.9, 0.0]] * 3  # two rules, one place
    second = [[0.9, 0.9, 0.9]] * 4  # a third one elsewhere, heard by all
    dog, bark, cat = feed(gate, first + second, [0.0] * 6 + [120.0] * 4)
    assert (dog.event, dog.track, bark.event, bark.track) == (
        "event-000001", "track-000001", "event-000001", "track-000001"
    )  # fmt: skip
    assert (cat.event, cat.track) == ("event-000002", "track-000002")
    gate.reset()
    (again, *_) = feed(gate, first)
    assert again.event not in (dog.event, cat.event)


@pytest.mark.slow
def test_ten_minutes_leave_nothing_behind() -> None:
    gate, tracker = gate_of(["dog", "cat"]), Tracker(STEP_S, 0.5)
    rng = np.random.default_rng(0)
    ids: list[str] = []
    for _ in range(60):
        scores = (rng.random((100, 2)) < 0.5).astype(float)
        azimuths = rng.uniform(-180, 180, 100)
        ids += [a.id for a in feed(gate, scores.tolist(), azimuths.tolist(), None, tracker)
                if a.state == "start"]  # fmt: skip
        tracker.reset()  # `feed` begins its time anew
        gate.reset()
        assert size(gate) <= 2 * 40
        assert size(tracker) <= 40
    assert len(set(ids)) == len(ids) > 100


def size(thing: Any) -> int:
    """How many objects and array elements ``thing`` holds."""
    if isinstance(thing, np.ndarray):
        return thing.size
    if isinstance(thing, dict):
        return sum(map(size, thing.values()))
    if isinstance(thing, (list, tuple, set)):
        return sum(map(size, thing))
    return sum(map(size, vars(thing).values())) if hasattr(thing, "__dict__") else 1


def test_prompts_become_rules_with_ids_of_their_own() -> None:
    rules = rules_of(["A dog!", "a dog", "a-dog-2", "a  dog", "犬", "猫"])
    assert [rule.id for rule in rules] == [
        "a-dog", "a-dog-2", "a-dog-2-2", "a-dog-3", "prompt", "prompt-2",
    ]  # fmt: skip
    assert [rule.label for rule in rules[:2]] == ["A dog!", "a dog"]


@pytest.mark.parametrize("name", ["alert_cooldown_s", "alert_update_s", "track_release_s"])
def test_times_that_make_no_sense(name: str) -> None:
    setting: Any = {name: -1.0}
    with pytest.raises(UsageError, match=f"--{name.replace('_', '-')} -1"):
        Config().changed(**setting)
