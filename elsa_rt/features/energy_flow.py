"""The direction of the energy flow alone, step by step, without any model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from elsa_rt.audio.ambisonics import angles_of
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
        self._waiting = np.empty((0, 6))

    def step(self, frames: Frames) -> list[Flow]:
        """Take frames; returns the flow of every step that they completed."""
        if not len(frames.energy):
            return []
        new = np.empty((len(frames.energy), 6))
        new[:, :3], new[:, 3] = frames.intensity, frames.energy
        new[:, 4], new[:, 5] = frames.power, frames.scatter
        hops = np.concatenate([self._waiting, new]) if len(self._waiting) else new
        whole = len(hops) // self.block
        self._waiting = hops[whole * self.block :]
        if not whole:
            return []
        steps = hops[: whole * self.block].reshape(whole, self.block, 6)
        scatter = steps[:, -1, 5].tolist()  # that of the last hop knows of those before
        return list(map(self._flow, steps[:, :, :5].sum(axis=1).tolist(), scatter))

    def _flow(self, sums: Sequence[float], scatter: float) -> Flow:
        x, y, z, energy, power = sums
        azimuth, elevation = angles_of(x, y, z)
        directed = math.sqrt(x * x + y * y + z * z) / energy if energy > 0 else 0.0
        level = 10 * math.log10(power / self.block) if power > 0 else SILENCE_DBFS
        diffuseness = min(max(1 - directed, 0.0), 1.0)
        return Flow(azimuth, elevation, diffuseness, max(level, SILENCE_DBFS), scatter)
