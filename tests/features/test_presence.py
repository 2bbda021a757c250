"""Presence: sounds stand out of steady noise of any level; what never ends becomes background."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from elsa_rt.features.intensity import FeatureSettings, IntensityFeatures
from elsa_rt.features.presence import FIRST_FLOOR_DB, HALF_DB, RISE_DB_PER_S, Presence, activity
from tests.support.contract import check_streaming

SETTINGS = FeatureSettings()
RATE = SETTINGS.rate


def stacked(outputs: list[list[float]]) -> list[NDArray[np.float64]]:
    return [np.array([value for output in outputs for value in output])]


def follow(mono: NDArray[np.float64]) -> NDArray[np.float64]:
    """Activity of each hop of W alone."""
    foa = np.zeros((4, len(mono)), np.float32)
    foa[0] = mono
    power = IntensityFeatures(SETTINGS).step(foa).power
    return np.array([activity(above) for above in Presence(SETTINGS).step(power)])


def noise(seconds: float, level_db: float) -> NDArray[np.float64]:
    rng = np.random.default_rng(1)
    return 10 ** (level_db / 20) * rng.normal(size=round(seconds * RATE))


def test_any_split_gives_the_same() -> None:
    power = np.random.default_rng(0).exponential(1e-5, 900)
    check_streaming(lambda: Presence(SETTINGS), power, stacked, axis=0)


@pytest.mark.parametrize("level_db", [-88, -75, -60])
def test_a_sound_stands_out_of_steady_noise(level_db: float) -> None:
    mono = noise(25, level_db)
    mono[20 * RATE : 21 * RATE] *= 10  # 20 dB
    heard = follow(mono)
    assert heard[1900:1999].max() < 0.1
    assert heard[2006:2099].min() > 0.9
    assert heard[2110:].max() < 0.1


def test_a_recording_may_begin_with_its_sound() -> None:
    assert follow(noise(2, -30))[10:].min() > 0.99


def test_silence_is_nothing() -> None:
    assert follow(np.zeros(RATE)).max() < 0.01


def test_what_goes_on_becomes_background() -> None:
    heard = follow(noise(30, FIRST_FLOOR_DB + 30))
    until = (30 - HALF_DB) / RISE_DB_PER_S
    assert heard[10 : round(100 * (until - 2))].min() > 0.5
    assert heard[round(100 * (until + 2)) :].max() < 0.5
