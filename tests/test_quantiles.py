"""Quantiles without `numpy.ma`."""

from __future__ import annotations

import numpy as np
import pytest

from elsa_rt.quantiles import median, quantile

SHAPES = [(1,), (2,), (7,), (8,), (3, 5), (4, 5)]


@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_that_of_numpy(shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).normal(size=shape)
    np.testing.assert_array_equal(median(values), np.median(values, axis=0))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99, 1.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_other_shares_are_those_of_numpy(shape: tuple[int, ...], share: float) -> None:
    values = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    wanted = np.quantile(values.astype(float), share, axis=0)
    np.testing.assert_allclose(quantile(values, share), wanted, rtol=1e-12)
