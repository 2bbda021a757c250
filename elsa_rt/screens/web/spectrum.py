"""The spectrogram coloured by direction: one column of bands for each step.

A band carries its level, the azimuth of its active intensity and its diffuseness. The page draws
azimuth as hue, 1 - diffuseness as saturation, level as brightness. `BANDS` bands and one column a
step are far too coarse to make speech of it again.
"""

from __future__ import annotations

import base64

import numpy as np
from numpy.typing import NDArray

from elsa_rt.features.intensity import FeatureSettings, Frames

BANDS = 40
"""Bands of a column, the lowest first."""

PARTS = 4
"""Channels of the features that make a column: power, and active intensity in x, y, z."""

LEVEL_DB = (-100.0, -20.0)
"""Mel power in dB that is drawn as 0 and as 255."""


class DirectionSpectrum:
    """Gathers frames into columns.

    Parameters
    ----------
    settings : FeatureSettings
        Of the frames.
    step_frames : int
        Hops of a column.
    """

    def __init__(self, settings: FeatureSettings, step_frames: int) -> None:
        self._step, self._gain = step_frames, np.float32(settings.mel_gain)
        self._starts = np.linspace(0, settings.mels, min(BANDS, settings.mels) + 1).astype(int)[:-1]
        self.bands = len(self._starts)
        self._mels = settings.mels
        self.reset()

    def reset(self) -> None:
        """Forget the column that was begun."""
        self._waiting = np.empty((0, PARTS, self._mels), np.float32)

    def step(self, frames: Frames) -> list[bytes]:
        """Take frames; returns the columns that they completed, 3 bytes a band each."""
        mel = np.concatenate([self._waiting, frames.mel[:, :PARTS]])
        whole = len(mel) // self._step
        self._waiting = mel[whole * self._step :]
        if not whole:
            return []
        steps = mel[: whole * self._step].reshape(whole, self._step, PARTS, self._mels)
        return columns(self._summed(steps), self._step)

    def _summed(self, mel: NDArray[np.float32]) -> NDArray[np.float32]:
        """Sums (4, n, bands) over the hops of n columns (n, hops, 4, mels)."""
        power = np.exp(mel[:, :, 0])  # (n, hops, mels)
        parts = np.empty((4, len(mel), mel.shape[3]), np.float32)
        power.sum(axis=1, out=parts[0])
        (power[:, :, None] * mel[:, :, 1:]).sum(axis=1, out=parts[1:].transpose(1, 0, 2))
        return np.add.reduceat(parts, self._starts, axis=2) / self._gain


def columns(sums: NDArray[np.floating], hops: int) -> list[bytes]:
    """3 bytes a band: level 0..255, azimuth 0..255 for -180..180 degrees, directness 0..255."""
    power, x, y, z = sums  # (n, bands) each
    lowest, highest = LEVEL_DB
    level = 10 * np.log10(np.maximum(power / hops, 1e-12))
    level = np.clip((level - lowest) / (highest - lowest), 0, 1)
    azimuth = np.degrees(np.arctan2(y, x)) / 360 + 0.5
    direct = np.sqrt(x**2 + y**2 + z**2) / np.maximum(power, 1e-12)
    bands = np.empty((*level.shape, 3))
    bands[:, :, 0], bands[:, :, 1], bands[:, :, 2] = level, azimuth % 1.0, np.minimum(direct, 1)
    return [one.tobytes() for one in np.rint(255 * bands).astype(np.uint8)]


def as_text(column: bytes) -> str:
    """A column as base64."""
    return base64.b64encode(column).decode("ascii")
