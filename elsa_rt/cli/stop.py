"""Listening until the end, or until Ctrl-C or SIGTERM, taken between two steps."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any

from elsa_rt.errors import SourceError
from elsa_rt.health import Health
from elsa_rt.hearing import Hearing

if TYPE_CHECKING:
    from elsa_rt.listener import Listener
    from elsa_rt.sources.base import Source

GRACE_S = 0.3
"""So long a step may take to come to its end; a pipe that is silent gives none."""

SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
"""Signals that ask to stop; under ``nohup``, SIGHUP stays ignored."""


INTERRUPTED = (KeyboardInterrupt, ImportError, SystemError)
"""What comes of a KeyboardInterrupt; the latter two where it struck the code of an extension."""


class GracefulStop:
    """Knows when somebody asked to stop.

    While ``loading``, up to `loaded`, a signal ends the process at once: nothing is open yet, and
    an exception in the middle of an import comes out of it as another one, or not at all. From
    then on the step in progress is finished first, so that nothing is written by halves. If none
    comes to its end within `GRACE_S`, KeyboardInterrupt ends the wait, and a second signal ends it
    at once, whatever is going on; neither this nor what libraries make of it goes further than
    the ``with`` of this.
    """

    def __init__(self, *, loading: bool = False) -> None:
        self.signal: int | None = None
        self._loading = loading
        self._quitting = False
        self._interrupted = False
        self._before: dict[int, Any] = {}

    def loaded(self) -> None:
        """From now on there is something to end in order.

        What was loaded stays: Python's collector need not look through it in the middle of a step,
        which takes 20 ms with a thousand prompts.
        """
        gc.freeze()
        self._loading = False

    def asked(self) -> bool:
        """Whether to stop. Who is told so comes to his end himself, and nothing hurries him."""
        if self.signal is not None or self._quitting:
            _ring_after(0)
        return self.signal is not None or self._quitting

    def quit(self) -> None:
        """Ask to stop as a key does it: with exit code 0. Any thread may call it."""
        self._quitting = True
        if self._before:
            _ring_after(GRACE_S)

    def hurry(self) -> None:
        """Where somebody asked to stop, what is left must not take longer than a step may.

        The reader of a pipe may be stuck: the end of an alert waits for it no longer than that.
        """
        if self._before and (self.signal is not None or self._quitting):
            _ring_after(GRACE_S)

    @property
    def exit_code(self) -> int:
        """0, or 128 + signal as shells have it."""
        return 0 if self.signal is None else 128 + self.signal

    def __enter__(self) -> GracefulStop:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if signal.getsignal(number) is not signal.SIG_IGN or number == signal.SIGTERM:
                    self._before[number] = signal.signal(number, self._asked)
            if hasattr(signal, "SIGALRM"):
                self._before[signal.SIGALRM] = signal.signal(signal.SIGALRM, self._interrupt)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if self._before:
            _ring_after(0)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        return self._interrupted and kind is not None and issubclass(kind, INTERRUPTED)

    def _asked(self, number: int, frame: FrameType | None) -> None:
        if self._loading:
            os._exit(128 + number)
        if self.signal is not None:
            self._interrupt(number, frame)
        self.signal = number
        _ring_after(GRACE_S)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self._interrupted = True
        raise KeyboardInterrupt


def _ring_after(seconds: float) -> None:
    """Interrupt the wait after ``seconds``, or, after 0, no more; elsewhere than on a Unix a second
    Ctrl-C does that.
    """
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)


def run_until_stopped(
    listener: Listener,
    source: Source,
    show: Callable[[Hearing], None],
    stop: GracefulStop,
    alive: Callable[[Health], None] = lambda health: None,
) -> None:
    """Show every hearing until the source ends or is stopped; open alerts get their end anyhow.

    ``alive`` is called with every block, also while no sound comes.
    """
    listener.source = source
    try:
        for block in source:
            _show(listener.push(block), show)
            alive(listener.health)
            if stop.asked():
                break
    except SourceError as error:
        _show(listener.fail(str(error)), show)
        raise
    except BaseException:
        with contextlib.suppress(Exception):  # it may have been torn out of the middle of a step
            stop.hurry()
            _show(listener.finish(), show)
        raise
    stop.hurry()
    _show(listener.finish(), show)


def _show(hearings: list[Hearing], show: Callable[[Hearing], None]) -> None:
    for hearing in hearings:
        show(hearing)
