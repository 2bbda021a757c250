"""Expected false alarms from peaks: counted where there are many, a fitted tail beyond."""

from __future__ import annotations

import numpy as np
import pytest

from elsa_rt.scoring.false_alarm_rate import (
    KNOTS,
    TAIL_PEAKS,
    FalseAlarmCurves,
    fit_curve,
    rate_of_score,
    score_of_rate,
)
from elsa_rt.scoring.scorer import NOTHING, SCORE


def curves(*rows: np.ndarray, hours: float) -> FalseAlarmCurves:
    fitted = [fit_curve(row.astype(np.float32), np.full(len(row), 1 / hours, np.float32))
              for row in rows]  # fmt: skip
    return FalseAlarmCurves(*map(np.stack, zip(*fitted, strict=True)))


def exponential(count: int, scale: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).exponential(scale, count)


def test_rates_are_counted_where_there_are_many() -> None:
    peaks = exponential(2_000, 1.0, 0)
    found = curves(peaks, hours=4.0)
    for rate in (300.0, 100.0, 30.0):
        (level,) = found.level_of(np.array([rate]))
        assert (peaks >= level).sum() / 4.0 == pytest.approx(rate, rel=0.25)


def test_the_tail_of_an_exponential_is_found_far_beyond_the_sample() -> None:
    off = []
    for seed in range(40):
        found = curves(exponential(500, 0.7, seed), hours=4.0)
        (level,) = found.level_of(np.array([0.1]))
        off.append(level - 0.7 * np.log(500 / 4 / 0.1))
    assert abs(np.mean(off)) < 0.25
    assert np.std(off) < 1.5


def test_level_and_rate_are_inverse_and_fall_together() -> None:
    found = curves(exponential(300, 1.0, 1), exponential(60, 2.0, 2), hours=2.0)
    before = np.full(2, -np.inf)
    for rate in (20.0, 5.0, 1.0, 0.1, 1e-4):
        level = found.level_of(np.full(2, rate))
        np.testing.assert_allclose(found.rate(level), rate, rtol=1e-6)
        assert (level > before).all()
        before = level


def test_weights_are_rates() -> None:
    peaks = exponential(400, 1.0, 3).astype(np.float32)
    whole = fit_curve(peaks, np.full(400, 0.25, np.float32))
    heavy = fit_curve(peaks, np.full(400, 0.5, np.float32))
    np.testing.assert_allclose(heavy[1] - whole[1], np.log(2), atol=1e-6)


@pytest.mark.parametrize("peaks", [[], [1.0], [-np.inf] * 30])
def test_of_too_little_nothing_is_known(peaks: list[float]) -> None:
    level, log_rate, fall = fit_curve(np.array(peaks, np.float32), np.ones(len(peaks), np.float32))
    found = FalseAlarmCurves(level[None], log_rate[None], fall[None])
    assert np.isnan(found.rate(np.zeros(1))).all()
    assert np.isnan(found.level_of(np.ones(1))).all()


@pytest.mark.parametrize("count", [2, 3, KNOTS, TAIL_PEAKS, TAIL_PEAKS + 1])
def test_small_and_equal_samples_stay_finite(count: int) -> None:
    for row in (np.arange(count, dtype=float), np.zeros(count)):
        found = curves(row, hours=1.0)
        assert np.isfinite(found.level_of(np.ones(1))).all()
        assert np.isfinite(found.rate(np.array([-5.0]))).all()
        assert found.rate(np.array([1_000.0])) < 1e-3


def test_scores_are_one_function_of_the_rate() -> None:
    found = curves(exponential(300, 1.0, 1), exponential(60, 2.0, 2), hours=2.0)
    for rate, score in ((10.0, 0.2403), (1.0, 0.5), (0.1, 0.7597), (0.01, 0.9091)):
        level = found.level_of(np.full(2, rate))
        assert found.score(level) == pytest.approx(score, abs=1e-4)
        assert score_of_rate(np.array(rate)) == pytest.approx(score, abs=1e-4)
        assert rate_of_score(np.array(score)) == pytest.approx(rate, rel=1e-2)
    assert found.scores(np.stack([level, level - 1]))[0] == pytest.approx(found.score(level))


def test_scores_rise_with_the_level_from_nothing_to_almost_one() -> None:
    found = curves(exponential(300, 1.0, 1), hours=2.0)
    levels = np.array([[-np.inf], *np.linspace(-30, 30, 200)[:, None]])
    score = found.scores(levels)[:, 0]
    assert score[0] == 0
    assert (np.diff(score) >= 0).all()
    assert 0.99 < score[-1] < 1
    assert found.rate(np.array([-np.inf])) == pytest.approx(150.0)


def test_without_rates_the_score_is_a_sigmoid() -> None:
    found = FalseAlarmCurves.unknown(3)
    level = np.array([-np.inf, 0.0, 2.0])
    assert found.score(level) == pytest.approx([0.0, 0.5, 1 / (1 + np.exp(-2.0))])


def test_the_kernel_and_the_score_of_one_rule_are_those_of_all() -> None:
    known = curves(exponential(300, 1.0, 5), exponential(60, 2.0, 6), hours=2.0)
    unknown = FalseAlarmCurves.unknown(1)
    found = FalseAlarmCurves(*(np.concatenate([getattr(known, name), getattr(unknown, name)])
                               for name in ("logit", "log_rate", "tail_scale")))  # fmt: skip

    def reached(logit: np.ndarray, score: np.ndarray, rate: np.ndarray) -> None:
        """What a step makes of rules whose sounds have these log odds."""
        one, none = np.ones((1, 1), np.float32), np.empty(0, np.int64)
        run = SCORE.bind(
            np.ones((3, 1), np.float32), np.zeros(3, np.float32), logit, none, none, np.arange(4),
            found.logit, found.log_rate, found.tail_scale, np.zeros(2), np.zeros(3, np.float32),
            np.empty((1, 3), np.float32), np.empty((5, 1, 3), np.float32),
        )  # fmt: skip
        told = np.empty((3, 3), np.float32)
        run(one, one[0], NOTHING, NOTHING, told, np.empty(3, np.int64))
        score[:], rate[:] = told[1:]

    for logit in (-np.inf, -2000.0, -30.0, -1.0, 0.0, 0.3, 1.0, 2.5, 9.0, 300.0):
        at = np.full(3, logit, np.float32)
        score, rate = np.empty((2, 3), np.float32)
        reached(at, score, rate)
        with np.errstate(over="ignore"):
            np.testing.assert_allclose(score, found.score(at), rtol=1e-5, atol=1e-7)
            np.testing.assert_allclose(rate, found.rate(at), rtol=1e-5, atol=1e-30)
        one = [found.score_of(rule, float(at[rule])) for rule in range(3)]
        np.testing.assert_allclose(one, found.score(at), rtol=1e-6, atol=1e-7)
    knot = np.append(found.logit[:2, 4], 0).astype(np.float32)
    score, rate = np.empty((2, 3), np.float32)
    reached(knot, score, rate)
    np.testing.assert_allclose(score, found.score(knot), rtol=1e-5)
