"""The room's background: what goes on counts less, the event itself teaches nothing."""

from __future__ import annotations

import numpy as np
import pytest

from elsa_rt.scoring.adaptation import (
    LIKELY,
    MEMORY_S,
    SHARE,
    BackgroundAdaptation,
    adapt_segments,
    excess,
)

MIDDLE, STEP_S = -3.0, 0.1
LEVELS = np.array([-1.0, -3.0, -5.0, 2.0], np.float32)


def after(seconds: float, level: np.ndarray = LEVELS, activity: float = 1.0) -> np.ndarray:
    room = BackgroundAdaptation(len(level), MIDDLE, STEP_S)
    for _ in range(round(seconds / STEP_S)):
        room.step(level, activity)
    return room.step(level, activity)


def test_what_goes_on_counts_less() -> None:
    assert after(0.0).tolist() == [0, 0, 0, 0]
    soon, late = after(MEMORY_S), after(20 * MEMORY_S)
    assert late == pytest.approx([SHARE * 2, 0, 0, 0], abs=1e-3)
    assert soon[0] == pytest.approx(late[0] * (1 - np.exp(-1)), rel=0.02)


def test_the_event_itself_teaches_nothing() -> None:
    assert after(100.0)[3] == 0
    assert after(100.0, np.array([LIKELY - 0.01], np.float32))[0] > 1


def test_what_is_over_is_forgotten() -> None:
    room = BackgroundAdaptation(1, MIDDLE, STEP_S)
    for _ in range(1_000):
        room.step(LEVELS[:1], 1.0)
    for _ in range(round(MEMORY_S / STEP_S)):
        quiet = room.step(LEVELS[:1], 0.0)
    assert quiet[0] == pytest.approx(SHARE * 2 * np.exp(-1), rel=0.05)
    room.reset()
    assert room.step(LEVELS[:1], 1.0)[0] == 0


def test_pieces_are_lowered_as_their_steps_are() -> None:
    """Pieces of a second, silence between some, in two streams."""
    rng = np.random.default_rng(0)
    starts = np.array([0, 10, 50, 60, 70, 200, 5, 15])  # steps; the last two are another stream
    levels = rng.uniform(-5, 1, (len(starts), 10, 3)).astype(np.float32)
    room, wanted, now = BackgroundAdaptation(3, MIDDLE, STEP_S), [], 0
    for first, piece in zip(starts, levels, strict=True):
        if first < now:
            room.reset()
            now = first
        for _ in range(first - now):
            room.step(piece[0], 0.0)
        wanted.append(room.step(piece[0], 1.0))
        for row in piece[1:]:
            room.step(row, 1.0)
        now = first + 10
    learns = levels < LIKELY
    total = (excess(levels, MIDDLE) * learns).sum(1).T
    count = learns.sum(1).T
    found = adapt_segments(
        total / np.maximum(count, 1), STEP_S * count,
        (starts * STEP_S).astype(np.float32), (starts * STEP_S + 1).astype(np.float32),
    )  # fmt: skip
    np.testing.assert_allclose(found.T, wanted, atol=0.01)
    assert found.max() > 0.03
