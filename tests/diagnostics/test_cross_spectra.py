"""Cross-spectra in a band, piece by piece, and the tally of four channels."""

from __future__ import annotations

import numpy as np
import pytest

from elsa_rt.diagnostics.channel_tally import ChannelTally
from elsa_rt.diagnostics.cross_spectra import BandSpectra, cross_spectra

RATE = 8_000


def mixture(count: int) -> np.ndarray:
    """Four channels that have something in common."""
    x = np.random.default_rng(0).normal(0, 0.1, (4, count)).astype(np.float32)
    x[1] += 0.5 * x[0]
    x[2, 3:] -= 0.7 * x[1, :-3]
    return x


@pytest.mark.parametrize("size", [100, 1024, 5000, 30_000])
def test_a_band_has_the_bins_of_the_transform(size: int) -> None:
    x = mixture(30_000)
    band = BandSpectra(5, 22)
    for begin in range(0, x.shape[1], size):
        band.add(x[:, begin : begin + size])
    whole = cross_spectra(x)[5:22]
    np.testing.assert_allclose(band.mean, whole, atol=1e-5 * np.abs(whole).max())


def test_a_band_of_no_window_is_empty() -> None:
    band = BandSpectra(5, 22)
    band.add(mixture(1023))
    assert band.mean.shape == (17, 4, 4)
    assert not band.mean.any()


@pytest.mark.parametrize("size", [1, 399, 400, 7_777])
def test_the_tally_is_the_covariance_of_sound_and_steps(size: int) -> None:
    x, tally = mixture(7_777), ChannelTally(RATE, frames=8)
    for begin in range(0, x.shape[1], size):
        tally.add(x[:, begin : begin + size])
    np.testing.assert_allclose(tally.covariance(), np.cov(x, bias=True), atol=1e-9)
    frames = x[:, 11 * 400 : 19 * 400].astype(float).reshape(4, 8, 400)  # the newest whole ones
    steps = np.diff(frames, axis=2)
    np.testing.assert_allclose(
        tally.steps(), np.einsum("ifk,jfk->fij", steps, steps) / 399, atol=1e-12
    )
