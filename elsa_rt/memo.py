"""Memo: results computed once and kept by a key."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any

CAPACITY = 2_048
"""Results that are kept; those that nobody asked for longest are dropped."""


class Memo:
    """Keeps results by key; any thread may ask.

    A result is computed outside of the lock: two threads that miss it at once both compute it. A
    copy or a pickle of a memo is an empty one.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """The result of ``make`` for ``key``, from before if there is one."""
        return self.get_many([key], lambda _: [make()])[0]

    def get_many(
        self, keys: Sequence[Hashable], make: Callable[[list[int]], Sequence[Any]]
    ) -> list[Any]:
        """A result for each of ``keys``; ``make`` takes the indices of those that are missing."""
        with self._lock:
            found = {key: self._kept[key] for key in keys if key in self._kept}
        first = {key: index for index, key in reversed(list(enumerate(keys))) if key not in found}
        missing = sorted(first.values())
        if missing:
            made = zip(missing, make(missing), strict=True)
            found |= {keys[index]: result for index, result in made}
        with self._lock:
            for key in keys:
                self._kept[key] = found[key]
                self._kept.move_to_end(key)
            while len(self._kept) > self._capacity:
                self._kept.popitem(last=False)
        return [found[key] for key in keys]

    def __reduce__(self) -> tuple[type[Memo], tuple[int]]:
        return Memo, (self._capacity,)
