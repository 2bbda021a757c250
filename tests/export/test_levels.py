"""Sounds turned down: what is judged of them."""

from __future__ import annotations

import numpy as np
import pytest

from export.evaluate.levels import Heard, judge, line, turned_down
from export.scenes.trials import About, Staged, Trial, Wet

FRONT, LEFT = np.array([1.0, 0, 0]), np.array([0, 1.0, 0])
ABOUT = About(0, 1, 20.0, FRONT, 1.0, 0.3, 20.0)


def trial(embedding: list[list[float]], activity: list[float], active: list[bool]) -> Trial:
    steps = len(activity)
    direction = np.stack([FRONT, *[LEFT] * (steps - 1)])
    return Trial(
        ABOUT, 0.08, np.array(embedding, np.float32), direction, direction, np.ones(steps),
        np.array(activity), np.array(active),
    )  # fmt: skip


def test_a_sound_counts_by_its_active_steps() -> None:
    prompts = np.eye(8, dtype=np.float32)
    said = [prompts[1].tolist(), prompts[0].tolist(), prompts[0].tolist()]
    heard = judge(trial(said, [0.9, 0.4, 1.0], [True, True, False]), prompts)
    assert heard[:3] == (True, True, 0.5)
    assert heard.off_deg == pytest.approx(45.0)
    assert not judge(trial(said, [0.1, 0.4, 1.0], [True, True, False]), prompts).first


def test_noise_and_sound_are_turned_down_alike() -> None:
    foa = np.random.default_rng(0).normal(size=(4, 100)).astype(np.float32)
    staged = Staged(ABOUT, foa, Wet(foa, foa[0]), 0.1)
    found = turned_down(staged, 40)
    np.testing.assert_allclose(found.foa, foa / 100, rtol=1e-6)
    assert found.wet is staged.wet  # what is loud in it stays so


def test_a_line() -> None:
    said = [Heard(True, True, 1.0, 2.0), Heard(False, True, 0.5, 4.0)]
    assert line(said) == "0.50 | 1.00 | 0.75 | 3.0°"
