"""The delivery thread of an output: a bounded queue, retries with backoff, counted losses.

The listening thread only puts messages into the queue, which takes microseconds and never
waits. The worker's thread delivers them one after the other:

    delivered            the next one
    Unavailable raised   the message stays first in the queue; it is tried again after the backoff
    Refused raised       the message is lost, counted and reported; the next one
    queue full           the oldest waiting message is lost, counted and reported
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from elsa_rt.notices import OnNotice
from elsa_rt.outputs.trouble import Trouble

Message = TypeVar("Message")

CAPACITY = 1_000
"""Messages that wait at most."""

FIRST_RETRY_S, MAX_RETRY_S = 0.5, 30.0
"""Time before the first retry; it doubles up to the maximum."""

CLOSE_S = 3.0
"""Time that closing waits for the messages in the queue."""


class Unavailable(Exception):
    """The counterpart cannot be reached now; the message is kept and tried again.

    The text says what was being done, why it failed, and the cure.
    """


class Refused(Exception):
    """The counterpart will never take this message; it is lost."""


class Worker(Generic[Message]):
    """Delivers messages of one output on a thread of its own.

    Parameters
    ----------
    name
        The output in notices, e.g. "mqtt localhost:1883".
    deliver : callable
        Delivers one message, on the worker's thread; it may block and raise `Unavailable` or
        `Refused`. An OSError counts as `Unavailable`.
    on_notice : callable
        Hears of trouble, its end, and of lost messages; from any thread.
    capacity
        Messages that wait at most; the oldest are lost first.
    on_close : callable
        Called on the worker's thread at the end.
    """

    def __init__(
        self,
        name: str,
        deliver: Callable[[Message], None],
        on_notice: OnNotice,
        *,
        capacity: int = CAPACITY,
        on_close: Callable[[], None] | None = None,
    ) -> None:
        self.name = name
        self.sent = 0  # events delivered
        self.lost = 0  # events lost
        self._deliver, self._on_close = deliver, on_close
        self._trouble = Trouble(name, on_notice)
        self._capacity = capacity
        self._change = threading.Condition()
        self._events: deque[Message] = deque()
        self._states: dict[str, Message] = {}
        self._in_delivery = 0  # events
        self._deadline: float | None = None  # once closing
        self._retry_at: float | None = None
        self._retry_s = FIRST_RETRY_S
        self._thread = threading.Thread(target=self._run, name=f"output {name}", daemon=True)
        self._thread.start()

    def put(self, message: Message, *, key: str | None = None) -> None:
        """Queue ``message`` and return at once.

        With ``key`` it is a state rather than an event: it takes the place of the message of that
        key that waits, and goes out after all events.
        """
        full = False
        with self._change:
            if self._deadline is not None:
                return
            if key is not None:
                self._states[key] = message
            else:
                self._events.append(message)
                full = len(self._events) + self._in_delivery > self._capacity
                if full:
                    self._events.popleft()
                    self.lost += 1
            self._change.notify()
        if full:
            self._trouble.overflowed(self.waiting, self.lost)

    def retry_now(self) -> None:
        """Try again without waiting for the backoff: the counterpart is back."""
        with self._change:
            self._retry_at, self._retry_s = None, FIRST_RETRY_S
            self._change.notify()

    @property
    def waiting(self) -> int:
        """Events that wait, the one in delivery included."""
        return len(self._events) + self._in_delivery

    def failed(self, reason: str) -> None:
        """Report trouble that is no failed delivery, such as a lost connection."""
        self._trouble.failed(reason, self.waiting, self.lost)

    def recovered(self) -> None:
        """Report that the counterpart is back, if its absence was reported."""
        self._trouble.ended(self.waiting, self.lost)

    def close(self, timeout_s: float = CLOSE_S) -> None:
        """Deliver what waits, for ``timeout_s`` at most; report what is lost, and end."""
        with self._change:
            self._deadline = time.monotonic() + timeout_s
            self._retry_at = None
            self._change.notify()
        self._thread.join(timeout_s + 1.0)
        with self._change:
            left = self.waiting
            self._events.clear()
            self._in_delivery = 0
            self.lost += left
        self._trouble.closed(left, self.lost)

    def _run(self) -> None:
        while (found := self._next()) is not None:
            key, message = found
            try:
                self._deliver(message)
            except (Unavailable, OSError) as error:
                self._keep(key, message, _reason(error))
            except Refused as error:
                self._drop(key, str(error))
            except Exception as error:  # a fault here must not end the delivery of all others
                self._drop(key, f"internal error, {type(error).__name__}: {error}")
            else:
                self._done(key)
        if self._on_close is not None:
            self._on_close()

    def _next(self) -> tuple[str | None, Message] | None:
        """Wait for a message, its key first; None ends the thread."""
        with self._change:
            while True:
                now = time.monotonic()
                if self._deadline is not None and now >= self._deadline:
                    return None
                if self._retry_at is None or now >= self._retry_at:
                    if self._events:
                        self._in_delivery = 1
                        return None, self._events.popleft()
                    if self._states:
                        key = next(iter(self._states))
                        return key, self._states.pop(key)
                    if self._deadline is not None:
                        return None
                ends = [end for end in (self._retry_at, self._deadline) if end is not None]
                self._change.wait(max(0.0, min(ends) - now) if ends else None)

    def _done(self, key: str | None) -> None:
        with self._change:
            self._retry_at, self._retry_s = None, FIRST_RETRY_S
            if key is None:
                self.sent += 1
                self._in_delivery = 0
        self._trouble.ended(self.waiting, self.lost)

    def _keep(self, key: str | None, message: Message, reason: str) -> None:
        with self._change:
            if key is not None:
                self._states.setdefault(key, message)
            elif self._in_delivery:  # else closing has counted it as lost
                self._events.appendleft(message)
                self._in_delivery = 0
            wait_s = self._retry_s * random.uniform(0.8, 1.2)
            if self._deadline is not None:
                wait_s = min(wait_s, 0.1)
            self._retry_at = time.monotonic() + wait_s
            self._retry_s = min(2 * self._retry_s, MAX_RETRY_S)
        self._trouble.failed(reason, self.waiting, self.lost)

    def _drop(self, key: str | None, reason: str) -> None:
        with self._change:
            if key is None:
                self.lost += 1
                self._in_delivery = 0
        self._trouble.failed(reason, self.waiting, self.lost)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error) or type(error).__name__
    return str(error)
