"""Powers of four channels and of what they share, gathered sample by sample."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from elsa_rt.jit.kernel import Kernel

FRAME_S = 0.05
"""Length of the frames whose steps are kept."""

PIECE = 256
"""Samples that are tallied at a time: they stay in the processor's first cache."""

TALLY = Kernel(
    "elsa_rt.diagnostics.tally_kernels", "tally", "i d2 d2 d1 d2 i f2", uses=["elsa_rt.jit.vector"]
)

_ROW, _COLUMN = np.triu_indices(4)


class ChannelTally:
    """Covariance of the sound, and of its steps from sample to sample in each frame.

    A step is the difference of two neighbouring samples: drift and rumble are no level.

    Parameters
    ----------
    rate : int, Hz
    frames : int
        That are kept, the newest.
    """

    def __init__(self, rate: int, frames: int) -> None:
        self._size = max(2, round(FRAME_S * rate))
        self._done = self._since = 0  # samples
        self._sound = np.zeros(4 + len(_ROW))
        self._frames = np.zeros((frames + 1, len(_ROW)))  # and the one that is being filled
        self._tally = TALLY.bind(
            self._size, np.zeros((PIECE + 1, 6)), np.zeros((7, 4)), self._sound, self._frames
        )

    def add(self, samples: NDArray[np.float32]) -> None:
        """Take finite samples (4, n)."""
        self._done = self._tally(self._done, np.ascontiguousarray(samples, np.float32))

    def covariance(self) -> NDArray[np.float64]:
        """Covariance (4, 4) of the samples since this was last asked for."""
        count = max(1, self._done - self._since)
        mean, square = self._sound[:4] / count, _symmetric(self._sound[4:] / count)
        self._sound[:] = 0
        self._since = self._done
        return square - np.outer(mean, mean)

    def steps(self) -> NDArray[np.float64]:
        """Mean products (frames, 4, 4) of the steps in the frames that are kept, oldest first."""
        whole, room = self._done // self._size, len(self._frames)
        kept = np.arange(max(0, whole - room + 1), whole) % room
        return _symmetric(self._frames[kept] / (self._size - 1))


def steps_of(samples: NDArray[np.floating], rate: int) -> NDArray[np.float64]:
    """`ChannelTally.steps` of all of ``samples`` (4, n)."""
    tally = ChannelTally(rate, samples.shape[1] // max(2, round(FRAME_S * rate)))
    tally.add(samples.astype(np.float32, copy=False))
    return tally.steps()


def _symmetric(upper: NDArray[np.float64]) -> NDArray[np.float64]:
    """Matrices (..., 4, 4) of their upper triangles (..., 10)."""
    full = np.empty((*upper.shape[:-1], 4, 4))
    full[..., _ROW, _COLUMN] = full[..., _COLUMN, _ROW] = upper
    return full
