"""A session on a thread of its own that calls back, and the handle to stop and join it."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from typing import NamedTuple

from elsa_rt.errors import UsageError
from elsa_rt.hearing import Alert, Hearing
from elsa_rt.listening.session import Session


class Callbacks(NamedTuple):
    """What the thread calls, one call at a time; each may be left out."""

    on_hearing: Callable[[Hearing], object] | None = None
    on_alert: Callable[[Alert], object] | None = None
    on_error: Callable[[Exception], object] | None = None

    def deliver(self, hearings: list[Hearing]) -> None:
        """Call back for each hearing and, after it, for each of its alerts."""
        for hearing in hearings:
            if self.on_hearing is not None:
                self.on_hearing(hearing)
            if self.on_alert is not None:
                for alert in hearing.alerts:
                    self.on_alert(alert)


class Listening:
    """The handle of a listener that runs on a thread; ``Listener.start`` makes it.

    As a context manager it stops and joins at the end of the ``with``. The thread is a daemon: a
    program that ends without `stop` and `join` may lose the ends of open alerts.

    Attributes
    ----------
    error : Exception or None
        What ended the listening early, of the source or of a callback.
    """

    def __init__(self, session: Session, callbacks: Callbacks) -> None:
        self.error: Exception | None = None
        self._session = session
        self._callbacks = callbacks
        self._thread = threading.Thread(target=self._run, name="elsa-rt listener", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether the source is still heard."""
        return self._thread.is_alive()

    @property
    def is_here(self) -> bool:
        """Whether the caller runs on the thread of this listening, as callbacks do."""
        return threading.current_thread() is self._thread

    def stop(self) -> None:
        """Ask the thread to end; it returns at once, and callbacks may call it, too.

        The block in progress and the ends of open alerts are still delivered: `join` waits for
        them.
        """
        self._session.stop()

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait until the source has ended or `stop` took effect; whether it has.

        Raises
        ------
        Exception
            What ended the listening early, unless ``on_error`` took it.
        UsageError
            A callback calls it: its own thread cannot wait for itself.
        """
        if self.is_here:
            raise UsageError("join: a callback cannot wait for its own thread: call stop() alone")
        self._thread.join(timeout_s)
        if self.error is not None and self._callbacks.on_error is None:
            raise self.error
        return not self.running

    def __enter__(self) -> Listening:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.join()

    def __repr__(self) -> str:
        state = "running" if self.running else "ended" if self.error is None else "failed"
        return f"<Listening {state}, {self._session.source.name}>"

    def _run(self) -> None:
        try:
            with self._session as session:
                self._deliver(session)
        except Exception as error:  # callbacks are not ours: anything may come
            self.error = error
            self._report(error)

    def _deliver(self, session: Session) -> None:
        try:
            for hearings in session:
                self._callbacks.deliver(hearings)
        except Exception:
            with contextlib.suppress(Exception):  # it may have been torn out of a step
                self._callbacks.deliver(session.finish())
            raise

    def _report(self, error: Exception) -> None:
        if self._callbacks.on_error is None:
            name = self._session.source.name
            logging.getLogger("elsa_rt").error("hearing %s ended: %s", name, error, exc_info=error)
        else:
            self._callbacks.on_error(error)
