"""Known sounds: calibrated probabilities, of the bundled model and of invented statistics."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from elsa_rt.demo import demo_path
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.listener import Listener
from elsa_rt.scoring.known_sounds import (
    TOLD_ERROR,
    KnownSounds,
    Steps,
    cross_validated,
    fit,
    highest,
    labelled_cosines,
)
from elsa_rt.scoring.statistics import Names, Statistics


@pytest.fixture(scope="module")
def statistics() -> Statistics:
    return Statistics.load(ModelBundle.load())


@pytest.fixture(scope="module")
def known(statistics: Statistics) -> KnownSounds:
    return KnownSounds(ModelBundle.load(), statistics)


def test_probabilities_are_calibrated_on_the_half_that_was_not_fitted(
    statistics: Statistics, known: KnownSounds
) -> None:
    cosine, steps = labelled_cosines(statistics)
    best, right = cross_validated(cosine, steps, known.broader)
    bins = np.minimum((best * 10).astype(int), 9)
    error = 0.0
    for part in range(10):
        here = bins == part
        if here.any():
            weight = steps.weight[here]
            gap = np.average(best[here], weights=weight) - np.average(right[here], weights=weight)
            error += weight.sum() / steps.weight.sum() * abs(gap)
    assert error < 0.06  # expected calibration error; 0.044 was measured
    sure = best >= known.told_from
    wrong = np.average(~right[sure], weights=steps.weight[sure])
    assert known.told_error == pytest.approx(wrong)
    assert wrong <= TOLD_ERROR
    assert 0.15 < known.told_share < 1  # it is not right by saying nothing


def test_the_sounds_of_the_demo_are_named(known: KnownSounds) -> None:
    expected = {1.9: "speech", 7.2: "bicycle bell", 9.9: "glass breaking",
                12.5: "telephone ringing", 16.9: "alarm"}  # fmt: skip
    found = {}
    for hearing in Listener(["a dog barking"], source=demo_path()):
        for time_s in expected:
            if abs(hearing.time_s - time_s) < 0.04:
                found[time_s] = known.nearest(hearing.embedding, 3)
    told = 0
    for time_s, name in expected.items():
        nearest = found[time_s][0]
        assert nearest.name == name, (time_s, found[time_s])
        told += nearest.probability >= known.told_from
    assert told >= 4  # the bell is just short of it


def test_a_broader_label_holds_its_narrower_ones(known: KnownSounds) -> None:
    speech = np.array([name.endswith(" speaking") for name in known.names])
    vectors = np.random.default_rng(1).normal(0, 1, (50, 512)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    probability = known.probabilities(vectors)
    assert probability.shape == (50, len(known.names))
    assert np.all(probability >= 0)
    assert np.all(probability <= 1)
    whole = probability[:, known.names.index("speech")]
    assert np.all(whole >= probability[:, speech].sum(axis=1))
    leaves = probability[:, [n not in ("speech", "alarm") for n in known.names]]
    assert np.all(leaves.sum(axis=1) < 1)  # something is left for "none of them"


def test_nearest_is_sorted_and_as_long_as_asked(known: KnownSounds) -> None:
    vector = known.phrases[known.names.index("dog")]
    labels = known.nearest(vector, 4)
    assert [len(known.nearest(vector, n)) for n in (0, 1, 4, 10_000)] == [0, 1, 4, len(known.names)]
    assert [label.probability for label in labels] == sorted(
        (label.probability for label in labels), reverse=True
    )


def test_the_highest_of_each_row_come_in_order_and_of_equal_ones_the_first() -> None:
    values = np.random.default_rng(2).integers(0, 6, (40, 12)).astype(np.float32)
    kept = values.copy()
    for count in (0, 1, 3, 12, 20):
        columns, found = highest(values, count)
        wanted = np.argsort(-values, axis=1, kind="stable")[:, :count]
        np.testing.assert_array_equal(columns, wanted)
        np.testing.assert_array_equal(found, np.take_along_axis(values, wanted, axis=1))
    np.testing.assert_array_equal(values, kept)


def test_many_are_told_as_one(known: KnownSounds) -> None:
    vectors = np.random.default_rng(4).normal(0, 1, (9, 512)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    one_by_one = np.stack([known.probabilities(vector) for vector in vectors])
    np.testing.assert_allclose(known.probabilities(vectors), one_by_one, atol=1e-5)


def test_the_fit_finds_what_the_labels_were_drawn_with() -> None:
    rng = np.random.default_rng(3)
    usual = rng.normal(0.2, 0.05, 8).astype(np.float32)
    cosine = (usual + rng.normal(0, 0.2, (20_000, 8))).astype(np.float32)
    odds = np.exp(12 * (cosine - 0.6 * usual) - 3)
    chance = np.column_stack([odds, np.ones(len(odds))])
    chance /= chance.sum(axis=1, keepdims=True)
    label = (chance.cumsum(axis=1) > rng.random((len(odds), 1))).argmax(axis=1)
    exact = np.eye(9, dtype=bool)[label][:, :8]
    some = np.ones(len(odds), np.float32)
    steps = Steps(np.arange(len(odds)), exact, exact, some, some > 0)
    slope, bias, share = fit(cosine, usual, steps)
    assert slope == pytest.approx(12, rel=0.1)
    assert bias - slope * share * usual.mean() == pytest.approx(
        -3 - 12 * 0.6 * usual.mean(), abs=0.4
    )


def test_a_bundle_without_labels_names_nothing(statistics: Statistics) -> None:
    none = np.empty(0, np.float32)
    nothing = Names((), np.empty((0, 512), np.float32), np.empty(0, np.int16), none)
    labels = np.full_like(statistics.background.piece_labels, -1)
    background = replace(statistics.background, piece_labels=labels)
    found = KnownSounds(
        ModelBundle.load(), replace(statistics, names=nothing, background=background)
    )
    assert found.nearest(np.zeros(512, np.float32)) == ()
    assert found.told_from == 1.0


def test_a_bundle_whose_background_has_no_label_tells_none_as_heard(bundle: Path) -> None:
    found = KnownSounds(ModelBundle.load(bundle))
    assert found.names == ("hum", "hiss")
    assert len(found.nearest(found.phrases[0])) == 2
    assert found.told_from == 1.0
    assert np.isnan(found.told_error)
