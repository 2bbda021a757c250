"""A second opening of a microphone that gives nothing but a constant, beside the first.

A sound server goes on calling where a client has gone: a program that ends and starts again, a
microphone behind it that is plugged in again. What was opened before hears silence for ever, and
nobody says so. So while nothing moves the same name is opened once more, and what moves there is
listened to instead. A microphone that is muted is silent there as well, and nothing changes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from elsa_rt.audio.block import Block
from elsa_rt.errors import ElsaError
from elsa_rt.sources.base import Source

STILL_S = 5.0
"""So long nothing must move before the first try."""

LONGEST_PAUSE_S = 30.0
"""Between two tries: they begin with `STILL_S` and double."""

LISTEN_S = 1.0
"""So much sound of the second opening is looked at."""

THREAD = "second opening"


class SecondOpening:
    """Looks at every block of a source, and opens another where nothing moves.

    Parameters
    ----------
    open_device : callable
        Opens the source again, or raises; it is called on a thread.
    clock : callable
        Seconds that only go on.
    """

    def __init__(self, open_device: Callable[[], Source], clock: Callable[[], float]) -> None:
        self._open_device, self._clock = open_device, clock
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._found: Source | None = None
        self._closed = False
        self._due: float | None = None
        self._pause = STILL_S

    def look(self, block: Block) -> Source | None:
        """A source that moves, while ``block`` of the first does not; the caller closes it."""
        now = self._clock()
        if not is_still(block):
            self._due, self._pause = None, STILL_S
            self._drop()
            return None
        if self._due is None:
            self._due = now + STILL_S
        if self._found is not None:
            found, self._found = self._found, None
            return found
        if now >= self._due and not self.trying:
            self._thread = threading.Thread(target=self._try, name=THREAD, daemon=True)
            self._thread.start()
            self._pause = min(2 * self._pause, LONGEST_PAUSE_S)
            self._due = now + self._pause
        return None

    @property
    def trying(self) -> bool:
        """Whether it is being opened now."""
        return self._thread is not None and self._thread.is_alive()

    def close(self) -> None:
        """Open nothing more; what is being opened is closed as soon as it is."""
        self._closed = True
        self._drop()

    def _drop(self) -> None:
        with self._lock:
            found, self._found = self._found, None
        if found is not None:
            found.close()

    def _try(self) -> None:
        try:
            source = self._open_device()
            moves = self._moves(source)
        except ElsaError:  # exclusive to the first opening, or not there: the next try will tell
            return
        with self._lock:
            if moves and not self._closed:
                self._found = source
                return
        source.close()

    def _moves(self, source: Source) -> bool:
        heard = 0
        for block in source:
            heard += block.samples.shape[1]
            if not is_still(block):
                return True
            if heard >= LISTEN_S * block.rate or self._closed:
                break
        return False


def is_still(block: Block) -> bool:
    """Whether every channel is constant; a block without samples says nothing, and is not."""
    samples = block.samples
    return samples.size > 0 and bool((samples == samples[:, :1]).all())
