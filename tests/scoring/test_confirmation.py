"""The confirmation of scores, live and for whole streams."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from elsa_rt.scoring.confirmation import (
    Confirmation,
    confirmed_threshold,
    steps_in,
)


def live(holds: NDArray[np.bool_], confirm: int) -> NDArray[np.bool_]:
    """Which steps (steps, p) a `Confirmation` confirms."""
    gate = Confirmation(np.full(holds.shape[1], confirm))
    return np.array([gate.step(row) for row in holds])


def obvious(holds: list[bool], confirm: int) -> list[bool]:
    """The definition, word by word."""
    found = []
    for now in range(len(holds)):
        hits = gap = 0
        for step in reversed(holds[: now + 1]):
            gap = 0 if step else gap + 1
            if gap >= confirm:
                break
            hits += step
        found.append(holds[now] and hits >= confirm)
    return found


@pytest.mark.parametrize("confirm", [1, 2, 3, 5, 9])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_the_live_form_is_the_definition(confirm: int, share: float) -> None:
    holds = np.random.default_rng(confirm).random((300, 7)) < share
    confirmed = live(holds, confirm)
    for line, found in zip(holds.T, confirmed.T, strict=True):
        assert found.tolist() == obvious(line.tolist(), confirm)


@pytest.mark.parametrize("confirm", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("coarse", [False, True])
def test_the_level_says_which_thresholds_would_have_confirmed(confirm: int, coarse: bool) -> None:
    scores = np.random.default_rng(confirm).random((400, 5)).astype(np.float32)
    if coarse:
        scores = np.round(scores, 1)  # ties
    level = confirmed_threshold(scores, confirm)
    assert level.dtype == np.float32
    for threshold in np.unique(scores)[::7]:
        np.testing.assert_array_equal(live(scores >= threshold, confirm), level >= threshold)


def test_a_line_of_scores_is_a_column_of_them() -> None:
    scores = np.random.default_rng(1).random((50, 2))
    level = confirmed_threshold(scores, 3)
    np.testing.assert_array_equal(confirmed_threshold(scores[:, 1], 3), level[:, 1])
    assert (level[:2] == -np.inf).all()
    assert np.isfinite(level[2:]).all()


def test_one_step_is_its_own_level_and_none_is_none() -> None:
    scores = np.array([0.2, 0.9, 0.4])
    level = confirmed_threshold(scores, 1)
    np.testing.assert_array_equal(level, scores)
    assert level is not scores
    assert confirmed_threshold(np.empty((0, 4)), 3).shape == (0, 4)


def test_rules_have_times_of_their_own() -> None:
    gate = Confirmation(np.array([1, 2, 3]))
    both = [gate.step(np.array([True, True, True])).tolist() for _ in range(3)]
    assert both == [[True, False, False], [True, True, False], [True, True, True]]
    gate.restart(np.array([False, True, False]))
    assert gate.running.tolist() == [True, False, True]
    assert gate.step(np.array([True, True, True])).tolist() == [True, False, True]
    gate.reset()
    assert gate.step(np.array([True, True, True])).tolist() == [True, False, False]


def test_seconds_become_steps() -> None:
    assert [steps_in(s, 0.1) for s in (0.0, 0.1, 0.11, 0.2, 0.30000000001)] == [1, 1, 2, 2, 3]
