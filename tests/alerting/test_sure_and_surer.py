"""Alerts of several rules on one sound: the surest leads, and none is ever hidden."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pytest

from elsa_rt.alerting.gate import AlertGate
from elsa_rt.config import Config
from elsa_rt.encoder.output import EncoderOutput
from elsa_rt.hearing import Alert, EachRule, Track
from elsa_rt.rules.rate_limit import RateLimit
from elsa_rt.rules.rule import Rule
from elsa_rt.scoring.confirmation import RuleMapping
from elsa_rt.scoring.scorer import Match

STEP_S = 0.1
APART = Config(alert_confirm_s=0.1, alert_release_s=0.3)
GROUPED = APART.changed(alert_group=True)
RULES = Rule("dog", ("a dog",)), Rule("wolf", ("a wolf",)), Rule("bell", ("a bell",))
SOUND = EncoderOutput(
    np.ones((1, 4), np.float32), np.array([[1, 0, 0]], np.float32), np.ones(1, np.float32),
    np.ones(1, np.float32),
)  # fmt: skip


class Told(NamedTuple):
    """What a person is told in one message."""

    time_s: float
    state: str
    rule: str
    surer: str | None
    joined: tuple[tuple[str, str, float], ...]


def track(number: int) -> Track:
    return Track("update", f"track-{number}", 0, 0, 0, 1, 0, 1, 0, 0, "front")


def gate_of(config: Config, rules: Sequence[Rule] = RULES) -> AlertGate:
    half = np.full(len(rules), 0.5)
    return AlertGate(rules, config, STEP_S, half, half)


def step(
    gate: AlertGate,
    time_s: float,
    scores: Sequence[float],
    on: int = 1,
    similarity: Sequence[float] | None = None,
) -> list[Alert]:
    values = np.array(scores, np.float32)
    match = Match(
        values if similarity is None else np.array(similarity),
        values,
        np.zeros(len(scores), np.intp),
        values,
    )
    return list(gate.step(time_s, match, SOUND, [track(on) if on else None]))


def played(
    gate: AlertGate, scores: Sequence[Sequence[float]], on: Sequence[int] | None = None
) -> list[Told]:
    """What is told of steps with ``scores`` of every rule, of one sound or of those of ``on``."""
    told: list[Told] = []
    for index, row in enumerate(scores):
        for one in step(gate, STEP_S * (index + 1), row, 1 if on is None else on[index]):
            joined = tuple((a.state, a.rule, round(a.peak, 2)) for a in one.joined)
            surer = None if one.surer is None else one.surer.rpartition("-")[0]
            told.append(Told(round(one.time_s, 1), one.state, one.rule, surer, joined))
    return told


def test_of_one_sound_the_surest_alert_leads_and_the_others_say_so() -> None:
    told = played(gate_of(APART), [(0.6, 0.7, 0)] * 3 + [(0, 0, 0)] * 4)
    assert told == [
        (0.1, "start", "wolf", None, ()),
        (0.1, "start", "dog", "wolf", ()),
        (0.6, "end", "dog", "wolf", ()),
        (0.6, "end", "wolf", None, ()),
    ]


@pytest.mark.parametrize(
    ("similarity", "usual", "leads"),
    [
        ((0.5, 0.4, 0), (0, 0, 0), "dog"),  # rarer, and less alike
        ((0.5, 0.4, 0), (0.3, 0, 0), "wolf"),  # as alike as background is
        ((0.4, 0.4, 0), (0, 0, 0), "wolf"),  # scores tell where likeness does not
    ],
)
def test_what_the_sound_is_more_like_is_the_surest_not_what_is_rarer(
    similarity: Sequence[float], usual: Sequence[float], leads: str
) -> None:
    half = np.full(3, 0.5)
    gate = AlertGate(RULES, GROUPED, STEP_S, half, half, np.array(usual))
    (alert,) = step(gate, STEP_S, (0.6, 0.9, 0), similarity=similarity)
    assert alert.rule == leads
    assert [one.rule for one in alert.joined] == [{"dog": "wolf", "wolf": "dog"}[leads]]


def test_an_alert_tells_once_when_another_becomes_surer() -> None:
    told = played(gate_of(APART), [(0.6, 0, 0)] * 3 + [(0.6, 0.7, 0)] * 3 + [(0.6, 0.7, 0.8)] * 2)
    assert told == [
        (0.1, "start", "dog", None, ()),
        (0.4, "update", "dog", "wolf", ()),
        (0.4, "start", "wolf", None, ()),
        (0.7, "update", "wolf", "bell", ()),
        (0.7, "start", "bell", None, ()),
    ]


def test_the_less_sure_join_where_alerts_are_grouped() -> None:
    told = played(gate_of(GROUPED), [(0.6, 0.7, 0)] * 3 + [(0, 0, 0)] * 4)
    assert told == [
        (0.1, "start", "wolf", None, (("start", "dog", 0.6),)),
        (0.6, "end", "wolf", None, (("end", "dog", 0.6),)),
    ]


def test_what_joins_later_is_told_at_once() -> None:
    told = played(gate_of(GROUPED), [(0.7, 0, 0)] * 3 + [(0.7, 0.6, 0)] * 2 + [(0, 0, 0)] * 4)
    assert told == [
        (0.1, "start", "dog", None, ()),
        (0.4, "update", "dog", None, (("start", "wolf", 0.6),)),
        (0.8, "end", "dog", None, (("end", "wolf", 0.6),)),
    ]


def test_what_becomes_surer_is_told_by_itself() -> None:
    told = played(gate_of(GROUPED), [(0.7, 0.6, 0)] * 2 + [(0.7, 0.8, 0.6)] * 2 + [(0, 0, 0)] * 4)
    assert told == [
        (0.1, "start", "dog", None, (("start", "wolf", 0.6),)),
        (0.3, "update", "dog", "wolf", ()),
        (0.3, "start", "wolf", None, (("start", "bell", 0.6),)),
        (0.7, "end", "dog", "wolf", ()),
        (0.7, "end", "wolf", None, (("end", "bell", 0.6),)),
    ]


def test_what_is_heard_on_when_the_surest_is_over_is_told_by_itself() -> None:
    told = played(gate_of(GROUPED), [(0.7, 0.6, 0)] * 2 + [(0, 0.6, 0)] * 4)
    assert told == [
        (0.1, "start", "dog", None, (("start", "wolf", 0.6),)),
        (0.5, "end", "dog", None, (("end", "wolf", 0.6),)),
        (0.5, "start", "wolf", None, ()),
    ]


def test_what_goes_on_at_another_place_is_told_by_itself() -> None:
    steps = [(0.7, 0.6, 0)] * 2 + [(0, 0.6, 0)] * 2
    told = played(gate_of(GROUPED), steps, [1, 1, 2, 2])
    assert told[-1] == (0.3, "start", "wolf", None, ())


@pytest.mark.parametrize("on", [[1, 2], [0, 0]])
def test_alerts_of_two_sounds_and_of_guesses_are_not_grouped(on: list[int]) -> None:
    told = played(gate_of(GROUPED), [(0.9, 0, 0), (0, 0.6, 0)], on)
    assert [(one.rule, one.surer, one.joined) for one in told] == [
        ("dog", None, ()), ("wolf", None, ()),
    ]  # fmt: skip


def test_an_end_of_the_stream_ends_what_joined() -> None:
    gate = gate_of(GROUPED)
    step(gate, 0.1, (0.7, 0.6, 0))
    (end,) = gate.finish(0.2)
    assert [(one.state, one.rule) for one in (end, *end.joined)] == [
        ("end", "dog"), ("end", "wolf"),
    ]  # fmt: skip
    assert [(one.alert.rule, one.leader) for one in gate.joined] == [("wolf", end.id)]


def test_what_joined_an_alert_whose_rule_is_taken_away_is_told_by_itself() -> None:
    before, after = gate_of(GROUPED), gate_of(GROUPED, RULES[1:])
    step(before, 0.1, (0.7, 0.6, 0))
    after.inherit(before, RuleMapping([0, 1], [1, 2]))
    assert [(a.state, a.rule) for a in before.finish(0.1)] == [("end", "dog")]
    assert [(a.state, a.rule) for a in step(after, 0.2, (0.6, 0))] == [("start", "wolf")]


def test_what_only_joined_begins_no_cooldown_and_counts_for_no_limit() -> None:
    wolf = Rule("wolf", ("a wolf",), at_most=RateLimit(1, 3600.0), cooldown_s=60.0)
    gate = gate_of(GROUPED, (RULES[0], wolf))
    silence = [(0.0, 0.0)] * 4
    told = played(gate, [(0.7, 0.6), *silence, (0, 0.6), *silence, (0, 0.6)])
    assert [(one.time_s, one.rule) for one in told if one.state == "start"] == [
        (0.1, "dog"), (0.6, "wolf"),
    ]  # fmt: skip


def test_json_names_what_joined_and_what_is_surer() -> None:
    (alone,) = step(gate_of(GROUPED), 0.1, (0.7, 0, 0))
    assert not {"joined", "surer"} & alone.as_dict().keys()
    (leader,) = step(gate_of(GROUPED), 0.1, (0.7, 0.6, 0))
    assert leader.as_dict()["joined"] == [
        {"state": "start", "id": "wolf-000002", "rule": "wolf", "prompt": "a wolf", "score": 0.6}
    ]
    assert leader.also == "a wolf 0.60"
    _, less = step(gate_of(APART), 0.1, (0.7, 0.6, 0))
    assert less.as_dict()["surer"] == "dog-000001"


def test_each_rule_of_a_group_starts_and_ends_once() -> None:
    each, gate = EachRule(), gate_of(GROUPED)
    seen: list[tuple[str, str, float]] = []
    for index, row in enumerate([(0.7, 0.6, 0)] * 2 + [(0.7, 0.8, 0)] * 2 + [(0, 0, 0)] * 4):
        for told in step(gate, STEP_S * (index + 1), row):
            seen += [(one.state, one.rule, round(one.time_s, 1)) for one in each(told)]
    assert [one for one in seen if one[0] != "update"] == [
        ("start", "dog", 0.1), ("start", "wolf", 0.1), ("end", "dog", 0.7), ("end", "wolf", 0.7),
    ]  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
def test_no_alert_is_ever_hidden_behind_a_lesser_one(seed: int) -> None:
    """Rules and sounds at random: what is heard is told, by itself or with one that is surer."""
    rng = np.random.default_rng(seed)
    gate, each, ever_joined = gate_of(GROUPED), EachRule(), False
    alive: dict[str, str] = {}  # id of the open alert of each rule, also where it joined another
    told: set[str] = set()  # rules whose alerts are told by themselves
    peak, levels = dict[str, float](), np.zeros(3)
    for number in range(400):
        drawn = rng.uniform(0, 1, 3) * (rng.random(3) < 0.7)
        levels = np.where(rng.random(3) < 0.15, drawn, levels)
        for one in step(gate, STEP_S * (number + 1), levels.tolist(), 1 + number // 25 % 2):
            ever_joined |= bool(one.joined)
            (told.discard if one.state == "end" else told.add)(one.rule)
            for mine in each(one):
                if mine.state == "end":
                    assert alive.pop(mine.rule) == mine.id
                else:
                    assert (mine.state == "start") == (mine.rule not in alive)
                    alive[mine.rule] = mine.id
        for rule, level, holds, is_open in zip(
            RULES, levels.astype(np.float32), gate.holds, gate.is_open, strict=True
        ):
            peak[rule.id] = max(peak.get(rule.id, 0.0), float(level)) if is_open else 0.0
            if holds and is_open:
                assert rule.id in alive
        for rule, holds, is_open in zip(RULES, gate.holds, gate.is_open, strict=True):
            if holds and is_open and rule.id not in told:
                assert max(peak[one] for one in told) >= peak[rule.id]
    assert {one.rule for end in gate.finish(99.0) for one in each(end)} == alive.keys()
    assert ever_joined
