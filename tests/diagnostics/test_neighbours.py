"""Channels that share a signal, by their covariance alone, however exact."""

from __future__ import annotations

import numpy as np
import pytest

from elsa_rt.diagnostics.neighbours import mixed


@pytest.mark.parametrize("decibels", [0, -40, -80])
@pytest.mark.parametrize("gains", [(0, 1, 0), (0, -0.5, 0), (0.3, 0.2, -0.4)])
def test_what_carries_another_is_found(decibels: float, gains: tuple[float, ...]) -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):  # an inverse of such a matrix may be anything
        x = rng.normal(0, 10 ** (decibels / 20), (4, 500))
        x[3] = np.array(gains) @ x[:3]
        mix = mixed(x @ x.T / x.shape[1])
        assert mix.channels[3]
        assert [pair[:2] for pair in mix.copies] == ([(1, 3)] if gains[0] == 0 else [])


@pytest.mark.parametrize("seed", [486, 596, 660])
def test_an_inverse_that_is_none_is_not_believed(seed: int) -> None:
    """Its diagonal may be 0 in places, by rounding."""
    rng = np.random.default_rng(seed)
    one, gains = rng.normal(size=500), rng.choice([0.25, 0.5, 1, -1, -0.5], 4)
    two = rng.choice([0, 0.5, 1], 4)[:, None] * rng.normal(size=500)
    x = gains[:, None] * one + two
    covariance = x @ x.T / 500
    assert mixed(covariance).channels.any()


def test_channels_of_their_own_are_told_apart_from_nothing() -> None:
    x = np.random.default_rng(1).normal(size=(4, 500))
    x[2] += 20 * x[0]  # hears mostly what another does, and something else
    mix = mixed(x @ x.T / x.shape[1])
    assert not mix.channels.any()
    assert mix.copies == []
