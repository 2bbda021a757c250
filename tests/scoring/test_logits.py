"""Log odds."""

from __future__ import annotations

import numpy as np
import pytest

from elsa_rt.scoring.logits import attenuate, logit_of, sigmoid


def test_attenuated_log_odds_are_those_of_the_weighted_score() -> None:
    logit = np.array([-6.0, -1.0, 0.0, 2.0, 9.0])
    for weight in (0.1, 0.7, 1.0):
        expected = logit_of(sigmoid(logit) * weight)
        assert attenuate(logit, np.full(5, weight)) == pytest.approx(expected, rel=1e-6)


def test_a_sure_sound_in_its_place_is_as_sure_as_before() -> None:
    """In 32 bits 1 + exp(-21) is 1."""
    logit = np.array([21.0, 40.0, -np.inf, 21.0], np.float32)
    weight = np.array([1, 1, 1, 0], np.float32)
    assert attenuate(logit, weight).tolist() == [21.0, 40.0, -np.inf, -np.inf]
