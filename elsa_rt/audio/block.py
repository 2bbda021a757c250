"""Block: samples, their place in time and losses before them; what every source yields."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from elsa_rt.errors import SourceError
from elsa_rt.hints import coerce_fields

MAX_RATE_HZ = 768_000

MAX_CHANNELS = 1_024
"""More channels than any file or device has."""

TURNED = 128
"""A first block of more channels than this, and of no more samples, has its rows for columns."""


@dataclass(frozen=True)
class SourceStatus:
    """How a live source is doing; a block without samples carries it where no sound comes.

    Attributes
    ----------
    silent_s : float, seconds
        For how long no sound has come before this block.
    lag_s : float, seconds
        How much sound waits in the source behind this block.
    resumed : bool
        The source was opened again: nothing before this block hangs together with it.
    restarts : int
        How often it was opened again.
    reason : str
        Why no sound comes, in words.
    """

    silent_s: float = 0.0
    lag_s: float = 0.0
    resumed: bool = False
    restarts: int = 0
    reason: str = ""


@dataclass(frozen=True)
class Block:
    """A run of samples as the device or file gave them.

    Attributes
    ----------
    samples : float32 (channels, n), full scale is -1..1
        In the source's own channel order and format.
    rate : int, Hz
    start : int, samples
        Absolute index of the first sample since the source was opened, lost samples included.
    dropped : int, samples
        Lost immediately before this block; already counted in ``start``.
    captured_s : float or None, seconds
        Capture clock (``time.monotonic``) of the first sample, where there is one.
    status : SourceStatus or None
        How a live source is doing, where it tells.

    Raises
    ------
    SourceError
        The samples are no floats (channels, n), or there are more than `MAX_CHANNELS` channels.
    UsageError
        A field is of another type.
    """

    samples: NDArray[np.float32]
    rate: int
    start: int = 0
    dropped: int = 0
    captured_s: float | None = None
    status: SourceStatus | None = None

    def __post_init__(self) -> None:
        coerce_fields(self, "a block's ")
        if self.samples.ndim != 2 or self.samples.dtype.kind != "f":
            raise SourceError(
                f"a block holds {self.samples.dtype} of shape {self.samples.shape}: floats "
                "(channels, n) of full scale -1..1 are needed, "
                "e.g. (pcm.T / 32768).astype('float32') for int16"
            )
        channels, count = self.samples.shape
        turned = self.start == 0 and 0 < count <= TURNED < channels
        if channels > MAX_CHANNELS or turned:
            raise SourceError(
                f"a block has shape {self.samples.shape}: (channels, n) is needed, perhaps "
                "samples.T, as sounddevice and soundfile give (n, channels)"
            )
        if not 1 <= self.rate <= MAX_RATE_HZ:
            raise SourceError(f"a block's rate {self.rate} Hz: 1..{MAX_RATE_HZ} is possible")
