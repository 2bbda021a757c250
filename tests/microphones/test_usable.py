"""The channels that are used: which, and what becomes silence."""

from __future__ import annotations

import numpy as np
import pytest

from elsa_rt.microphones.usable import LARGEST, UsedChannels, unusable


def test_the_used_channels_in_their_order() -> None:
    given = np.random.default_rng(0).normal(size=(6, 777))  # of doubles, as a caller may have them
    taken, bad = UsedChannels((6, 1, 3)).step(given)
    np.testing.assert_array_equal(taken, given[[5, 0, 2]].astype(np.float32))
    assert bad == 0


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 2 * LARGEST, -2 * LARGEST])
def test_what_is_no_sound_is_counted_where_it_is_used(value: float) -> None:
    given = np.random.default_rng(1).normal(size=(5, 130)).astype(np.float32)
    given[1, [0, 64, 129]] = value
    given[4] = value
    mask = unusable(given)
    taken, bad = UsedChannels((1, 2, 3, 4)).step(given.T.copy().T)  # as devices have them
    assert bad == 3 == np.count_nonzero(mask[:4])
    np.testing.assert_array_equal(taken, np.where(mask, 0, given)[:4])


def test_the_largest_sample_is_sound() -> None:
    taken, bad = UsedChannels((1,)).step(np.array([[LARGEST, -LARGEST]], np.float32))
    assert bad == 0
    np.testing.assert_array_equal(taken, [[LARGEST, -LARGEST]])


def test_a_channel_that_is_not_there_is_no_memory_of_others() -> None:
    with pytest.raises(ValueError, match="channel 9 of 4"):
        UsedChannels((1, 2, 3, 9)).step(np.zeros((4, 10), np.float32))
