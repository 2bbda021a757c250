"""The live view on a terminal: ten pictures a second, and the alerts left behind at the end."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.text import Text

from elsa_rt.hearing import Hearing
from elsa_rt.screens.picture import State, alert_table, picture, status
from elsa_rt.screens.plain import clock

FRAME_S = 0.1
"""The screen is not drawn more often than this."""

NOTICES_KEPT = 20
LOAD_STEPS = 50


class TerminalView:
    """Shows hearings while it is entered; leaves the list of alerts on the terminal at its end."""

    def __init__(
        self, console: Console, *, source: str, model: str, prompts: Iterable[str]
    ) -> None:
        self.state = State(source, model, prompts)
        self._console = console
        self._live = Live(console=console, screen=True, auto_refresh=False)
        self._drawn = float("-inf")
        self._unprinted: deque[str] = deque(maxlen=NOTICES_KEPT)
        self._spent: deque[tuple[float, float]] = deque(maxlen=LOAD_STEPS)

    def __enter__(self) -> TerminalView:
        self._live.start()
        self._draw()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()
        if self.state.alerts:
            self._console.print(alert_table(self.state.alerts.values()))
        elif self.state.best is not None:
            best = self.state.best
            said = f"no alert; the highest score was {best.score:.2f}: {best.prompt}"
            self._console.print(Text(said))
        for notice in self._unprinted:
            self._console.print(Text(notice, "yellow"))
        self._console.print(
            Text("   ").join([Text(f"heard {clock(self.state.heard_s)}"), *status(self.state)])
        )

    def show(self, hearing: Hearing) -> None:
        self._measure(hearing.time_s)
        self.state.take(hearing)
        self._draw_if_due()

    def notice(self, message: str) -> None:
        message = f"{clock(self.state.heard_s)}  {message}"
        self.state.notice = message
        if self._live.is_started:
            self._unprinted.append(message)
            self._draw_if_due()

    def _measure(self, time_s: float) -> None:
        self._spent.append((time.process_time(), time_s))
        (cpu_0, time_0), (cpu_1, time_1) = self._spent[0], self._spent[-1]
        if time_1 > time_0:
            self.state.load = (cpu_1 - cpu_0) / (time_1 - time_0)

    def _draw_if_due(self) -> None:
        if time.monotonic() - self._drawn >= FRAME_S:
            self._draw()

    def _draw(self) -> None:
        self._drawn = time.monotonic()
        width, height = self._console.size
        self._live.update(picture(self.state, width, height), refresh=True)
