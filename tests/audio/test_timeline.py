"""Stream time over gaps."""

from __future__ import annotations

import numpy as np

from elsa_rt.audio.block import Block
from elsa_rt.audio.timeline import Timeline


def block(count: int, dropped: int = 0, start: int = 0) -> Block:
    return Block(np.zeros((4, count), np.float32), 48_000, start, dropped)


def at(timeline: Timeline, model_sample: int) -> tuple[float, int]:
    """Rounded to microseconds, to be compared."""
    seconds, lost = timeline.at(model_sample)
    return round(seconds, 6), lost


def test_counts_samples() -> None:
    timeline = Timeline(16_000)
    timeline.add(block(48_000))
    assert at(timeline, 1_600) == (0.1, 0)
    assert at(timeline, 16_000) == (1.0, 0)


def test_starts_where_the_source_says() -> None:
    timeline = Timeline(16_000)
    timeline.add(block(4_800, dropped=480, start=48_480))
    assert at(timeline, 1_600) == (1.11, 480)


def test_a_gap_moves_what_comes_after_it() -> None:
    timeline = Timeline(16_000)
    timeline.add(block(4_800))
    timeline.add(block(4_800, dropped=24_000))
    timeline.add(block(4_800, dropped=48))
    assert at(timeline, 1_600) == (0.1, 0)
    assert at(timeline, 1_616) == (0.601, 24_000)
    assert at(timeline, 4_800) == (0.801, 24_048)


def test_reset() -> None:
    timeline = Timeline(16_000)
    timeline.add(block(4_800, dropped=480, start=480))
    timeline.add(block(4_800, dropped=480))
    timeline.reset()
    timeline.add(block(4_800))
    assert at(timeline, 1_600) == (0.1, 0)


def test_the_times_of_samples_jump_with_the_gaps() -> None:
    timeline = Timeline(16_000)
    timeline.add(block(4_800))
    timeline.add(block(4_800, dropped=24_000))
    timeline.add(block(4_800, dropped=48))
    assert at(timeline, 800) == (0.05, 0)
    found = timeline.times(1_598, 4)
    np.testing.assert_allclose(found[:2], [1_598 / 16_000, 1_599 / 16_000])
    np.testing.assert_allclose(found[2:], [0.6, 0.6 + 1 / 16_000])
    np.testing.assert_allclose(timeline.times(3_200, 1), 0.701)
    assert at(timeline, 1_600) == (0.1, 0), "looking ahead forgets nothing"
