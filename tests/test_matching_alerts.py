"""The life of an alert."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pytest

from elsa_rt.audio.ambisonics import direction_from_angles
from elsa_rt.config import Config
from elsa_rt.encoder.sound import Sound
from elsa_rt.hearing import Alert
from elsa_rt.matching.alerts import AlertGate
from elsa_rt.matching.scores import Match

STEP_S = 0.1
CONFIG = Config(alert_start=0.6, alert_end=0.3, alert_confirm_s=0.2, alert_release_s=0.3)


def feed(
    gate: AlertGate,
    scores: Sequence[Sequence[float]],
    azimuths: Sequence[float] | None = None,
    activities: Sequence[float] | None = None,
) -> list[Alert]:
    """Every alert for scores (steps, p), heard from one slot."""
    alerts: list[Alert] = []
    for index, row in enumerate(scores):
        direction = direction_from_angles(azimuths[index] if azimuths else 0.0, 0.0)
        sound = Sound(
            np.zeros((1, 512), np.float32),
            direction[None].astype(np.float32),
            np.array([activities[index] if activities else 1.0], np.float32),
            np.array([1.5], np.float32),
        )
        score = np.array(row, np.float32)
        match = Match(score, score, np.zeros(len(row), np.intp))
        alerts += gate.step((index + 1) * STEP_S, match, sound)
    return alerts


def test_starts_and_ends_by_hysteresis() -> None:
    gate = AlertGate(["dog"], CONFIG, STEP_S)
    line = [0.1, 0.7, 0.8, 0.4, 0.5, 0.9, 0.2, 0.2, 0.35, 0.2, 0.2, 0.2, 0.2]
    start, end = feed(gate, [[score] for score in line])
    assert (start.state, end.state) == ("start", "end")
    assert start.time_s == pytest.approx(0.3)
    assert start.score == pytest.approx(0.8)
    assert end.time_s == pytest.approx(1.2)
    assert end.score == pytest.approx(0.9)
    assert start.id == end.id == "dog-000001"
    assert not gate.any_open


def test_a_short_peak_is_no_alert() -> None:
    gate = AlertGate(["dog"], CONFIG, STEP_S)
    assert feed(gate, [[score] for score in (0.9, 0.1, 0.1, 0.9, 0.5, 0.1, 0.9, 0.1)]) == []


def test_knocks_are_confirmed_across_their_gaps() -> None:
    config = Config(alert_start=0.6, alert_end=0.3, alert_confirm_s=0.3)
    gate = AlertGate(["knock"], config, STEP_S)
    (start,) = feed(gate, [[score] for score in (0.1, 0.9, 0.2, 0.8, 0.1, 0.1, 0.9)])
    assert start.time_s == pytest.approx(0.7)
    gate = AlertGate(["knock"], config, STEP_S)
    too_far_apart = (0.9, 0.2, 0.2, 0.2, 0.8, 0.1, 0.1, 0.1, 0.9)
    assert feed(gate, [[score] for score in too_far_apart]) == []


def test_no_confirmation_starts_at_once() -> None:
    config = Config(alert_confirm_s=0.0, alert_release_s=0.0)
    start, end = feed(AlertGate(["dog"], config, STEP_S), [[0.9], [0.1]])
    assert [start.time_s, end.time_s] == pytest.approx([0.1, 0.2])


def test_confirmation_rounds_up_to_steps() -> None:
    config = Config(alert_confirm_s=0.21)
    (start,) = feed(AlertGate(["dog"], config, STEP_S), [[0.9]] * 4)
    assert start.time_s == pytest.approx(0.3)


def test_prompts_are_independent() -> None:
    gate = AlertGate(["dog", "cat"], CONFIG, STEP_S)
    scores = [[0.9, 0.0], [0.9, 0.9], [0.0, 0.9], [0.0, 0.9], [0.0, 0.9]]
    assert [(a.state, a.prompt) for a in feed(gate, scores)] == [
        ("start", "dog"), ("start", "cat"), ("end", "dog"),
    ]  # fmt: skip


def test_ids_are_unique_and_plain() -> None:
    prompts = ["Glass breaking!", "犬", "a/b\\c", "x" * 400, "dog - "]
    gate = AlertGate(prompts, Config(alert_confirm_s=0.0, alert_release_s=0.0), STEP_S)
    on, off = [0.9] * 5, [0.0] * 5
    alerts = feed(gate, [on, off] * 3)
    gate.reset()
    alerts += feed(gate, [on, off])
    starts = [a.id for a in alerts if a.state == "start"]
    assert len(starts) == len(set(starts)) == 20
    assert starts[:3] == ["glass-breaking-000001", "prompt-000002", "a-b-c-000003"]
    assert all(re.fullmatch("[A-Za-z0-9_-]{1,64}", name) for name in starts)
    assert sorted(starts) == sorted(a.id for a in alerts if a.state == "end")


def test_the_start_says_where_the_confirming_steps_were() -> None:
    gate = AlertGate(["dog"], CONFIG, STEP_S)
    (start,) = feed(gate, [[0.1], [0.9], [0.9]], [0, 80, 100])
    assert start.azimuth_deg == pytest.approx(90, abs=1e-3)
    assert start.words == "left"


def test_active_steps_weigh_more() -> None:
    gate = AlertGate(["dog"], CONFIG, STEP_S)
    (start,) = feed(gate, [[0.9], [0.9]], [0, 90], [0.25, 1.0])
    assert start.azimuth_deg == pytest.approx(np.degrees(np.arctan2(1, 0.25)), abs=1e-3)


def test_the_mean_goes_round_the_back() -> None:
    (start,) = feed(AlertGate(["dog"], CONFIG, STEP_S), [[0.9], [0.9]], [170, -170])
    assert abs(start.azimuth_deg) == pytest.approx(180, abs=1e-3)
    assert start.words == "behind"


def test_the_end_says_the_mean_of_the_whole_alert() -> None:
    gate = AlertGate(["dog"], CONFIG, STEP_S)
    scores = [[0.9], [0.9], [0.9], [0.9], [0.0], [0.0], [0.0]]
    start, end = feed(gate, scores, [0, 0, 90, 90, -90, -90, -90])
    assert start.azimuth_deg == pytest.approx(0, abs=1e-3)
    assert end.azimuth_deg == pytest.approx(45, abs=1e-3)
    assert end.words == "front, left"


def test_nothing_of_one_alert_is_left_in_the_next() -> None:
    gate = AlertGate(["dog"], CONFIG, STEP_S)
    scores = [[0.95]] * 2 + [[0.0]] * 3 + [[0.7]] * 2 + [[0.0]] * 3
    *_, start, end = feed(gate, scores, [90] * 5 + [-90] * 5)
    assert start.azimuth_deg == end.azimuth_deg == pytest.approx(-90, abs=1e-3)
    assert end.score == pytest.approx(0.7)


def test_finish_ends_what_is_open() -> None:
    gate = AlertGate(["dog", "cat"], CONFIG, STEP_S)
    feed(gate, [[0.9, 0.9], [0.9, 0.1]])
    assert gate.any_open
    (end,) = gate.finish(1.5)
    assert (end.state, end.prompt, end.time_s) == ("end", "dog", 1.5)
    assert gate.finish(1.6) == ()


def test_reset_forgets() -> None:
    gate = AlertGate(["dog"], CONFIG, STEP_S)
    feed(gate, [[0.9], [0.9]])
    gate.reset()
    assert not gate.any_open
    assert feed(gate, [[0.9]]) == []
