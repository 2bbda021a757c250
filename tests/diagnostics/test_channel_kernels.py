"""The kernels that look at one channel, against the same in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from elsa_rt.diagnostics.delays import COMES, MOST, PIECE, SHAPE
from elsa_rt.diagnostics.still import AGAIN, TEMPLATE, TRIED

Floats = NDArray[np.float32]


def places_of_shape(ratios: Floats, peak: int, around: Floats) -> NDArray[np.intp]:
    """Places of ``around`` where the samples nearby stand in ``ratios`` to the one there."""
    at = peak + np.arange(2 * MOST + 1)
    here = around[at]
    fits = [
        np.abs(around[at + apart] - ratio * here) <= np.float32(0.1) * np.abs(here)
        for apart, ratio in zip(SHAPE, ratios, strict=True)
    ]
    return np.flatnonzero(np.all(fits, axis=0))


@pytest.mark.parametrize("comes_at", [None, 0, 63, 64, MOST - 1, MOST, MOST + 1, 2 * MOST])
def test_a_shape_is_found_wherever_it_comes_but_at_its_own_place(comes_at: int | None) -> None:
    rng = np.random.default_rng(3)
    around = rng.normal(size=2 * MOST + PIECE).astype(np.float32)
    shape, peak = np.array(SHAPE, np.int64), 400
    ratios = rng.uniform(-0.9, 0.9, shape.size).astype(np.float32)
    if comes_at is not None:
        around[peak + comes_at] = 3
        around[peak + comes_at + shape] = 3 * ratios
    wanted = [] if comes_at is None else [comes_at]
    assert places_of_shape(ratios, peak, around).tolist() == wanted
    comes = COMES.bind(np.array([0.1]), shape)
    assert comes(ratios, peak, MOST, around) == (comes_at not in (None, MOST))


def starts_before(row: Floats, tail: int, least: int) -> tuple[int, list[int]]:
    """Where the template begins, and where the same samples began before, the latest first."""
    at = tail + int(np.abs(np.diff(row[tail:])).argmax()) - TEMPLATE // 2
    at = min(max(at, 0), row.size - TEMPLATE)
    template = row[at : at + TEMPLATE]
    first = max(0, at - row.size // 2)
    found = [k for k in range(first, at - least + 1) if (row[k : k + TEMPLATE] == template).all()]
    return at, found[::-1][:TRIED]


@pytest.mark.parametrize("period", [None, 50, 700, 1024, 3000, 7000])
@pytest.mark.parametrize("size", [8000, 8191])
def test_samples_that_came_before_are_found(period: int | None, size: int) -> None:
    row = np.random.default_rng(size).integers(-9, 9, size).astype(np.float32)
    if period is not None:
        row[:] = np.resize(row[:period], size)
    found, tail, least = np.zeros(1 + TRIED, np.int64), size - 2000, 60
    count = AGAIN.bind(TEMPLATE, found)(row, tail, least)
    at, starts = starts_before(row, tail, least)
    assert found[0] == at
    assert found[1 : 1 + count].tolist() == starts
    assert (period is not None and period < size // 2) == bool(starts)


@pytest.mark.parametrize("size", [10, 40, 100])
def test_what_does_not_move_and_what_is_short_is_told(size: int) -> None:
    found = np.zeros(1 + TRIED, np.int64)
    again = AGAIN.bind(TEMPLATE, found)
    assert again(np.full(size, 0.3, np.float32), 0, 48) == -1
    lively = np.random.default_rng(1).normal(size=size).astype(np.float32)
    assert again(lively, 0, 48) == 0
