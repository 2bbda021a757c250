"""Output of an encoder, and the protocol of its streams."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from elsa_rt.features.intensity import Frames

SOUNDING, TRACKED, QUIET = 0.5, 0.3, 0.1
"""Thresholds of activity: a sound stands out enough to be scored in full and to begin an alert; to
be tracked; below `QUIET` a step counts as background."""


class EncoderOutput(NamedTuple):
    """Output of the audio encoder for one step, for each of K source slots.

    Attributes
    ----------
    embedding : float32 (K, 512), unit length, in the space of the prompts
    direction : float32 (K, 3), unit vectors x, y, z towards the source
    activity : float32 (K,), 0..1
    distance_m : float32 (K,), NaN from a model that cannot tell
    """

    embedding: NDArray[np.float32]
    direction: NDArray[np.float32]
    activity: NDArray[np.float32]
    distance_m: NDArray[np.float32]


class EncoderStream(Protocol):
    """One stream through an encoder of any kind; ``block`` and ``latency`` count frames."""

    block: int
    latency: int

    def step(self, frames: Frames, foa: NDArray[np.float32]) -> list[EncoderOutput]:
        """Take AmbiX ``foa`` (4, n) and the frames that it completed; a sound for each step."""
        ...

    def reset(self) -> None:
        """Forget all sound; the next sample is the first."""
        ...
