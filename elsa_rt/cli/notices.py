"""Notices for the user on standard error, apart from the data on standard output."""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable

EARLY_KEPT = 20


class Notices:
    """Says each notice on standard error, until a screen takes them.

    Any thread may say one; a screen gets those of other threads with `pass_on`.
    """

    def __init__(self) -> None:
        self._early: deque[str] = deque(maxlen=EARLY_KEPT)  # a service may run for months
        self._take: Callable[[str], None] | None = None
        self._also: Callable[[str], None] | None = None
        self._waiting: deque[str] = deque(maxlen=EARLY_KEPT)

    def copy_to(self, also: Callable[[str], None] | None) -> None:
        """Give every notice to ``also`` as well; None ends that."""
        self._also = also

    def __call__(self, message: str) -> None:
        if self._also is not None:
            self._also(message)
        self._show(message)

    def _show(self, message: str) -> None:
        if self._take is not None and threading.current_thread() is not threading.main_thread():
            self._waiting.append(message)
        elif self._take is not None:
            self._take(message)
        else:
            self._early.append(message)
            print(f"elsa-rt: {message}", file=sys.stderr, flush=True)

    def pass_on(self) -> None:
        """Give the screen what other threads have said."""
        while self._waiting:
            self._show(self._waiting.popleft())

    def hand_to(self, take: Callable[[str], None]) -> None:
        """From now on ``take`` shows them; it gets those that it has missed."""
        for message in self._early:
            take(message)
        self._take = take


def say_loading() -> None:
    """On a terminal, say why nothing happens for a second or two."""
    if sys.stderr.isatty():
        print("elsa-rt: loading the model ...", file=sys.stderr, flush=True)
