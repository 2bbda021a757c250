"""The exchange of rules: other threads prepare new ones, the stream adopts them between blocks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

RuleSet = TypeVar("RuleSet")
"""Whatever a listener makes of its rules."""


class RuleChanges(Generic[RuleSet]):
    """Holds the rule set in use and the one that follows it.

    Preparing takes seconds, adopting microseconds. So two locks: one lets a single thread prepare
    at a time, on top of what the one before it prepared; the other guards the exchange.
    """

    def __init__(self, current: RuleSet) -> None:
        self._current = current
        self._following: RuleSet | None = None
        self._preparing = threading.Lock()
        self._exchange = threading.Lock()

    @contextmanager
    def preparing(self) -> Iterator[RuleSet]:
        """Keep other threads from preparing, and yield the newest rule set."""
        with self._preparing:
            with self._exchange:
                newest = self._current if self._following is None else self._following
            yield newest

    def offer(self, following: RuleSet) -> None:
        """Let the stream adopt ``following`` with its next block."""
        with self._exchange:
            self._following = following

    def adopt(self) -> RuleSet | None:
        """The rule set to change over to, from now on the one in use; None without a change."""
        with self._exchange:
            if self._following is None:
                return None
            self._current, self._following = self._following, None
            return self._current
