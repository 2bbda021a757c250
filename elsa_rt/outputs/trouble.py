"""Notices about one counterpart: when it fails, while it fails, and when it works again."""

from __future__ import annotations

import threading
import time

from elsa_rt.notices import OnNotice

REPEAT_S = 600.0
"""A trouble that lasts is reported again after this time, with what was lost meanwhile."""

QUIET_S = 20.0
"""Least time between two reports of new trouble, so that a flapping network does not flood."""


class Trouble:
    """Reports each trouble once, its end once, and never floods.

    Parameters
    ----------
    name
        The counterpart, e.g. "mqtt localhost:1883".
    on_notice : callable
        Hears the reports; from any thread.
    """

    def __init__(self, name: str, on_notice: OnNotice) -> None:
        self._name, self._on_notice = name, on_notice
        self._since: float | None = None
        self._reason = ""
        self._reported = False  # the present trouble
        self._reported_at: float | None = None  # any
        self._lost = 0  # of what was reported
        self._overflow_at: float | None = None
        self._lock = threading.Lock()

    def failed(self, reason: str, waiting: int, lost: int) -> None:
        """Report ``reason``, with the messages that wait and that are lost, if it is time to."""
        now = time.monotonic()
        with self._lock:
            if self._since is None:
                self._since, self._reported = now, False
            quiet_s = REPEAT_S if self._reported and reason == self._reason else QUIET_S
            if self._reported_at is not None and now < self._reported_at + quiet_s:
                return
            self._reported, self._reported_at = True, now
            self._reason, self._lost = reason, lost
        self._on_notice(f"{self._name}: {reason}{_counts(waiting, lost)}")

    def ended(self, waiting: int, lost: int) -> None:
        """Report that the trouble is over, if it was reported."""
        now = time.monotonic()
        with self._lock:
            if self._since is None:
                return
            lasted_s, self._since = now - self._since, None
            more_lost = lost > self._lost
            if not self._reported and not more_lost:
                return
            self._lost = lost
        self._on_notice(f"{self._name}: works again after {lasted_s:.0f} s{_counts(waiting, lost)}")

    def overflowed(self, waiting: int, lost: int) -> None:
        """Report that the queue is full and its oldest messages are lost."""
        now = time.monotonic()
        with self._lock:
            if self._overflow_at is not None and now < self._overflow_at + QUIET_S:
                return
            self._overflow_at, self._lost = now, lost
        self._on_notice(
            f"{self._name}: the queue is full, the oldest messages are lost{_counts(waiting, lost)}"
        )

    def closed(self, left: int, lost: int) -> None:
        """Report what was lost at the end: ``left`` messages that never went out, and others."""
        if left or lost > self._lost:
            self._on_notice(
                f"{self._name}: closed with {_messages(left)} undelivered, {_messages(lost)} lost "
                "in all"
            )


def _counts(waiting: int, lost: int) -> str:
    parts = [f"{_messages(waiting)} waiting"] if waiting else []
    if lost:
        parts.append(f"{_messages(lost)} lost since the start")
    return f" ({', '.join(parts)})" if parts else ""


def _messages(count: int) -> str:
    return f"{count} message{'' if count == 1 else 's'}"
