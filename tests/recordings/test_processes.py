"""Pieces heard on several processes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

import pytest

from elsa_rt.recordings.pieces import Piece, Recording
from elsa_rt.recordings.processes import THREADS, on_processes


def threads(pieces: Iterable[Piece], streams: int) -> Iterator[tuple[int, list[str | None]]]:
    """How many threads the matrices of this process get, as far as it is told."""
    for _ in pieces:
        yield os.getpid(), [os.environ.get(name) for name in THREADS]


@pytest.mark.slow
def test_processes_side_by_side_have_one_thread_each(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, *left = THREADS
    monkeypatch.setenv(asked, "3")
    for name in left:
        monkeypatch.delenv(name, raising=False)
    recording = Recording("a.wav", "a", 48_000, 4, 480_000)
    with on_processes(threads, [Piece(recording, 0), Piece(recording, 1)], 2) as coming:
        told = list(coming)
    assert os.getpid() not in {process for process, _ in told}
    assert [names for _, names in told] == 2 * [["3", *["1"] * len(left)]]
    assert [os.environ.get(name) for name in THREADS] == ["3", *[None] * len(left)]
