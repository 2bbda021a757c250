"""Threads that share the work of a start; NumPy, hashes and ONNX Runtime let them run at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

MOST_THREADS = 4
"""More gain little, and each takes memory of its own."""

FEWEST = 8
"""Pieces of work that are worth a second thread."""

_Work = TypeVar("_Work")
_Result = TypeVar("_Result")


def in_parallel(
    work: Callable[[_Work], _Result], pieces: Sequence[_Work], fewest: int = FEWEST
) -> list[_Result]:
    """``work`` on each of ``pieces``, in their order, by as many threads as there are cores.

    Each thread has ``fewest`` pieces or more.
    """
    threads = min(MOST_THREADS, usable_cores(), len(pieces) // fewest)
    if threads < 2:
        return [work(piece) for piece in pieces]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, pieces))


def usable_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0))
