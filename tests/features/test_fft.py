"""The Fourier transform of the features against NumPy's."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from elsa_rt.errors import UsageError
from elsa_rt.features.fft import transform
from elsa_rt.features.fft_plan import SIGNALS, plan
from elsa_rt.features.intensity import FeatureSettings
from elsa_rt.features.products import gather, multiply, turn


def packed(channels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Two complex signals of four real ones (4, n), side by side."""
    held = np.empty((2, SIGNALS * channels.shape[1]), np.float32)
    for channel, samples in enumerate(channels):
        held[channel % 2, channel // 2 :: SIGNALS] = samples
    return held


def transformed(channels: NDArray[np.float32]) -> NDArray[np.float32]:
    one = packed(channels)
    other = np.empty_like(one)
    return other if transform(*plan(channels.shape[1]), one, other) else one


@pytest.mark.parametrize("size", [2, 4, 8, 16, 32, 64, 128, 512, 1024, 2048])
def test_two_signals_at_once(size: int) -> None:
    channels = np.random.default_rng(size).normal(size=(4, size)).astype(np.float32)
    found = transformed(channels)
    for signal in range(SIGNALS):
        wanted = np.fft.fft(channels[2 * signal] + 1j * channels[2 * signal + 1].astype(float))
        error = np.abs(found[0, signal::SIGNALS] + 1j * found[1, signal::SIGNALS] - wanted).max()
        assert error < 4e-7 * np.abs(wanted).max()


@pytest.mark.parametrize("size", [2, 4, 8, 64, 512, 1024])
def test_products_of_four_channels(size: int) -> None:
    channels = np.random.default_rng(size).normal(size=(4, size)).astype(np.float32)
    products = np.empty((size // 2 + 1, 8), np.float32)
    multiply(transformed(channels), products)
    w, y, z, x = np.fft.rfft(channels.astype(float))
    energy = (np.abs([w, y, z, x]) ** 2).sum(axis=0)
    flow = [w.conj() * one for one in (x, y, z)]
    wanted = np.stack([np.abs(w) ** 2, energy, *np.real(flow), *np.imag(flow)], axis=1)
    np.testing.assert_allclose(products, wanted, atol=1e-6 * energy.max())


def test_a_tone_falls_into_its_bin() -> None:
    size, bin_ = 256, 37
    channels = np.zeros((4, size), np.float32)
    channels[[0, 3]] = np.cos(2 * np.pi * bin_ * np.arange(size) / size)  # W and X
    products = np.empty((size // 2 + 1, 8), np.float32)
    multiply(transformed(channels), products)
    wanted = np.zeros_like(products)
    wanted[bin_, :3] = (size / 2) ** 2 * np.array([1, 2, 1])
    np.testing.assert_allclose(products, wanted, atol=2e-2)


@pytest.mark.parametrize("mels", [5, 16, 128])
def test_bands_are_sums_of_bins(mels: int) -> None:
    products = np.random.default_rng(mels).normal(size=(mels + 3, 8)).astype(np.float32)
    first, last = np.arange(mels), np.minimum(np.arange(mels) + 4, mels + 3)
    weights = np.random.default_rng(1).random((mels, 4)).astype(np.float32)
    sums, turned = np.empty((mels, 8), np.float32), np.empty((8, mels), np.float32)
    gather(products, first, last, weights, sums)
    turn(sums, turned)
    wanted = np.stack([
        weights[m, : last[m] - m] @ products[m : last[m]].astype(float) for m in range(mels)
    ])  # fmt: skip
    np.testing.assert_allclose(sums, wanted, atol=1e-5)
    np.testing.assert_array_equal(turned, sums.T)


@pytest.mark.parametrize("size", [1, 1000, 1023])
def test_other_lengths_are_refused(size: int) -> None:
    with pytest.raises(UsageError, match=rf"n_fft {size} is not a power of two"):
        FeatureSettings(n_fft=size, window=1, hop=1)
