"""The unit that every source yields."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from elsa_rt.errors import SourceError


@dataclass(frozen=True)
class Block:
    """A run of samples as the device or file gave them; floats of two dimensions or a SourceError.

    Attributes
    ----------
    samples : float32 (channels, n), full scale is -1..1
        In the source's own channel order and format.
    rate : int, Hz
    start : int, samples
        Absolute index of the first sample since the source was opened, lost samples included.
    dropped : int, samples
        Lost immediately before this block; already counted in ``start``.
    captured : float or None, seconds
        Capture clock (``time.monotonic``) of the first sample, where there is one.
    """

    samples: NDArray[np.float32]
    rate: int
    start: int = 0
    dropped: int = 0
    captured: float | None = None

    def __post_init__(self) -> None:
        if self.samples.ndim != 2 or self.samples.dtype.kind != "f":
            raise SourceError(
                f"a block holds {self.samples.dtype} of shape {self.samples.shape}: floats "
                "(channels, n) of full scale -1..1 are needed, "
                "e.g. (pcm.T / 32768).astype('float32') for int16"
            )
