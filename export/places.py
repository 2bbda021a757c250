"""Where sounds can be: the room responses of one split, and paths through them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Where(NamedTuple):
    """Where a sound is in each of n moments; NaN where unknown."""

    direction: NDArray[np.float64]  # (n, 3) unit vectors
    distance: NDArray[np.float64]  # (n,) metres
    t30: float  # seconds
    floor: float  # square metres


class Places:
    """The places of one split; a place is one response, or the few of a source that moves."""

    def __init__(self, work: Path, validation: bool) -> None:
        with np.load(work / "rooms.npz") as rooms:
            mine = np.flatnonzero(rooms["validation"] == validation)
            path = rooms["path"][mine]
            self._responses = rooms["responses"]
            self._direction = rooms["direction"].astype(float)
            self._distance = rooms["distance"].astype(float)
            self._t30, self._floor = rooms["t30"], rooms["floor"]
        alone = [mine[i : i + 1] for i in np.flatnonzero(path < 0)]
        self._rows = alone + [mine[path == number] for number in np.unique(path[path >= 0])]
        self.memory = self._responses.shape[2]

    def __len__(self) -> int:
        return len(self._rows)

    def responses(self, place: int) -> NDArray[np.float32]:
        """FOA responses (points, 4, n), the direct sound at one time in all of them."""
        return self._responses[self._rows[place]].astype(np.float32)

    def shares(
        self, place: int, moments: NDArray[np.float64], rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """How much of each response (points, n) is heard at ``moments`` 0..1 of a sound.

        A moving source passes its path once, there or back, at an even pace over all of the sound
        or a part of it.
        """
        points = len(self._rows[place])
        if points == 1:
            return np.ones((1, moments.size), np.float32)
        start, stop = rng.uniform(0, 0.3), rng.uniform(0.7, 1)
        along = np.clip((moments - start) / (stop - start), 0, 1) * (points - 1)
        if rng.random() < 0.5:
            along = points - 1 - along
        apart = np.abs(along - np.arange(points)[:, None])
        return np.maximum(0, 1 - apart).astype(np.float32)

    def where(self, place: int, shares: NDArray[np.float32]) -> Where:
        """Truth at moments with ``shares`` (points, n) of the responses."""
        rows = self._rows[place]
        direction = shares.T @ self._direction[rows]
        return Where(
            direction / np.linalg.norm(direction, axis=1, keepdims=True),
            shares.T @ self._distance[rows],
            float(self._t30[rows[0]]), float(self._floor[rows[0]]),
        )  # fmt: skip
