"""From the channels of a source to AmbiX at the model's rate."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from elsa_rt.audio.ambisonics import decode_matrix, mount_rotation, rotate_foa, rotation
from elsa_rt.audio.resample import Resampler
from elsa_rt.config import Config
from elsa_rt.errors import SourceError, UsageError

LARGEST = 2.0**20
"""Beyond this a sample is no sound: its power would overflow further down."""


def unusable(samples: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where samples are NaN, infinite or absurdly large."""
    return ~(np.abs(samples) <= LARGEST)


def pick_channels(wanted: tuple[int, ...] | None, channels: int, name: str) -> tuple[int, ...]:
    """The four channels to use, counted from 1, of a source called ``name`` that has ``channels``.

    Raises
    ------
    SourceError
        With fewer than four channels there is no direction to hear.
    UsageError
        A wanted channel does not exist.
    """
    if channels < 4:
        raise SourceError(
            f"{name} has {channels} channel{'s' if channels != 1 else ''}, four are needed: "
            "record with a first-order ambisonic or tetrahedral microphone"
        )
    if wanted is None:
        return 1, 2, 3, 4
    if max(wanted) > channels:
        raise UsageError(
            f"--channels {','.join(map(str, wanted))}: {name} has only {channels} channels, "
            f"choose four of 1..{channels}"
        )
    return wanted


def foa_matrix(config: Config) -> NDArray[np.float64]:
    """Matrix (4, 4) from the chosen channels to upright AmbiX: format, then mount and turn."""
    degrees = (config.yaw_deg, config.pitch_deg, config.roll_deg)
    if not np.isfinite(degrees).all():
        raise UsageError(f"yaw, pitch, roll {degrees} of the microphone: finite degrees are needed")
    turn = rotation(*degrees) @ mount_rotation(config.mount)
    return rotate_foa(turn) @ decode_matrix(config.format)


class ToFoa:
    """Choose channels, decode the format, turn upright, resample.

    Attributes
    ----------
    block : int, samples
        Any number may come in: 1.
    latency : int, samples at the model's rate
        How far the output can trail the input: what the resampler holds back, 0 without one.
    """

    block = 1

    def __init__(self, config: Config, channels: int, rate: int, model_rate: int) -> None:
        if rate < 1:
            raise UsageError(f"sampling rate {rate} Hz: a positive rate is needed, e.g. 48000")
        self.channels = channels
        self.rate = rate
        self._chosen = np.array(pick_channels(config.channels, channels, "the signal")) - 1
        self._matrix = foa_matrix(config).astype(np.float32)
        self._resampler = None if rate == model_rate else Resampler(4, rate, model_rate)
        self.latency = 0 if self._resampler is None else self._resampler.latency

    def step(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take samples (channels, n); give AmbiX (4, m), perhaps with m = 0."""
        if samples.ndim != 2 or samples.shape[0] != self.channels:
            raise SourceError(
                f"samples of shape {samples.shape} came in, ({self.channels}, n) is needed: "
                "a source keeps its number of channels"
            )
        chosen = samples[self._chosen]  # (4, n), a copy
        chosen[unusable(chosen)] = 0  # `SignalHealth` counts and says it
        foa = self._decode(chosen)
        return foa if self._resampler is None else self._resampler.step(foa)

    def flush(self) -> NDArray[np.float32]:
        """At the end of the signal: the AmbiX (4, m) still held back."""
        if self._resampler is None:
            return np.empty((4, 0), np.float32)
        return self._resampler.flush()

    def reset(self) -> None:
        """Forget all sound; the next sample is the first."""
        if self._resampler is not None:
            self._resampler.reset()

    def _decode(self, chosen: NDArray[np.float32]) -> NDArray[np.float32]:
        # not matmul: BLAS sums in an order that depends on n, and splits would differ in bits
        foa = np.zeros_like(chosen)
        for row, gains in zip(foa, self._matrix, strict=True):
            for gain, channel in zip(gains, chosen, strict=True):
                if gain:
                    row += gain * channel
        return foa
