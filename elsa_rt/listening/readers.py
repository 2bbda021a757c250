"""Several sources at once: a thread reads each, one loop takes what has arrived."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from elsa_rt.audio.block import Block
from elsa_rt.sources.base import Source

WAITING = 2
"""Blocks of each source that wait for the loop; a live source keeps the rest, and counts losses."""


class Arrival(NamedTuple):
    """What came from a source."""

    name: str
    block: Block | None  # None at its end
    error: Exception | None = None  # what ended it early


class Readers:
    """Reads ``sources`` until all have ended; `close` ends it early.

    A source is closed by the thread that reads it; a live one is also closed by `close`, which
    wakes its thread.
    """

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self._sources = sources
        self._arrived: queue.Queue[Arrival] = queue.Queue(WAITING * len(sources))
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=self._read, args=one, name=f"elsa-rt {one[0]}", daemon=True)
            for one in sources.items()
        ]
        for thread in self._threads:
            thread.start()

    def __iter__(self) -> Iterator[list[Arrival]]:
        """Everything that has arrived, at least one arrival at a time."""
        left = len(self._sources)
        while left:
            found = [self._arrived.get()]
            while not self._arrived.empty():
                found.append(self._arrived.get())
            left -= sum(one.block is None for one in found)
            yield found

    def close(self) -> None:
        """Stop reading and wait for the threads."""
        self._stopped.set()
        for source in self._sources.values():
            if source.live:
                source.close()
        for thread in self._threads:
            thread.join()

    def _read(self, name: str, source: Source) -> None:
        error = None
        try:
            with source:
                for block in source:
                    if not self._put(Arrival(name, block)):
                        break
        except Exception as failed:  # sources may be a user's own: anything may come
            error = failed
        self._put(Arrival(name, None, error))

    def _put(self, arrival: Arrival) -> bool:
        """Hand over ``arrival``; False once nobody takes any more."""
        while not self._stopped.is_set():
            try:
                self._arrived.put(arrival, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False
