"""What a memory answers: rows, and when and where such sounds were heard at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from elsa_rt.memory.row import Remembered

SECTORS = ("front", "front, left", "left", "behind, left", "behind", "behind, right", "right",
           "front, right")  # fmt: skip
"""Eighths of the circle, counter-clockwise; the first is centred on 0 degrees of azimuth."""


@dataclass(frozen=True, eq=False)
class Recollection(Sequence[Remembered]):
    """The answer to one question: a sequence of its best rows, the best first.

    ``heard``, ``first``, ``last`` and the histogram are of all rows that score enough to count as
    heard, not of the best few alone.
    """

    rows: tuple[Remembered, ...]
    looked_at: int  # rows that lay in the time and place asked for
    heard: int = 0
    first: Remembered | None = None
    last: Remembered | None = None
    by_hour: NDArray[np.int64] = field(default_factory=lambda: np.zeros(24, np.int64))
    by_direction: NDArray[np.int64] = field(default_factory=lambda: np.zeros(8, np.int64))

    @overload
    def __getitem__(self, index: int) -> Remembered: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Remembered, ...]: ...
    def __getitem__(self, index: int | slice) -> Remembered | tuple[Remembered, ...]:
        return self.rows[index]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Remembered]:
        return iter(self.rows)

    def summary(self) -> dict[str, Any]:
        """The last object of ``recall --json --histogram``."""

        def when(row: Remembered | None) -> str | None:
            at = None if row is None else row.at
            return None if at is None else at.isoformat(timespec="milliseconds")[:-6] + "Z"

        return {
            "type": "histogram",
            "looked_at": self.looked_at,
            "heard": self.heard,
            "first_at": when(self.first),
            "last_at": when(self.last),
            "by_hour": self.by_hour.tolist(),
            "by_direction": dict(zip(SECTORS, self.by_direction.tolist(), strict=True)),
        }


def count_hours(at: list[datetime]) -> NDArray[np.int64]:
    """How many of ``at`` lie in each hour of the day (24,), on their own clocks."""
    return np.bincount([each.hour for each in at], minlength=24)[:24].astype(np.int64)


def count_directions(direction: NDArray[np.float32]) -> NDArray[np.int64]:
    """How many of the unit vectors (n, 3) lie in each of `SECTORS` (8,); NaN counts nowhere."""
    known = direction[np.isfinite(direction).all(axis=1)]
    eighth = np.round(np.degrees(np.arctan2(known[:, 1], known[:, 0])) / 45).astype(int) % 8
    return np.bincount(eighth, minlength=8)[:8].astype(np.int64)
