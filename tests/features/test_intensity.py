"""The feature kernel against a slow, obvious reference; bounds, direction, exact streaming."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from numpy.typing import NDArray

from elsa_rt.audio.ambisonics import (
    angles_from_direction,
    direction_from_angles,
    plane_wave,
)
from elsa_rt.errors import UsageError
from elsa_rt.features.intensity import (
    CHANNELS,
    FeatureSettings,
    Frames,
    IntensityFeatures,
    direction_bands,
    mel_bands,
)
from tests.support.contract import check_declared, check_streaming, joined

RATE = 16_000


def noise(count: int, channels: int = 4, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(0, 0.1, (channels, count)).astype(np.float32)


def wave_from(azimuth: float, elevation: float, count: int = 4000) -> NDArray[np.float32]:
    gains = plane_wave(direction_from_angles(azimuth, elevation))[:, None]
    return (gains * noise(count, 1)).astype(np.float32)


def reference(foa: NDArray[np.float32], settings: FeatureSettings) -> Frames:
    """One hop after the other, one band after the other, in float64."""
    size, hop = settings.n_fft, settings.hop
    window = np.zeros(size)
    age = np.arange(settings.window)
    window[size - settings.window :] = 0.5 - 0.5 * np.cos(2 * np.pi * age / settings.window)
    window *= np.sqrt(2 / (size * np.sum(window**2)))
    padded = np.hstack([np.zeros((4, size)), foa.astype(float)])
    filters = mel_bands(settings)
    low, high = direction_bands(settings)
    keep, band_flow, band_density = np.exp(-hop / settings.rate), 0.0, 0.0  # of one second
    mel, intensity, energy, power, scatter = [], [], [], [], []
    for k in range(foa.shape[1] // hop):
        end = size + (k + 1) * hop
        w, y, z, x = np.fft.rfft(padded[:, end - size : end] * window)
        velocity = np.array([x, y, z])
        rows = np.zeros((len(CHANNELS), settings.mels))
        flows, densities, total = np.zeros((settings.mels, 3)), np.zeros(settings.mels), 0.0
        for m, band in enumerate(filters):
            cross = (np.conj(w) * velocity) @ band
            w_power = np.abs(w) ** 2 @ band
            band_energy = (np.abs(w) ** 2 + (np.abs(velocity) ** 2).sum(0)) @ band / 2
            scale = 1 / (band_energy + 1e-20)
            rows[0, m] = np.log(w_power + 1e-10)
            rows[1:4, m] = cross.real * scale
            rows[4:7, m] = cross.imag * scale
            rows[7, m] = 1 - np.linalg.norm(cross.real) * scale
            total += w_power
            flows[m], densities[m] = cross.real, band_energy
        band_flow = keep * band_flow + flows
        band_density = keep * band_density + densities
        means = (band_flow / (band_density[:, None] + 1e-20))[low:high]
        apart = 1 - np.linalg.norm(means.sum(0)) / (np.linalg.norm(means, axis=1).sum() + 1e-20)
        mel.append(rows)
        intensity.append(flows[low:high].sum(0))
        energy.append(densities[low:high].sum())
        power.append(total)
        scatter.append(apart)
    return Frames(*map(np.array, (mel, intensity, energy, power, scatter)))


@pytest.mark.parametrize(
    "settings",
    [
        FeatureSettings(),
        FeatureSettings(rate=48_000, hop=480, n_fft=1024, window=1024, mels=40, low_hz=100),
        FeatureSettings(rate=32_000, hop=320, n_fft=1024, window=800, mels=96, high_hz=15_000),
    ],
)
def test_kernel_equals_the_reference(settings: FeatureSettings) -> None:
    foa = noise(settings.hop * 20 + 7)
    foa[1:] += wave_from(70, -20, foa.shape[1])[1:]
    foa[0] += wave_from(70, -20, foa.shape[1])[0]
    got = IntensityFeatures(settings).step(foa)
    want = reference(foa, settings)
    assert got.mel.shape == (20, 8, settings.mels)
    np.testing.assert_allclose(got.mel, want.mel, atol=2e-4)
    np.testing.assert_allclose(got.intensity, want.intensity, atol=1e-6)
    np.testing.assert_allclose(got.energy, want.energy, rtol=1e-4)
    np.testing.assert_allclose(got.power, want.power, rtol=1e-4)
    np.testing.assert_allclose(got.scatter, want.scatter, atol=1e-4)
    assert all(part.dtype == np.float32 for part in got)


def test_streaming_is_exact() -> None:
    whole = check_streaming(IntensityFeatures, noise(5000), joined(axis=0))
    assert whole[0].shape == (31, 8, 64)
    check_declared(IntensityFeatures, noise(5000), lambda frames: len(frames.mel))


def test_looks_as_far_back_as_declared() -> None:
    stage = IntensityFeatures()
    click = np.zeros((4, 16_000), np.float32)
    click[0, 8000] = 1
    power = stage.step(click).power
    ends = stage.block * (np.arange(len(power)) + 1)
    np.testing.assert_array_equal(power > 0, (ends > 8000) & (ends < 8000 + 512))
    assert abs(ends[power.argmax()] - stage.latency - 8000) <= stage.block / 2


@pytest.mark.parametrize("azimuth", [-150, -90, -45, 0, 60, 90, 180])
@pytest.mark.parametrize("elevation", [-60, 0, 35])
def test_plane_wave_points_to_its_source(azimuth: float, elevation: float) -> None:
    frames = IntensityFeatures().step(wave_from(azimuth, elevation))
    direction = direction_from_angles(azimuth, elevation)
    flow = frames.intensity.sum(axis=0)
    np.testing.assert_allclose(flow / np.linalg.norm(flow), direction, atol=1e-4)
    # in every band of every frame past the first: the whole of the energy flows, nothing swings
    np.testing.assert_allclose(
        frames.mel[1:, 1:4], np.broadcast_to(direction[:, None], (24, 3, 64)), atol=1e-3
    )
    np.testing.assert_allclose(frames.mel[1:, 4:], 0, atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(frames.intensity, axis=1), frames.energy, rtol=1e-4)


def test_left_is_positive() -> None:
    frames = IntensityFeatures().step(wave_from(90, 0))
    azimuth, elevation = angles_from_direction(frames.intensity.sum(axis=0))
    assert azimuth == pytest.approx(90, abs=0.1)
    assert elevation == pytest.approx(0, abs=0.1)
    assert (frames.mel[:, CHANNELS.index("active_y")] > 0.99).all()


def test_reactive_intensity_is_the_imaginary_part() -> None:
    # velocity a quarter period ahead of pressure, as close to a small source
    time_s = np.arange(RATE) / RATE
    w = np.cos(2 * np.pi * 1000 * time_s)
    x = np.cos(2 * np.pi * 1000 * time_s + np.pi / 2)
    zero = np.zeros_like(w)
    frames = IntensityFeatures().step(0.1 * np.stack([w, zero, zero, x]).astype(np.float32))
    band = int(frames.mel[50, 0].argmax())
    assert frames.mel[50, CHANNELS.index("reactive_x"), band] == pytest.approx(1, abs=0.01)
    assert frames.mel[50, CHANNELS.index("active_x"), band] == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("level", [1e-6, 1e-3, 1.0, 1e3])
def test_bounds_hold_for_any_signal(level: float) -> None:
    signals = [noise(8000, seed=seed) * np.float32(10 * level) for seed in range(3)]
    signals.append(np.sign(noise(8000)) * np.float32(level))  # full scale on all channels
    signals.append(np.float32(level) * np.ones((4, 8000), np.float32))
    for foa in signals:
        frames = IntensityFeatures().step(foa)
        assert all(np.isfinite(part).all() for part in frames)
        assert np.linalg.norm(frames.mel[:, 1:4], axis=1).max() <= 1 + 1e-5
        assert np.linalg.norm(frames.mel[:, 4:7], axis=1).max() <= 1 + 1e-5
        assert frames.mel[:, 7].min() >= -1e-5
        assert frames.mel[:, 7].max() <= 1
        assert (np.linalg.norm(frames.intensity, axis=1) <= frames.energy * (1 + 1e-5)).all()


def test_noise_from_everywhere_is_diffuse() -> None:
    frames = IntensityFeatures().step(
        noise(RATE) * np.array([[1], [0.577], [0.577], [0.577]], np.float32)
    )
    flow = np.linalg.norm(frames.intensity.sum(axis=0)) / frames.energy.sum()
    assert flow < 0.1


def test_a_gain_is_of_the_mel_power_alone() -> None:
    loud = noise(8_000)
    plain = IntensityFeatures(FeatureSettings()).step(loud)
    raised = IntensityFeatures(FeatureSettings(mel_gain_db=40)).step(
        (loud / 100).astype(np.float32)
    )
    np.testing.assert_allclose(raised.mel, plain.mel, rtol=1e-4, atol=1e-4)
    for name in ("intensity", "energy", "power"):  # as they are on the microphone
        wanted = 1e-4 * getattr(plain, name)
        np.testing.assert_allclose(getattr(raised, name), wanted, rtol=1e-4, atol=1e-12)


def test_a_gain_lowers_the_floor() -> None:
    quiet = (1e-4 * noise(8_000)).astype(np.float32)  # -100 dB of full scale
    lost, heard = (
        IntensityFeatures(FeatureSettings(mel_gain_db=gain)).step(quiet).mel[10:, 0]
        for gain in (0, 40)
    )
    assert np.abs(lost - np.log(1e-10)).max() < 0.2
    assert (heard - np.log(1e-10)).mean() > 3


def test_silence() -> None:
    frames = IntensityFeatures().step(np.zeros((4, 1600), np.float32))
    np.testing.assert_allclose(frames.mel[:, 0], np.log(1e-10), rtol=1e-6)
    assert not frames.mel[:, 1:7].any()
    assert not frames.intensity.any()
    assert not frames.energy.any()
    assert not frames.power.any()


@pytest.mark.parametrize("hz", [440.0, 1000.0, 3000.0])
def test_full_scale_sine_has_power_one_half(hz: float) -> None:
    w = np.sin(2 * np.pi * hz * np.arange(RATE) / RATE)
    foa = np.stack([w, 0 * w, 0 * w, w]).astype(np.float32)
    power = IntensityFeatures().step(foa).power[10:]
    np.testing.assert_allclose(power, 0.5, rtol=0.01)


def test_bands_partition_the_power() -> None:
    for settings in (FeatureSettings(), FeatureSettings(n_fft=1024, mels=40)):
        filters = mel_bands(settings)
        assert filters.shape == (settings.mels, settings.n_fft // 2 + 1)
        total = filters.sum(axis=0)
        assert total.max() <= 1 + 1e-9
        bins = np.arange(total.size) * settings.rate / settings.n_fft
        np.testing.assert_allclose(total[(bins > 200) & (bins < 7500)], 1)
        low, high = direction_bands(settings)
        peaks = bins[filters[low:high].argmax(axis=1)]
        assert peaks.min() >= 150 - settings.rate / settings.n_fft
        assert peaks.max() <= 2500 + settings.rate / settings.n_fft


def test_memory_does_not_grow() -> None:
    stage = IntensityFeatures()
    foa = noise(1600)
    stage.step(foa)
    tracemalloc.start()
    stage.step(foa)
    before, _ = tracemalloc.get_traced_memory()
    for _ in range(200):
        stage.step(foa)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 2000


@pytest.mark.slow
def test_the_kernel_is_ready_before_the_first_step() -> None:
    code = (
        "from elsa_rt.features.intensity import IntensityFeatures; IntensityFeatures(); "
        "from elsa_rt.jit import kernel; print(kernel._machine_code.cache_info().currsize)"
    )
    made = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert made.stdout == "1\n"


@pytest.mark.parametrize("gain", [-1.0, 81.0, float("nan")])
def test_gains_that_are_refused(gain: float) -> None:
    with pytest.raises(UsageError, match=r"mel_gain_db .* is not in 0\.\.80"):
        FeatureSettings(mel_gain_db=gain)


def test_refusals() -> None:
    with pytest.raises(UsageError, match=r"FOA of shape \(3, 10\)"):
        IntensityFeatures().step(np.zeros((3, 10), np.float32))
    with pytest.raises(UsageError, match=r"hop 600 is not in 1\.\.n_fft=512"):
        FeatureSettings(hop=600)
    with pytest.raises(UsageError, match=r"window 800 is not in hop=160\.\.n_fft=512"):
        FeatureSettings(window=800)
    with pytest.raises(UsageError, match="do not fit"):
        FeatureSettings(high_hz=9000)
    with pytest.raises(UsageError, match="too narrow"):
        IntensityFeatures(FeatureSettings(mels=200))
