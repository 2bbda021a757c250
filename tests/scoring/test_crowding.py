"""Crowding: the mean cosine with the nearest known sounds, as a linear function of a sound."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.scoring.crowding import NEAREST, crowding_of
from elsa_rt.scoring.statistics import Names, Statistics


@pytest.fixture(scope="module")
def statistics() -> Statistics:
    return Statistics.load(ModelBundle.load())


def test_it_follows_the_mean_of_the_nearest_known_sounds(statistics: Statistics) -> None:
    background = statistics.background
    sounds = background.sounds[background.activity > 127][1::7].astype(np.float32)
    embedding = statistics.mean + (sounds * statistics.scale) @ statistics.basis
    cosine = np.sort(embedding @ statistics.names.phrases.T, axis=1)
    crowded = cosine[:, -NEAREST:].mean(axis=1)
    found = embedding @ crowding_of(statistics)
    assert np.corrcoef(found, crowded)[0, 1] ** 2 > 0.6  # 0.84 with model 0.2.0
    slope = np.polyfit(found, crowded, 1)[0]
    assert slope == pytest.approx(1, abs=0.1)


def test_a_bundle_of_few_sounds_has_none(statistics: Statistics, bundle: Path) -> None:
    assert not crowding_of(Statistics.load(ModelBundle.load(bundle))).any()
    names = statistics.names
    few = Names(names.labels[:7], names.phrases[:7], names.wider[:7], names.detected[:7])
    assert not crowding_of(replace(statistics, names=few)).any()
