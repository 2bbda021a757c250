"""Hub of the page's viewers: each has a bounded queue, so that a slow one slows nothing."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

KEPT_MESSAGES = 256
"""Messages that wait for a slow viewer; beyond, the viewer gets a fresh start instead."""

LATEST = "hearing"
"""Messages of this kind replace the one that still waits: only the present counts."""


class Viewer:
    """One connected page; used on the server's event loop alone.

    Attributes
    ----------
    behind : bool
        Messages were lost: the whole state has to be sent again.
    skipped : int
        Hearings that were replaced before they were sent.
    sending : bool
        A message is on its way.
    since_s : float
        When the last one was begun, or was taken; seconds of the event loop.
    """

    def __init__(self) -> None:
        self.behind = False
        self.skipped = 0
        self.sending, self.since_s = False, 0.0
        self._waiting: deque[str] = deque()
        self._latest: str | None = None
        self._ready = asyncio.Event()

    def put(self, kind: str, text: str) -> None:
        """Queue ``text``, a message of ``kind``."""
        if kind == LATEST:
            self.skipped += self._latest is not None
            self._latest = text
        elif len(self._waiting) >= KEPT_MESSAGES:
            self._waiting.clear()
            self.behind = True
        else:
            self._waiting.append(text)
        self._ready.set()

    async def get(self) -> list[str]:
        """Wait for messages; returns all that wait, the oldest first, the hearing last."""
        await self._ready.wait()
        self._ready.clear()
        found = list(self._waiting)
        self._waiting.clear()
        if self._latest is not None:
            found.append(self._latest)
            self._latest = None
        return found


class Hub:
    """All viewers; `publish` may be called by any thread."""

    def __init__(self) -> None:
        self.viewers: set[Viewer] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def watched(self) -> bool:
        """Whether anybody looks: without viewers no message need be made."""
        return bool(self.viewers)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Deliver on ``loop`` from now on."""
        self._loop = loop

    def stop(self) -> None:
        """Deliver nothing any more."""
        self._loop = None

    def publish(self, kind: str, text: str) -> None:
        """Send ``text`` to every viewer; returns at once."""
        loop = self._loop
        if loop is None or not self.viewers:
            return
        try:
            loop.call_soon_threadsafe(self._deliver, kind, text)
        except RuntimeError:  # the loop has been closed meanwhile
            self._loop = None

    def _deliver(self, kind: str, text: Any) -> None:
        for viewer in self.viewers:
            viewer.put(kind, text)
