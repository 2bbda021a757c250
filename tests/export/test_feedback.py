"""A home with look-alikes: marks through the real store and gate, and the figures."""

from __future__ import annotations

from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.scoring.feedback_gate import ALIKE
from export.evaluate.alerts.feedback.figures import MARKS, feedback_markdown, summary
from export.evaluate.alerts.feedback.homes import (
    COUNTED_NIGHTS,
    LOOK_ALIKES,
    MARKED_NIGHTS,
    TRUE_ELSEWHERE,
    TRUE_THERE,
    Home,
)
from export.evaluate.alerts.feedback.reach import best_reach, table
from export.evaluate.alerts.feedback.reach import main as choose_reach
from export.evaluate.alerts.feedback.rule import HomeRule
from export.evaluate.alerts.feedback.simulation import mistaken, simulate
from export.scenes.home_hours import HomeRecording

STEPS = 12
NIGHTS = MARKED_NIGHTS + COUNTED_NIGHTS


@pytest.fixture(scope="module")
def rule(bundle: Path) -> HomeRule:
    made = HomeRule(ModelBundle.load(bundle), "dog")
    scale = made._scorer._scale
    made.start = float(0.4 * scale.slope[0] + scale.bias[0]) - 2  # reached by a cosine of 0.4
    made.end = made.start - 1.5
    return made


def recording(rule: HomeRule, kind: int, angle: float, seed: int) -> HomeRecording:
    """A sound that the rule takes for its own; those of one ``kind`` are alike."""
    rng = np.random.default_rng(seed)
    statistics = rule._statistics
    own = rule._scorer._vectors[0]
    other = statistics.basis.T @ np.random.default_rng([9, kind]).normal(size=len(statistics.basis))
    other -= own * (other @ own)
    other /= np.linalg.norm(other)
    # so alike that it reaches the threshold, and two of log odds more
    scale = rule._scorer._scale
    cosine = float((rule.start + 2 - scale.bias[0]) / scale.slope[0])
    heard = cosine * own + np.sqrt(1 - cosine**2) * other
    heard = heard + rng.normal(0, 0.001, (STEPS, own.size))
    heard /= np.linalg.norm(heard, axis=1, keepdims=True)
    radians = np.radians(angle + rng.normal(0, 2))
    direction = np.tile([np.cos(radians), np.sin(radians), 0], (STEPS, 1)).astype(np.float32)
    ones = np.ones(STEPS, np.float32)
    return HomeRecording(heard.astype(np.float16), direction, ones, ones, [])


@pytest.fixture(scope="module")
def home(rule: HomeRule) -> Home:
    """Look-alikes at 0, 100 and 200 degrees; sounds of the rule all around, and there."""
    nights = tuple(
        tuple(recording(rule, kind, 100.0 * kind, 100 * kind + night) for night in range(NIGHTS))
        for kind in range(LOOK_ALIKES)
    )
    elsewhere = tuple(recording(rule, 10 + i, 15.0 * i, 1000 + i) for i in range(TRUE_ELSEWHERE))
    there = tuple(
        recording(rule, 40 + i, 100.0 * (i % LOOK_ALIKES), 2000 + i) for i in range(TRUE_THERE)
    )
    return Home("dog", ("a", "b", "c"), nights, elsewhere, there)


def test_marks_silence_look_alikes_and_nothing_else(home: Home, rule: HomeRule) -> None:
    before, once, thrice = (simulate(home, rule, marks) for marks in MARKS)
    assert before == (COUNTED_NIGHTS * LOOK_ALIKES, TRUE_ELSEWHERE, TRUE_THERE)
    assert once.false_alarms <= 0.1 * before.false_alarms
    assert thrice.false_alarms <= once.false_alarms
    assert thrice.found >= 0.95 * before.found


def test_a_mistaken_mark_costs_little(home: Home, rule: HomeRule) -> None:
    found = mistaken(home, rule)
    assert found is not None
    assert found.found >= TRUE_ELSEWHERE - 2


def test_the_figures_are_those_of_the_counts() -> None:
    counts = {"0": (30, 20, 10), "1": (9, 20, 10), "3": (3, 18, 7)}
    names = ("false_alarms", "found", "found_there")
    row = {
        "label": "dog",
        "look_alikes": ["a", "b", "c"],
        "marks": {key: dict(zip(names, values, strict=True)) for key, values in counts.items()},
        "mistaken": {"false_alarms": 30, "found": 18, "found_there": 10},
    }
    found = summary([row, row])
    assert found["1"]["less_false_alarms"] == pytest.approx(0.7)
    assert found["3"]["more_missed"] == pytest.approx(2 / TRUE_ELSEWHERE)
    assert found["3"]["more_missed_there"] == pytest.approx(3 / TRUE_THERE)
    assert found["mistaken"] == pytest.approx(1 / (TRUE_ELSEWHERE - 1))
    text = feedback_markdown({"homes": [row, row], "summary": found})
    assert "| 3 | -90 % | -90 % | +8.3 points | +25.0 points |" in text
    assert "NOT met" in text
    assert "was not measured" in feedback_markdown({"homes": [], "summary": summary([])})


def test_the_reach_that_misses_least_is_chosen_of_those_that_meet_the_goals() -> None:
    def figures(less: float, elsewhere: float, there: float) -> dict[str, Any]:
        three = {
            "less_false_alarms": less, "more_missed": elsewhere, "more_missed_there": there,
        }  # fmt: skip
        return {"3": three, "mistaken": 0.0}

    found = {
        (0.7, 0.8): figures(0.99, 0.01, 0.06),  # misses too much
        (0.8, 0.9): figures(0.95, 0.01, 0.02),
        (0.84, 0.9): figures(0.91, 0.0, 0.01),
        (0.84, 0.94): figures(0.905, 0.0, 0.01),
        (0.9, 0.94): figures(0.85, 0.0, 0.0),  # spares too much
    }
    assert best_reach(found) == (0.84, 0.9)
    present = found | {ALIKE: figures(0.92, 0.02, 0.04)}
    row = f"| {ALIKE[0]:.2f}, {ALIKE[1]:.2f} (present) | -92.0 % | +2.0 | +4.0 | +0.0 |"
    assert row in table(present)
    assert best_reach(present) == (0.84, 0.9)
    assert best_reach({(0.9, 0.94): figures(0.85, 0.0, 0.0)}) is None


def test_a_wider_reach_silences_what_is_less_alike(home: Home, rule: HomeRule) -> None:
    wide = copy(rule)
    wide._reach = (0.0, 0.1)
    (narrow_lost, wide_lost) = (
        before.found_there - after.found_there
        for before, after in (
            (simulate(home, one, 0), simulate(home, one, 3)) for one in (rule, wide)
        )
    )
    assert narrow_lost < wide_lost


def test_reach_of_a_missing_working_directory(bundle: Path, tmp_path: Path) -> None:
    assert choose_reach([str(bundle), str(tmp_path)]) == 2
