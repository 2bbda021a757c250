"""What a user should read beside the result: on standard error, never among the data."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable

EARLY_KEPT = 20


class Notices:
    """Says each notice on standard error, until a screen takes them."""

    def __init__(self) -> None:
        self._early: deque[str] = deque(maxlen=EARLY_KEPT)  # a service may run for months
        self._take: Callable[[str], None] | None = None

    def __call__(self, message: str) -> None:
        if self._take is not None:
            self._take(message)
        else:
            self._early.append(message)
            print(f"elsa-rt: {message}", file=sys.stderr, flush=True)

    def hand_to(self, take: Callable[[str], None]) -> None:
        """From now on ``take`` shows them; it gets those that it has missed."""
        for message in self._early:
            take(message)
        self._take = take


def say_loading() -> None:
    """On a terminal, say why nothing happens for a second or two."""
    if sys.stderr.isatty():
        print("elsa-rt: loading the model ...", file=sys.stderr, flush=True)
