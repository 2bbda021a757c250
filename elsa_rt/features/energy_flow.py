"""The direction of the energy flow alone, step by step, without any model."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.audio.ambisonics import angles_from_direction
from elsa_rt.features.intensity import Frames

SILENCE_DBFS = -120.0
"""What digital silence reads as."""


class Flow(NamedTuple):
    """One step of closed-form hearing."""

    azimuth_deg: float  # -180..180, left positive
    elevation_deg: float  # -90..90, up positive
    diffuseness: float  # 0 one plane wave .. 1 sound from everywhere
    level_dbfs: float  # of W; a full-scale sine reads -3
    scatter: float  # 0 all bands from one direction .. 1, as in `Frames`


class EnergyFlow:
    """Sums intensity, energy and power over the hops of each step.

    Diffuseness is ``1 - |mean I| / mean E`` (Merimaa and Pulkki, 2005). ``block`` and
    ``latency`` count frames, as those of the audio encoder do.
    """

    def __init__(self, step_frames: int) -> None:
        self.block = step_frames
        self.latency = step_frames
        self.reset()

    def reset(self) -> None:
        """Forget all frames; the next is the first."""
        self._sums = np.zeros(5)
        self._filled = 0

    def step(self, frames: Frames) -> list[Flow]:
        """Take frames; returns the flow of every step that they completed."""
        hops = np.column_stack([frames.intensity, frames.energy, frames.power])
        flows = []
        for hop, scatter in zip(hops, frames.scatter.tolist(), strict=True):
            self._sums += hop
            self._filled += 1
            if self._filled == self.block:
                flows.append(self._flow(scatter))
                self.reset()
        return flows

    def _flow(self, scatter: float) -> Flow:
        intensity: NDArray[np.float64] = self._sums[:3]
        energy, power = float(self._sums[3]), float(self._sums[4]) / self.block
        azimuth, elevation = angles_from_direction(intensity)
        directed = float(np.linalg.norm(intensity)) / energy if energy > 0 else 0.0
        level = 10 * math.log10(power) if power > 0 else SILENCE_DBFS
        diffuseness = min(max(1 - directed, 0.0), 1.0)
        return Flow(azimuth, elevation, diffuseness, max(level, SILENCE_DBFS), scatter)
