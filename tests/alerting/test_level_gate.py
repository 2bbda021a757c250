"""Rules that ask how loud it is."""

from __future__ import annotations

import numpy as np
import pytest

from elsa_rt.alerting.gate import AlertGate
from elsa_rt.alerting.level_gate import HYSTERESIS_DB, LevelGate
from elsa_rt.audio.ambisonics import direction_from_angles
from elsa_rt.config import Config
from elsa_rt.encoder.output import EncoderOutput
from elsa_rt.hearing import Alert
from elsa_rt.rules.region import Region
from elsa_rt.rules.rule import Rule
from elsa_rt.scoring.scorer import Match
from elsa_rt.tracking.tracker import Tracker

BEHIND = Region(azimuth_deg=(145.0, -145.0))
LOUD = Rule("loud", level_dbfs=-20.0)
LOUD_BEHIND = Rule("loud-behind", level_dbfs=-20.0, region=BEHIND)
LOUD_DOG = Rule("loud-dog", ("a dog",), level_dbfs=-20.0)
DOG = Rule("dog", ("a dog",))
STEP_S = 0.1


def sound(*azimuths: float, activities: tuple[float, ...] = (1.0,)) -> EncoderOutput:
    return EncoderOutput(
        np.zeros((len(azimuths), 4), np.float32),
        np.array([direction_from_angles(a, 0) for a in azimuths], np.float32),
        np.array(activities, np.float32),
        np.full(len(azimuths), 2.0, np.float32),
    )


def match(*scores: float) -> Match:
    row = np.array(scores, np.float32)
    return Match(row, row, np.zeros(row.size, np.intp), row)


def test_levels_leave_other_rules_alone() -> None:
    given = match(0.7, 0.2)
    assert LevelGate([DOG, Rule("cat", ("a cat",))]).step(given, sound(0), -90) is given
    scored = LevelGate([DOG, LOUD]).step(match(0.7, np.nan), sound(0), -90)
    assert scored.score.tolist() == pytest.approx([0.7, 0.0])


def test_loud_enough_with_hysteresis() -> None:
    gate = LevelGate([LOUD])
    levels = [-30, -20.1, -20, -22.9, -23.1, -21, -10]
    scores = [gate.step(match(np.nan), sound(0), level).score[0] for level in levels]
    assert scores == [0, 0, 1, 1, 0, 0, 1]
    assert HYSTERESIS_DB == 3
    gate.reset()
    assert gate.step(match(np.nan), sound(0), -22).score[0] == 0


@pytest.mark.parametrize(("azimuth", "score"), [(180, 1), (-150, 1), (140, 0.5), (90, 0), (0, 0)])
def test_any_loud_noise_from_behind(azimuth: float, score: float) -> None:
    found = LevelGate([LOUD_BEHIND]).step(match(np.nan), sound(azimuth), -10)
    assert found.score[0] == pytest.approx(score, abs=1e-3)


def test_words_and_level_must_both_hold() -> None:
    gate = LevelGate([LOUD_DOG])
    assert gate.step(match(0.9), sound(0), -30).score[0] == 0
    assert gate.step(match(0.9), sound(0), -10).score[0] == pytest.approx(0.9)
    assert gate.step(match(0.1), sound(0), -10).score[0] == pytest.approx(0.1)


def test_the_loudest_slot_is_meant() -> None:
    found = LevelGate([DOG, LOUD_BEHIND]).step(
        match(0.4, np.nan), sound(0, 180, activities=(0.3, 0.8)), -10
    )
    assert found.slot.tolist() == [0, 1]
    assert found.score.tolist() == pytest.approx([0.4, 1.0])


def test_a_bang_is_an_alert_at_once() -> None:
    rules = [LOUD, LOUD_BEHIND, LOUD_DOG]
    config = Config(alert_confirm_s=0.3, alert_release_s=0.2)
    gate = AlertGate(rules, config, STEP_S, np.full(3, 0.5), np.full(3, 0.35))
    levels, tracker = LevelGate(rules), Tracker(STEP_S, 1.0)
    alerts: list[Alert] = []
    for index, level in enumerate([-60, -60, -12, -60, -60, -60]):
        heard = sound(-170, activities=(0.2,))  # too short to be taken for a sound
        time_s = (index + 1) * STEP_S
        found = levels.step(match(np.nan, np.nan, 0.9), heard, level)
        alerts += gate.step(time_s, found, heard, tracker.step(time_s, heard, 0.5, 0.1).slots)
    assert [(a.state, a.rule, a.prompt) for a in alerts] == [
        ("start", "loud", "loud"), ("start", "loud-behind", "loud-behind"),
        ("end", "loud", "loud"), ("end", "loud-behind", "loud-behind"),
    ]  # fmt: skip
    start, end = alerts[0], alerts[2]
    assert start.time_s == pytest.approx(0.3)
    assert start.latency_s == end.duration_s == pytest.approx(STEP_S)
    assert start.words == "behind"
    assert start.track is None
