"""Scores against a slow, obvious reference."""

from __future__ import annotations

import math

import numpy as np
import pytest

from elsa_rt.encoder.sound import Sound
from elsa_rt.matching.prompts import PromptBank
from elsa_rt.matching.scores import HIGH, SPREAD_FLOOR, Scorer, Statistics

SLOPE, BIAS = 1.5, -3.0


def unit(*shape: int, seed: int = 0) -> np.ndarray:
    x = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    x /= np.linalg.norm(x, axis=-1, keepdims=True)
    return x


def bank(count: int) -> PromptBank:
    prompts = tuple(f"prompt {index}" for index in range(count))
    return PromptBank(prompts, unit(count, 512, seed=1), (), "")


def statistics() -> Statistics:
    return Statistics(unit(300, 512, seed=2).astype(np.float16), SLOPE, BIAS)


def sound(slots: int = 1, activity: float = 0.8) -> Sound:
    return Sound(
        unit(slots, 512, seed=3), unit(slots, 3, seed=4),
        np.full(slots, activity, np.float32), np.ones(slots, np.float32),
    )  # fmt: skip


@pytest.mark.parametrize("count", [1, 2, 63, 64, 65, 1000])
def test_reference(count: int) -> None:
    match = Scorer(bank(count), statistics()).step(sound())
    assert match.score.shape == match.similarity.shape == (count,)
    for index in {0, count // 2, count - 1}:
        prompt = bank(count).embedding[index].astype(float)
        similarity = float(prompt @ sound().embedding[0])
        usual = sorted(float(prompt @ row) for row in statistics().background.astype(float))
        centre, high = np.median(usual), np.quantile(usual, HIGH)
        z = (similarity - centre) / (high - centre)
        assert match.similarity[index] == pytest.approx(similarity, abs=1e-5)
        expected = 0.8 / (1 + math.exp(-(SLOPE * z + BIAS)))
        assert match.score[index] == pytest.approx(expected, abs=1e-3)


def test_no_prompts() -> None:
    match = Scorer(bank(0), statistics()).step(sound())
    assert [values.shape for values in match] == [(0,)] * 3


def test_silence_scores_nothing() -> None:
    assert not Scorer(bank(5), statistics()).step(sound(activity=0.0)).score.any()


def test_the_best_slot_counts() -> None:
    heard = sound(slots=3)
    prompts = bank(3)
    heard.embedding[:] = prompts.embedding[[2, 0, 1]]
    match = Scorer(prompts, statistics()).step(heard)
    assert match.slot.tolist() == [1, 2, 0]
    np.testing.assert_allclose(match.similarity, 1, atol=1e-5)


def test_indifferent_prompt_stays_finite() -> None:
    alike = Statistics(np.repeat(unit(1, 512), 50, axis=0).astype(np.float16), 5.0, 0.0)
    match = Scorer(bank(3), alike).step(sound())
    assert np.isfinite(match.score).all()
    assert ((match.score >= 0) & (match.score <= 0.8)).all()
    assert SPREAD_FLOOR > 0


def test_scores_are_the_same_beside_others() -> None:
    many = Scorer(bank(1000), statistics()).step(sound())
    few = Scorer(
        PromptBank(("x",), bank(1000).embedding[500:501], (), ""), statistics()
    ).step(sound())  # fmt: skip
    assert many.score[500] == pytest.approx(few.score[0], abs=1e-6)
