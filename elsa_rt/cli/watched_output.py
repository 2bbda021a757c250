"""Standard output that says when its reader is stuck: what waits for it hears nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from elsa_rt.notices import OnNotice

if TYPE_CHECKING:
    from elsa_rt.outputs.jsonl import LineSink

SLOW_S = 2.0
"""A line that takes longer is told."""


class WatchedOutput:
    """Passes lines on to ``stream``; a thread of its own looks whether one is stuck.

    The thread that writes cannot say so itself: it waits in the system call.
    """

    def __init__(self, stream: LineSink, on_notice: OnNotice, slow_s: float = SLOW_S) -> None:
        self._stream, self._say = stream, on_notice
        self._slow_s = slow_s
        self._since: float | None = None  # when the line was begun that is being written
        self._told = False
        self._over = threading.Event()

    def write(self, line: str, /) -> None:
        """Begin a line."""
        self._since = time.monotonic()
        self._stream.write(line)

    def flush(self) -> None:
        """End the line."""
        self._stream.flush()
        since, self._since = self._since, None
        if self._told and since is not None:
            self._told = False
            waited = time.monotonic() - since
            self._say(f"standard output is read again; listening waited {waited:.1f} s for it")

    @contextmanager
    def watching(self) -> Iterator[WatchedOutput]:
        """Watch until the end of the ``with``."""
        watcher = threading.Thread(target=self._watch, name="watched output", daemon=True)
        watcher.start()
        try:
            yield self
        finally:
            self._over.set()
            watcher.join()

    def _watch(self) -> None:
        while not self._over.wait(self._slow_s / 2):
            since = self._since
            if since is None or self._told or time.monotonic() < since + self._slow_s:
                continue
            self._told = True
            self._say(
                f"standard output: its reader has taken no line for {self._slow_s:g} s, and "
                "listening waits for it: a microphone loses sound after 4 s, a pipe holds up "
                "its writer"
            )
