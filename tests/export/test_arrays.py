"""Simulated microphones err as real ones do: above their coincidence limit, by their capsules."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import fft

from elsa_rt.audio.ambisonics import direction_from_angles, plane_wave
from elsa_rt.features.intensity import IntensityFeatures
from export.acoustics.arrays import Microphone, array_errors, random_microphone, tetrahedron
from export.acoustics.arrivals import COINCIDENT, SOUND_SPEED, Arrivals, sphere
from export.settings import FEATURES

RATE, N = FEATURES.rate, 4096
FREQUENCY = np.maximum(fft.rfftfreq(N, 1 / RATE), 1.0)


def wave(direction: NDArray[np.float64]) -> Arrivals:
    """One plane wave of gain 1 that passes the centre after 30 ms."""
    one = np.ones(1)
    return Arrivals(0.03 * one, direction[None], one, one)


def spectra(microphone: Microphone, directions: NDArray[np.float64]) -> NDArray[np.complex128]:
    """AmbiX (d, 4, bins) of plane waves from ``directions`` (d, 3)."""
    return np.stack([fft.rfft(microphone.hear(wave(d), RATE).astype(float)) for d in directions])


def direction_error(
    heard: NDArray[np.complex128], directions: NDArray[np.float64], low: float, high: float
) -> float:
    """Median angle in degrees of the energy flow in a band of frequencies."""
    inside = (FREQUENCY >= low) & (FREQUENCY < high)
    flow = (heard[:, :1].conj() * heard[:, [3, 1, 2]]).real[..., inside]  # (d, 3, bins)
    flow /= np.linalg.norm(flow, axis=1, keepdims=True)
    cosine = np.einsum("dxf,dx->df", flow, directions)
    return float(np.median(np.degrees(np.arccos(np.clip(cosine, -1, 1)))))


@pytest.mark.parametrize("radius", [0.010, 0.015, 0.025])
@pytest.mark.parametrize("equalised", [False, True])
def test_a_flawless_tetrahedron_errs_above_its_limit_only(radius: float, equalised: bool) -> None:
    limit, directions = SOUND_SPEED / (2 * np.pi * radius), sphere(24)
    rng = np.random.default_rng(0)
    microphone = tetrahedron(rng, FREQUENCY, radius, flaws=0, equalised=equalised)
    heard = spectra(microphone, directions)
    assert direction_error(heard, directions, 200, limit / 4) < 2
    assert direction_error(heard, directions, limit / 2, limit) < 12
    assert direction_error(heard, directions, 1.8 * limit, min(3 * limit, 12_000)) > 15


def test_the_equaliser_gives_a_diffuse_field_its_power() -> None:
    directions = sphere(60)
    for equalised, most in ((True, 1.5), (False, 12.0)):
        rng = np.random.default_rng(1)
        heard = spectra(tetrahedron(rng, FREQUENCY, 0.02, flaws=0, equalised=equalised), directions)
        power = (np.abs(heard) ** 2).mean(0) * np.array([1, 3, 3, 3])[:, None]
        middle = (FREQUENCY > 300) & (FREQUENCY < 9_000)
        off = np.abs(10 * np.log10(power[:, middle])).max()
        assert off < most
        assert equalised or off > 3


def test_capsules_that_do_not_match_err_everywhere() -> None:
    directions = sphere(12)
    errors = []
    for flaws in (0.0, 1.0, 3.0):
        heard = [spectra(tetrahedron(np.random.default_rng(seed), FREQUENCY, 0.012, flaws, False),
                         directions) for seed in range(8)]  # fmt: skip
        errors.append(np.median([direction_error(h, directions, 300, 1000) for h in heard]))
    assert errors[0] < 1
    assert 1.5 < errors[1] < 10
    assert errors[2] > 1.8 * errors[1]


@pytest.mark.parametrize(
    ("azimuth", "elevation", "axis", "sign"),
    [(0, 0, 0, 1), (180, 0, 0, -1), (90, 0, 1, 1), (-90, 0, 1, -1), (0, 85, 2, 1), (0, -85, 2, -1)],
)
def test_handedness_from_plane_wave_through_capsules_to_features(
    azimuth: float, elevation: float, axis: int, sign: int
) -> None:
    """Left of the microphone is +Y in the features."""
    microphone = tetrahedron(np.random.default_rng(2), FREQUENCY, 0.015, flaws=0.5)
    response = microphone.hear(wave(direction_from_angles(azimuth, elevation)), RATE)
    sound = np.random.default_rng(0).normal(0, 0.1, 8000)
    foa = np.stack([np.convolve(sound, channel) for channel in response]).astype(np.float32)
    frames = IntensityFeatures(FEATURES).step(foa)
    flow = frames.intensity.sum(0)
    assert np.abs(flow).argmax() == axis
    assert flow[axis] * sign > 0.9 * np.linalg.norm(flow)
    low = frames.mel[20, 1 + axis, 20:40].mean()  # active intensity, some 300 to 900 Hz
    assert low * sign > 0.7


def test_array_errors_spare_the_low_band_and_w() -> None:
    encoding = array_errors(np.random.default_rng(4), FREQUENCY)
    gains = plane_wave(direction_from_angles(60, 0))
    error = np.abs(encoding @ gains - gains)
    low, high = (FREQUENCY > 300) & (FREQUENCY < 600), FREQUENCY > 6000
    assert error[low].max() < 0.35
    assert error[high][:, 1:].mean() > 2 * error[low][:, 1:].mean()
    assert error[:, 0].max() < 1e-6  # W is right at all frequencies


def test_an_ideal_microphone_hears_the_plane_wave_itself() -> None:
    unit = np.broadcast_to(np.eye(4, dtype=np.complex64), (FREQUENCY.size, 4, 4))
    direction = direction_from_angles(30, 20)
    response = Microphone(COINCIDENT, unit).hear(wave(direction), RATE)
    assert response.sum(axis=1) == pytest.approx(plane_wave(direction), abs=0.01)


def test_drawn_microphones_are_all_usable_and_reproducible() -> None:
    directions = sphere(6)
    errors = []
    for seed in range(40):
        microphone = random_microphone(np.random.default_rng(seed), RATE, N)
        heard = spectra(microphone, directions)
        assert np.isfinite(heard).all()
        errors.append(direction_error(heard, directions, 300, 1500))
        again = random_microphone(np.random.default_rng(seed), RATE, N)
        assert np.array_equal(again.encoding, microphone.encoding)
    assert np.median(errors) < 5  # their makers meant them to be right here
    assert max(errors) < 30
