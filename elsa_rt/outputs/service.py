"""Words for systemd: ready, alive, and how well the service hears (sd_notify)."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable

from elsa_rt.health import Health


class ServiceNotifier:
    """Tells the service manager what it wants to know; without one it does nothing.

    The socket's name comes from ``NOTIFY_SOCKET``, the time within which the watchdog wants a
    word from ``WATCHDOG_USEC``: half of it is kept. A listener that waits for its microphone is
    alive: the watchdog fires where the program hangs, not where the room is silent.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._address = os.environ.get("NOTIFY_SOCKET", "")
        if self._address.startswith("@"):
            self._address = "\0" + self._address[1:]
        watchdog_s = int(os.environ.get("WATCHDOG_USEC") or 0) / 1e6
        self._every_s = watchdog_s / 2 if watchdog_s else 10.0
        self._next_s = 0.0
        self._state = ""

    def alive(self, health: Health) -> None:
        """Call it with every block: tells of readiness, life, and each change of health."""
        if not self._address:
            return
        words = []
        if not self._state:
            words.append("READY=1")
        told = f"{health.state}{': ' if health.reasons else ''}{'; '.join(health.reasons)}"
        told = " ".join(told.split())[:200]
        if told != self._state:
            self._state = told
            words.append(f"STATUS={told}")
        now = self._clock()
        if now >= self._next_s:
            self._next_s = now + self._every_s
            words.append("WATCHDOG=1")
        if words:
            self._send("\n".join(words))

    def stopping(self) -> None:
        """The service is about to end."""
        if self._address:
            self._send("STOPPING=1")

    def _send(self, text: str) -> None:
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as door,
        ):
            door.settimeout(0.1)
            door.sendto(text.encode(), self._address)
