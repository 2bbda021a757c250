"""Pieces of recordings on several processes, each with a model of its own."""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from elsa_rt.errors import ElsaError
from elsa_rt.recordings.batch import STREAMS
from elsa_rt.recordings.pieces import Piece

T = TypeVar("T")

Hear = Callable[[Iterable[Piece], int], Iterator[T]]
"""Loads a model, hears pieces by it, so many at a time, and gives a result for each of them."""

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Environment variables that say how many threads NumPy's matrices get."""

ALIVE_S = 1.0
"""Time between two looks whether the workers are alive."""


@contextmanager
def on_processes(hear: Hear[T], todo: Sequence[Piece], jobs: int = 0) -> Iterator[Iterator[T]]:
    """Hear ``todo`` on ``jobs`` processes, by default as many as cores; one is this process.

    Parameters
    ----------
    hear : callable
        It and its results are pickled.
    todo : sequence of Piece
    jobs : int

    Raises
    ------
    ElsaError
        While iterating: what a worker raised, or that one has died.
    """
    cores = len(os.sched_getaffinity(0))
    jobs = max(1, min(jobs or cores, len(todo)))
    streams = max(1, min(STREAMS, len(todo) // jobs))
    if jobs == 1:
        yield hear(todo, streams) if todo else iter(())
        return
    context = multiprocessing.get_context("spawn")
    pieces: Any = context.Queue()
    results: Any = context.Queue(maxsize=4 * STREAMS)
    for piece in [*todo, *[None] * jobs]:
        pieces.put(piece)
    workers = [
        context.Process(target=_work, args=(hear, pieces, results, streams), daemon=True)
        for _ in range(jobs)
    ]
    with _one_thread_each():
        for worker in workers:
            worker.start()
    try:
        yield _results(results, workers)
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.join()


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Processes that start meanwhile have one thread for matrices: together they fill the cores.

    What the user has set is left as it is.
    """
    unset = [name for name in THREADS if name not in os.environ]
    os.environ.update(dict.fromkeys(unset, "1"))
    try:
        yield
    finally:
        for name in unset:
            del os.environ[name]


def _work(hear: Hear[T], pieces: Any, results: Any, streams: int) -> None:
    """One worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to take
    try:
        for found in hear(iter(pieces.get, None), streams):
            results.put(found)
    except ElsaError as error:
        results.put(error)
    results.put(None)


def _results(results: Any, workers: Sequence[Any]) -> Iterator[Any]:
    working = len(workers)
    while working:
        try:
            found = results.get(timeout=ALIVE_S)
        except queue.Empty:
            died = [w.exitcode for w in workers if w.exitcode not in (None, 0)]
            if died:
                raise ElsaError(
                    f"hearing recordings: a worker process ended with exit code {died[0]} (-9: out "
                    "of memory?): what was done before is kept; go on with the same command, with "
                    "fewer processes: --jobs 1"
                ) from None
            continue
        if isinstance(found, ElsaError):
            raise found
        if found is None:
            working -= 1
        else:
            yield found
