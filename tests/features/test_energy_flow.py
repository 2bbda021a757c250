"""The closed-form direction, against known sound fields."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from elsa_rt.features.energy_flow import EnergyFlow, Flow
from elsa_rt.features.intensity import Frames, IntensityFeatures
from elsa_rt.testing import sound
from tests.support.contract import check_streaming


def flows(foa: NDArray[np.float32]) -> list[Flow]:
    return EnergyFlow(10).step(IntensityFeatures().step(foa))


@pytest.mark.parametrize(("azimuth", "elevation"), [(90, 0), (-90, 0), (0, 60), (150, -30)])
def test_plane_wave(azimuth: float, elevation: float) -> None:
    flow = flows(sound("hum", 0.5, azimuth, elevation))[-1]
    assert flow.azimuth_deg == pytest.approx(azimuth, abs=0.1)
    assert flow.elevation_deg == pytest.approx(elevation, abs=0.1)
    assert flow.diffuseness < 0.01


def test_sound_from_everywhere_is_diffuse() -> None:
    waves = [sound("hum", 1, azimuth) for azimuth in (0, 90, 180, -90)]
    flow = flows(np.sum([np.roll(w, 997 * k, axis=1) for k, w in enumerate(waves)], axis=0))[-1]
    assert flow.diffuseness > 0.5


def test_levels() -> None:
    sine = np.zeros((4, 16_000), np.float32)
    sine[0] = np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000)
    assert flows(sine)[-1].level_dbfs == pytest.approx(-3, abs=0.2)
    assert flows(np.zeros((4, 1_600), np.float32)) == [Flow(0.0, 0.0, 1.0, -120.0)]


def test_any_split_gives_the_same() -> None:
    frames = IntensityFeatures().step(sound("hum", 3, 30))
    hops = np.column_stack([frames.intensity, frames.energy, frames.power])

    class OfHops(EnergyFlow):
        def step(self, hops: NDArray[np.float32]) -> list[Flow]:  # type: ignore[override]
            return super().step(Frames(hops, hops[:, :3], hops[:, 3], hops[:, 4]))

    def stacked(outputs: list[list[Flow]]) -> list[NDArray[np.float64]]:
        return [np.array([flow for output in outputs for flow in output])]

    check_streaming(lambda: OfHops(10), hops, stacked, axis=0, sizes=(1, 7, 64))
