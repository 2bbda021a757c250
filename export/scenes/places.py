"""Where sounds can be: the room responses of one split, and paths through them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.errors import UsageError

PARTS = ("rooms.npz", "responses.npz")
MEASURED = 0.3  # share of the sounds that are in measured places, where there are any


class Rows(NamedTuple):
    """The responses of one place, with an array for each of what is known of them."""

    responses: NDArray[np.float16]  # (points, 4, n)
    direction: NDArray[np.float32]  # (points, 3)
    distance: NDArray[np.float32]
    t30: NDArray[np.float32]
    floor: NDArray[np.float32]


class Where(NamedTuple):
    """Where a sound is in each of n moments; NaN where unknown."""

    direction: NDArray[np.float64]  # (n, 3) unit vectors
    distance: NDArray[np.float64]  # (n,) metres
    t30: float  # seconds
    floor: float  # square metres


class Journey(NamedTuple):
    """How a moving source passes its path: once, at an even pace, in a part of its sound."""

    start: float  # 0..1 of the sound
    stop: float
    back: bool


def draw_journey(rng: np.random.Generator) -> Journey:
    """A journey over most of a sound, there or back."""
    return Journey(rng.uniform(0, 0.3), rng.uniform(0.7, 1), rng.random() < 0.5)


class Places:
    """The places of one split; a place is one response, or the few of a source that moves.

    They come from ``rooms.npz`` and, where there is one, ``responses.npz`` of what was measured.
    """

    def __init__(self, work: Path, validation: bool) -> None:
        self._rows: list[Rows] = []
        self._simulated = 0
        for name in PARTS:
            if (work / name).exists():
                self._rows += _rows_of(work / name, validation)
            self._simulated = self._simulated or len(self._rows)
        if not self._rows:
            raise UsageError(
                f"reading {work / PARTS[0]}: it has no rooms of "
                f"{'validation' if validation else 'training'}: run python -m export prepare anew"
            )
        self.memory = self._rows[0].responses.shape[2]

    def __len__(self) -> int:
        return len(self._rows)

    def draw(self, rng: np.random.Generator) -> int:
        """Index of a place; the measured ones, where there are, in their share."""
        if self._simulated < len(self._rows) and rng.random() < MEASURED:
            return int(rng.integers(self._simulated, len(self._rows)))
        return int(rng.integers(self._simulated))

    def responses(self, place: int) -> NDArray[np.float32]:
        """FOA responses (points, 4, n), the direct sound at one time in all of them."""
        return self._rows[place].responses.astype(np.float32)

    def shares(
        self, place: int, moments: NDArray[np.float64], journey: Journey
    ) -> NDArray[np.float32]:
        """How much of each response (points, n) is heard at ``moments`` 0..1 of a sound."""
        points = len(self._rows[place].responses)
        if points == 1:
            return np.ones((1, moments.size), np.float32)
        along = np.clip((moments - journey.start) / (journey.stop - journey.start), 0, 1)
        if journey.back:
            along = 1 - along
        apart = np.abs(along * (points - 1) - np.arange(points)[:, None])
        return np.maximum(0, 1 - apart).astype(np.float32)

    def where(self, place: int, shares: NDArray[np.float32]) -> Where:
        """Truth at moments with ``shares`` (points, n) of the responses."""
        rows = self._rows[place]
        direction = shares.T @ rows.direction
        return Where(
            direction / np.linalg.norm(direction, axis=1, keepdims=True),
            shares.T @ rows.distance,
            float(rows.t30[0]),
            float(rows.floor[0]),
        )


def _rows_of(path: Path, validation: bool) -> list[Rows]:
    """Places of one file and split."""
    with np.load(path) as stored:
        arrays = [stored[name] for name in Rows._fields]
        mine = np.flatnonzero(stored["validation"] == validation)
        path_of = stored["path"][mine]
    # the rows of a path follow each other: views of the one large array will do
    first = np.flatnonzero((path_of < 0) | (np.diff(path_of, prepend=-2) != 0))
    last = np.append(first, mine.size)[1:]
    return [
        Rows(*(values[mine[a] : mine[b - 1] + 1] for values in arrays))
        for a, b in zip(first, last, strict=True)
    ]
