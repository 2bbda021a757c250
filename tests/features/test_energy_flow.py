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


def test_bands_from_one_direction_do_not_scatter() -> None:
    alone = sound("hiss", 2, 60)
    azimuths = range(-180, 180, 30)
    around = np.sum([np.roll(sound("hiss", 2, at), 4_001 * at, axis=1) for at in azimuths], axis=0)
    assert flows(alone)[-1].scatter < 1e-3
    assert flows(alone + 0.2 * around)[-1].diffuseness > 0.2
    assert flows(alone + 0.2 * around)[-1].scatter < 0.05  # what is diffuse averages out


def test_an_early_reflection_scatters_the_bands() -> None:
    alone = sound("hiss", 2, 60)
    late = np.pad(sound("hiss", 2, -60), ((0, 0), (24, 0)))[:, : alone.shape[1]]  # 1.5 ms
    weak, middling, strong = (flows(alone + g * late)[-1].scatter for g in (0.2, 0.4, 0.7))
    assert 0.003 < weak < middling < strong
    assert strong > 0.04


def test_levels() -> None:
    sine = np.zeros((4, 16_000), np.float32)
    sine[0] = np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000)
    assert flows(sine)[-1].level_dbfs == pytest.approx(-3, abs=0.2)
    assert flows(np.zeros((4, 1_600), np.float32)) == [Flow(0.0, 0.0, 1.0, -120.0, 1.0)]


def test_any_split_gives_the_same() -> None:
    frames = IntensityFeatures().step(sound("hum", 3, 30))
    hops = np.column_stack([frames.intensity, *frames[2:]])

    class OfHops(EnergyFlow):
        def step(self, hops: NDArray[np.float32]) -> list[Flow]:  # type: ignore[override]
            return super().step(Frames(hops, hops[:, :3], *hops.T[3:]))

    def stacked(outputs: list[list[Flow]]) -> list[NDArray[np.float64]]:
        return [np.array([flow for output in outputs for flow in output])]

    check_streaming(lambda: OfHops(10), hops, stacked, axis=0, sizes=(1, 7, 64))
