"""The newest seconds of a stream, and what a windowed bundle says of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elsa_rt.errors import UsageError

BEAMS = {"omni": 1.0, "cardioid": 0.5, "hypercardioid": 0.25}
"""Share a of the omnidirectional channel in the pattern ``a + (1 - a) cos`` that listens."""


@dataclass(frozen=True)
class WindowSettings:
    """Window of a stateless encoder, stored in its bundle."""

    seconds: float = 5.0  # of sound, up to the end of the step
    beam: str = "omni"  # pattern that is turned to where the step's sound comes from

    def __post_init__(self) -> None:
        if not 0 < self.seconds <= 60:
            raise UsageError(f"window settings: {self.seconds} seconds are not in 0..60")
        if self.beam not in BEAMS:
            raise UsageError(
                f"window settings: beam {self.beam!r} is unknown: choose {' | '.join(BEAMS)}"
            )

    def as_dict(self) -> dict[str, Any]:
        """The settings as they stand in ``model.yaml``."""
        return asdict(self)


class SlidingWindow:
    """The newest samples of some channels as one contiguous view; silence before the first.

    Every sample is written twice, one window apart, so that the newest window never wraps.
    """

    def __init__(self, channels: int, samples: int) -> None:
        self.channels, self.samples = channels, samples
        self._twice = np.zeros((channels, 2 * samples), np.float32)
        self._at = 0  # where the next sample goes, and the oldest one lies

    def reset(self) -> None:
        """Forget all sound."""
        self._twice[:] = 0
        self._at = 0

    def push(self, sound: NDArray[np.float32]) -> None:
        """Append ``sound`` (channels, n)."""
        sound = sound[:, -self.samples :]
        while count := min(sound.shape[1], self.samples - self._at):
            self._twice[:, self._at : self._at + count] = sound[:, :count]
            mirror = self._at + self.samples
            self._twice[:, mirror : mirror + count] = sound[:, :count]
            self._at = (self._at + count) % self.samples
            sound = sound[:, count:]

    def view(self) -> NDArray[np.float32]:
        """The newest window (channels, samples), oldest first; good until the next `push`."""
        return self._twice[:, self._at : self._at + self.samples]
