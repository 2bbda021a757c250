"""Ctrl-C and SIGTERM, taken between two steps of listening."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

GRACE_S = 0.3
"""So long a step may take to come to its end; a pipe that is silent gives none."""


class Stop:
    """True once somebody asked to stop.

    The step in progress is finished first, so that nothing is written by halves. If none comes
    to its end within `GRACE_S`, or at a second signal, KeyboardInterrupt ends the wait; it goes
    no further than the ``with`` of this.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self._before: dict[int, Any] = {}

    def __bool__(self) -> bool:
        return self.signal is not None

    @property
    def exit_code(self) -> int:
        """0, or 128 + signal as shells have it."""
        return 0 if self.signal is None else 128 + self.signal

    def __enter__(self) -> Stop:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._asked)
            self._before[signal.SIGALRM] = signal.signal(signal.SIGALRM, self._interrupt)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if self._before:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        return bool(self) and kind is KeyboardInterrupt

    def _asked(self, number: int, frame: FrameType | None) -> None:
        if self.signal is not None:
            self._interrupt(number, frame)
        self.signal = number
        signal.setitimer(signal.ITIMER_REAL, GRACE_S)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt
