"""HighPass: exact silence for DC, nothing below hearing, hearing itself untouched."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal

from elsa_rt.errors import UsageError
from elsa_rt.features.high_pass import EDGE_HZ, HighPass, sections
from tests.support.contract import check_streaming, joined

RATES = (8_000, 16_000, 44_100, 48_000, 192_000)


@pytest.mark.parametrize("rate", RATES)
def test_the_response_is_that_of_scipys_elliptic_filter(rate: int) -> None:
    sos = scipy.signal.ellip(7, 0.1, 50, EDGE_HZ, "highpass", fs=rate, output="sos")
    hz = np.array([2, 5, 10, 12, 15, 16, 18, 19, 20, 25, 40, 60, 100, 500, 3_000])
    _, want = scipy.signal.sosfreqz(sos, 2 * np.pi * hz / rate)
    ours = sections(rate)
    sos = np.insert(ours, 3, 1.0, axis=1)
    _, got = scipy.signal.sosfreqz(sos, 2 * np.pi * hz / rate)
    np.testing.assert_allclose(np.abs(got), np.abs(want), rtol=3e-3, atol=1e-4)
    decibels = 20 * np.log10(np.abs(got) + 1e-12)
    assert (decibels[hz < 16] < -49.5).all()
    assert np.abs(decibels[hz >= 19]).max() < 0.12


def test_a_constant_is_exact_silence_from_the_first_sample_on() -> None:
    x = np.full((4, 48_000), 0.3, np.float32) * np.array([[1], [-3], [0.01], [0]], np.float32)
    assert not HighPass(48_000).step(x).any()


@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_any_split_gives_the_same_bits(rate: int) -> None:
    x = np.random.default_rng(3).normal(0.3, 0.1, (4, 4_000)).astype(np.float32)
    check_streaming(lambda: HighPass(rate), x, joined())


def test_the_input_stays_as_it_is() -> None:
    x = np.random.default_rng(3).normal(0.3, 0.1, (4, 400)).astype(np.float32)
    before = x.copy()
    HighPass(16_000).step(x)
    np.testing.assert_array_equal(x, before)


def test_a_rate_that_is_no_sound_is_refused() -> None:
    with pytest.raises(UsageError, match="sampling rate 7 Hz"):
        HighPass(7)
