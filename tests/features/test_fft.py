"""The Fourier transform of the features against NumPy's."""

from __future__ import annotations

import numpy as np
import pytest

from elsa_rt.errors import UsageError
from elsa_rt.features.fft import take_apart, transform
from elsa_rt.features.fft_plan import SIGNALS, plan
from elsa_rt.features.intensity import FeatureSettings


@pytest.mark.parametrize("size", [2, 4, 8, 64, 512, 1024])
def test_four_channels_at_once(size: int) -> None:
    channels = np.random.default_rng(size).normal(size=(4, size)).astype(np.float32)
    packed = np.empty((2, SIGNALS * size), np.float32)
    for channel, samples in enumerate(channels):
        packed[channel % 2, channel // 2 :: SIGNALS] = samples
    other, spectrum = np.empty_like(packed), np.empty((4, 2, size // 2 + 1), np.float32)
    swapped = transform(*plan(size), packed, other)
    take_apart(other if swapped else packed, spectrum)
    wanted = np.fft.rfft(channels.astype(float))
    error = np.abs(spectrum[:, 0] + 1j * spectrum[:, 1] - wanted).max()
    assert error < 4e-7 * np.abs(wanted).max()


def test_a_tone_falls_into_its_bin() -> None:
    size, bin_ = 256, 37
    packed = np.zeros((2, SIGNALS * size), np.float32)
    packed[1, 1::SIGNALS] = np.cos(2 * np.pi * bin_ * np.arange(size) / size)  # channel 3
    other, spectrum = np.empty_like(packed), np.empty((4, 2, size // 2 + 1), np.float32)
    swapped = transform(*plan(size), packed, other)
    take_apart(other if swapped else packed, spectrum)
    wanted = np.zeros_like(spectrum)
    wanted[3, 0, bin_] = size / 2
    np.testing.assert_allclose(spectrum, wanted, atol=1e-4)


@pytest.mark.parametrize("size", [1, 1000, 1023])
def test_other_lengths_are_refused(size: int) -> None:
    with pytest.raises(UsageError, match=rf"n_fft {size} is not a power of two"):
        FeatureSettings(n_fft=size, window=1, hop=1)
