"""Encoding: capsules as they are, to directions as they should be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.capsule_signals import plane_wave_responses
from calibration.encoding_error import before_and_after
from elsa_rt.audio.ambisonics import (
    angles_from_direction,
    decode_matrix,
    direction_from_angles,
    plane_wave,
)
from elsa_rt.config import Config
from elsa_rt.errors import UsageError
from elsa_rt.features.intensity import FeatureSettings, direction_bands
from elsa_rt.microphones.capsules import LAYOUTS, Capsules, layout, sphere_grid
from elsa_rt.microphones.encoding import coincident_matrix, encode_capsules
from elsa_rt.microphones.fir import MatrixFir
from elsa_rt.microphones.library import find_profile
from elsa_rt.microphones.profile import Profile
from elsa_rt.microphones.profile_file import write_profile
from elsa_rt.microphones.to_foa import ToFoa
from tests.support.contract import check_declared, check_streaming, joined
from tests.support.microphones import encoding_of, to_foa

RATE = 32_000

Signal = NDArray[np.float32]


@pytest.fixture
def tetrahedron(tmp_path: Path) -> str:
    """The file of an imperfect tetrahedron of 15 mm, with its capsules in another order."""
    profile = Profile(
        "mine", "Mine", formats=("a-format",), channels=(4, 1, 3, 2), order="type-i",
        radius_mm=15.0, directivity=0.5, signs=(1.0, 1.0, -1.0, 1.0),
        gains_db=(2.0, -1.0, 0.0, -1.0), delays_us=(10.0, -25.0, 0.0, 15.0), yaw_deg=30.0,
    )  # fmt: skip
    write_profile(profile, tmp_path / "mine.yaml")
    return str(tmp_path / "mine.yaml")


def noise(channels: int, count: int, seed: int = 0) -> Signal:
    return np.random.default_rng(seed).normal(0, 0.1, (channels, count)).astype(np.float32)


def through(profile: Profile, towards: NDArray[np.float64], rate: int, count: int) -> Signal:
    """What the device of ``profile`` records of noise below 2 kHz from ``towards`` (3,)."""
    spectrum = np.fft.rfft(np.random.default_rng(3).normal(0, 0.1, count))
    frequencies = np.fft.rfftfreq(count, 1 / rate)
    spectrum[(frequencies < 200) | (frequencies > 2_000)] = 0
    capsules = profile.capsules
    heard = capsules.responses(towards[None], frequencies)[:, 0]  # (f, capsule)
    late = np.exp(-2j * np.pi * frequencies[:, None] * np.array(profile.delays_us) * 1e-6)
    heard = heard * late * profile.signs * 10 ** (np.array(profile.gains_db) / 20)
    samples = np.fft.irfft(heard * spectrum[:, None], count, axis=0).T
    recorded = np.zeros((max(profile.channels or (4,)), count), np.float32)
    recorded[np.array(profile.channels or (1, 2, 3, 4)) - 1] = samples
    return recorded


def closed_form(foa: Signal) -> tuple[float, float]:
    w, y, z, x = foa
    return angles_from_direction([w @ x, w @ y, w @ z])


@pytest.mark.parametrize("rigid", [False, True])
@pytest.mark.parametrize("radius", [0.01, 0.025])
def test_responses_agree_with_the_series_of_bessel_functions(rigid: bool, radius: float) -> None:
    directions, frequencies = sphere_grid(40), np.array([50, 300, 2_000, 8_000, 15_000.0])
    capsules = Capsules(layout("type-ii"), radius, 0.6, rigid)
    np.testing.assert_allclose(
        capsules.responses(directions, frequencies),
        plane_wave_responses(
            capsules.directions, directions, frequencies, radius, 0.6, rigid=rigid
        ),
        atol=1e-8,
    )


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_is_a_regular_tetrahedron(name: str) -> None:
    directions = layout(name)
    np.testing.assert_allclose(directions @ directions.T, np.eye(4) * 4 / 3 - 1 / 3, atol=1e-12)


def test_without_a_size_it_is_the_plain_matrix() -> None:
    np.testing.assert_allclose(
        coincident_matrix(find_profile("tetrahedron")), decode_matrix("a-format"), atol=1e-12
    )
    plain, named = encoding_of(Config(format="a-format"), RATE), Config(microphone="tetrahedron")
    np.testing.assert_allclose(encoding_of(named, RATE).taps, plain.taps, atol=1e-6)
    assert plain.is_matrix


@pytest.mark.parametrize("rigid", [False, True])
@pytest.mark.parametrize("radius_mm", [10, 15, 25])
@pytest.mark.parametrize("rate", [16_000, 32_000])
def test_encoding_errs_less_than_the_plain_matrix_up_to_the_limit(
    radius_mm: float, rigid: bool, rate: int
) -> None:
    limit = Capsules(layout("type-i"), radius_mm / 1000).coincidence_hz
    bands = tuple(hz for hz in (300, 600, 1_000, 2_000, 3_000, 5_000) if hz <= limit)
    for hz, before, after in before_and_after(radius_mm, rigid, rate, bands):
        assert after.angle_deg < max(0.82 * before.angle_deg, 0.1), hz
        assert after.angle_deg < 4, hz
        assert after.diffuseness < before.diffuseness + 0.02, hz
        assert after.diffuseness < 0.2, hz
        assert abs(after.level_db) < 0.1, hz


def test_what_the_profile_says_of_the_capsules_is_undone(tetrahedron: str) -> None:
    profile = find_profile(tetrahedron)
    for azimuth, elevation in ((20, 0), (140, 30), (-100, -45)):
        recorded = through(profile, direction_from_angles(azimuth, elevation), 48_000, 48_000)
        stage = to_foa(Config(microphone=tetrahedron), 4, 48_000, RATE)
        foa = np.concatenate([stage.step(recorded), stage.flush()], axis=1)
        got = closed_form(foa[:, 500:-500])
        assert got == pytest.approx((azimuth + 30, elevation), abs=1.5)
        plain = to_foa(Config(format="a-format"), 4, 48_000, RATE).step(recorded)
        assert closed_form(plain[:, 500:]) != pytest.approx((azimuth + 30, elevation), abs=20)


def test_filters_keep_time_and_level(tetrahedron: str) -> None:
    profile = replace(find_profile(tetrahedron), yaw_deg=0.0)
    recorded = through(profile, direction_from_angles(0, 0), RATE, RATE)
    stage = to_foa(Config(microphone=tetrahedron, yaw_deg=-30), 4, RATE, RATE)
    foa = np.concatenate([stage.step(recorded), stage.flush()], axis=1)
    ideal = Profile("", "", formats=("a-format",), radius_mm=1e-6)
    source = through(ideal, direction_from_angles(0, 0), RATE, RATE)
    want = decode_matrix("a-format") @ source
    assert foa.shape == want.shape
    error = np.linalg.norm((foa - want)[:, 200:-200]) / np.linalg.norm(want)
    assert error < 0.1  # one sample of delay would make it 0.25


def test_any_split_gives_the_same_bits(tetrahedron: str) -> None:
    def make() -> ToFoa:
        return to_foa(Config(microphone=tetrahedron), 4, 48_000, RATE)

    (foa,) = check_streaming(make, noise(4, 12_000), joined())
    assert foa.shape == (4, 8_000)


def test_filters_trail_as_declared(tetrahedron: str) -> None:
    made = encoding_of(Config(microphone=tetrahedron), RATE)
    check_streaming(lambda: MatrixFir(made.taps, made.delay), noise(4, 3_000), joined())
    check_declared(
        lambda: MatrixFir(made.taps, made.delay),
        noise(4, 3_000),
        lambda foa: foa.shape[1],
        held=made.delay,
    )
    assert made.delay <= 0.003 * RATE


def test_filters_equal_a_slow_convolution() -> None:
    rng = np.random.default_rng(1)
    taps, x = rng.normal(size=(4, 4, 32)).astype(np.float32), noise(4, 5_000)
    stage = MatrixFir(taps, 5)
    got = np.concatenate([stage.step(x), stage.flush()], axis=1)
    want = sum(
        np.stack([np.convolve(x[i], taps[o, i])[5 : 5 + x.shape[1]] for o in range(4)])
        for i in range(4)
    )
    np.testing.assert_allclose(got, want, atol=1e-4)


def test_a_flat_square_hears_horizontal_directions_and_no_others() -> None:
    config, profile = Config(microphone="respeaker-4-mic"), find_profile("respeaker-4-mic")
    for azimuth, elevation in ((35, 0), (-150, 0), (100, 40)):
        recorded = through(profile, direction_from_angles(azimuth, elevation), 16_000, 16_000)
        foa = to_foa(config, 5, 16_000, RATE).step(recorded)[:, 1_000:]
        got = closed_form(foa)
        assert got[0] == pytest.approx(azimuth, abs=2)
        assert got[1] == pytest.approx(0, abs=0.5)
        assert np.abs(foa[2]).max() == 0


def test_four_omnis_need_their_radius(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="must state capsules.radius_mm"):
        coincident_matrix(Profile("", "Omnis", formats=("a-format",), directivity=1.0))


@pytest.mark.parametrize("shape", [(4, 64), (4, 4, 64)])
def test_measured_filters_are_taken_at_another_rate(shape: tuple[int, ...], tmp_path: Path) -> None:
    taps = np.zeros(shape)
    for channel in range(4):  # what is 10 samples late at 48 kHz, channel by channel doubled
        taps[(channel,) * (len(shape) - 1)][30] = 2.0**channel
    np.savez(tmp_path / "taps.npz", taps=taps, rate=48_000, delay=20)
    profile = Profile("", "Measured", formats=("ambix",), filters=tmp_path / "taps.npz")
    write_profile(profile, tmp_path / "measured.yaml")
    made = encoding_of(Config(microphone=str(tmp_path / "measured.yaml")), RATE)
    for hz in (300, 3_000, 10_000):
        late = np.exp(-2j * np.pi * hz * 10 / 48_000)
        np.testing.assert_allclose(made.mix(hz, RATE), np.diag([1, 2, 4, 8]) * late, atol=0.1)


def test_filters_that_are_none(tmp_path: Path) -> None:
    profile = Profile("", "Measured", formats=("ambix",), filters=tmp_path / "none.npz")
    write_profile(profile, tmp_path / "measured.yaml")
    config = Config(microphone=str(tmp_path / "measured.yaml"))
    with pytest.raises(UsageError, match=r"none\.npz cannot be read"):
        encoding_of(config, RATE)
    np.savez(tmp_path / "none.npz", taps=np.zeros((3, 9)), rate=48_000, delay=0)
    with pytest.raises(UsageError, match=r"shape \(3, 9\)"):
        encoding_of(config, RATE)
    np.savez(tmp_path / "none.npz", taps=np.zeros((4, 9)), rate=1.0, delay=0)
    with pytest.raises(UsageError, match="rate 1, delay 0"):
        encoding_of(config, RATE)


def test_of_higher_orders_the_first_four_channels_are_taken() -> None:
    third_order = noise(16, 100)
    foa = to_foa(Config(), 16, RATE, RATE).step(third_order)
    np.testing.assert_array_equal(foa, third_order[:4])


def test_directions_are_not_looked_for_above_the_limit() -> None:
    settings = FeatureSettings()
    low, high = direction_bands(settings)
    assert direction_bands(settings, 50_000) == (low, high)
    first, limited = direction_bands(settings, 1_000)
    assert first == low
    assert low < limited < high
    with pytest.raises(UsageError, match=r"no mel band lies in 150.0\.\.100 Hz"):
        direction_bands(settings, 100)


def test_plane_waves_from_everywhere_through_the_whole_encoding() -> None:
    made = encode_capsules(Capsules(layout("type-i"), 0.01), RATE)
    directions = sphere_grid(50)
    heard = plane_wave_responses(layout("type-i"), directions, np.array([500.0]), 0.01)[0]
    np.testing.assert_allclose(heard @ made.mix(500, RATE).T, plane_wave(directions), atol=0.06)
