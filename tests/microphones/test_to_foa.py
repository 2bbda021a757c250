"""ToFoa: any split, any rate, any format; the direction survives it all."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from elsa_rt.audio.ambisonics import direction_from_angles, plane_wave
from elsa_rt.config import Config
from elsa_rt.errors import SourceError, UsageError
from elsa_rt.microphones.resample import latency
from elsa_rt.microphones.to_foa import Mix, ToFoa
from tests.support.contract import check_declared, check_streaming, joined
from tests.support.microphones import to_foa

MODEL_RATE = 16_000
RATES = (8_000, 16_000, 22_050, 44_100, 48_000, 96_000)


def noise(channels: int, count: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(0, 0.1, (channels, count)).astype(np.float32)


@pytest.mark.parametrize("rate", RATES)
def test_any_split_gives_the_same_bits(rate: int) -> None:
    config = Config(format="a-format", channels=(5, 1, 2, 4), yaw_deg=33, pitch_deg=-8, roll_deg=9)

    def make() -> ToFoa:
        return to_foa(config, 5, rate, MODEL_RATE)

    x = noise(5, rate // 4)
    (foa,) = check_streaming(make, x, joined())
    assert foa.shape == (4, MODEL_RATE // 4)
    assert foa.dtype == np.float32
    assert foa.flags.c_contiguous


@pytest.mark.parametrize("rate", RATES)
def test_trails_as_declared(rate: int) -> None:
    check_declared(
        lambda: to_foa(Config(), 4, rate, MODEL_RATE),
        noise(4, rate // 4),
        lambda foa: foa.shape[1],
        ratio=MODEL_RATE / rate,
        held=0 if rate == MODEL_RATE else latency(rate, MODEL_RATE),
        slack=8,
    )
    assert to_foa(Config(), 4, 48_000, MODEL_RATE).latency <= 0.04 * MODEL_RATE


def test_resampled_sine_keeps_its_time_and_level() -> None:
    rate, hz = 44_100, 1000.0
    stage = to_foa(Config(), 4, rate, MODEL_RATE)
    x = np.tile(np.sin(2 * np.pi * hz * np.arange(rate) / rate), (4, 1)).astype(np.float32)
    foa = np.concatenate([stage.step(x), stage.flush()], axis=1)
    want = np.sin(2 * np.pi * hz * np.arange(MODEL_RATE) / MODEL_RATE)
    np.testing.assert_allclose(foa[0, 500:-500], want[500:-500], atol=1e-4)


@pytest.mark.parametrize(
    ("config", "azimuth", "elevation"),
    [
        (Config(), 90, 0),
        (Config(mount="inverted"), -90, 0),  # its left is the right of whoever stands below
        (Config(mount="endfire"), -90, 0),
        (Config(yaw_deg=30), 120, 0),
        (Config(roll_deg=90), 0, 90),  # its left side is lifted
    ],
)
def test_where_the_left_of_the_microphone_ends_up(
    config: Config, azimuth: float, elevation: float
) -> None:
    left = plane_wave(direction_from_angles(90, 0))[:, None] * noise(1, 64)
    foa = to_foa(config, 4, MODEL_RATE, MODEL_RATE).step(left.astype(np.float32))
    want = plane_wave(direction_from_angles(azimuth, elevation))[:, None] * noise(1, 64)
    np.testing.assert_allclose(foa, want, atol=1e-6)


def test_dipped_nose_looks_down() -> None:
    front = plane_wave(direction_from_angles(0, 0))[:, None].astype(np.float32)
    foa = to_foa(Config(pitch_deg=90), 4, MODEL_RATE, MODEL_RATE).step(front)
    want = plane_wave(direction_from_angles(0, -90))[:, None]
    np.testing.assert_allclose(foa, want, atol=1e-6)


def test_channels_are_counted_from_one() -> None:
    x = (np.arange(6)[:, None] / 10).astype(np.float32)
    stage = to_foa(Config(channels=(6, 3, 4, 5)), 6, MODEL_RATE, MODEL_RATE)
    np.testing.assert_array_equal(stage.step(x)[:, 0], x[[5, 2, 3, 4], 0])


def test_first_four_of_many_by_default() -> None:
    x = (np.arange(6)[:, None] / 10).astype(np.float32)
    np.testing.assert_array_equal(to_foa(Config(), 6, MODEL_RATE, MODEL_RATE).step(x), x[:4])


def test_a_mix_is_the_matrix_times_the_channels() -> None:
    rng = np.random.default_rng(3)
    matrix, x = rng.normal(size=(4, 4)).astype(np.float32), noise(4, 1001)
    mixed = Mix(matrix).step(x)
    np.testing.assert_allclose(mixed, matrix @ x, atol=1e-5)
    np.testing.assert_array_equal(mixed, Mix(matrix).step(np.asfortranarray(x)))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
def test_unusable_samples_become_silence(value: float) -> None:
    stage = to_foa(Config(format="a-format"), 4, 48_000, MODEL_RATE)
    x = noise(4, 48_000)
    clean = x.copy()
    x[2, 1000:1010] = value
    clean[2, 1000:1010] = 0
    foa = stage.step(x)
    assert not abs(x[2, 1000]) < 1e38, "the caller's samples were changed"
    same = to_foa(Config(format="a-format"), 4, 48_000, MODEL_RATE)
    np.testing.assert_array_equal(foa, same.step(clean))


def test_unused_channels_may_be_nan() -> None:
    x = noise(5, 100)
    x[4] = np.nan
    stage = to_foa(Config(), 5, MODEL_RATE, MODEL_RATE)
    np.testing.assert_array_equal(stage.step(x), x[:4])


def test_refusals() -> None:
    with pytest.raises(SourceError, match="2 channels, four are needed"):
        to_foa(Config(), 2, 48_000, MODEL_RATE)
    with pytest.raises(UsageError, match=r"channels 1,2,3,9 of .* only 6 channels"):
        to_foa(Config(channels=(1, 2, 3, 9)), 6, 48_000, MODEL_RATE)
    with pytest.raises(UsageError, match="sampling rate 0 Hz"):
        to_foa(Config(), 4, 0, MODEL_RATE)
    with pytest.raises(UsageError, match="--yaw-deg inf: a finite number"):
        to_foa(Config(yaw_deg=float("inf")), 4, 48_000, MODEL_RATE)
    with pytest.raises(SourceError, match=r"shape \(3, 7\)"):
        to_foa(Config(), 4, 48_000, MODEL_RATE).step(np.zeros((3, 7), np.float32))
