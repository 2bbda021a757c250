"""The live view on a terminal, drawn on a thread of its own and left behind as a list of alerts.

The listening thread only queues hearings. The view takes them and paints at most `FRAMES_S` times
a second what has changed, so that it can be watched over SSH.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, TextIO, cast

from elsa_rt.errors import ElsaError, UsageError
from elsa_rt.hearing import Hearing, RuleStatistics
from elsa_rt.screens.heard import HeardLog
from elsa_rt.screens.plain import clock
from elsa_rt.screens.terminal.keys import Keys
from elsa_rt.screens.terminal.painter import Painter
from elsa_rt.screens.terminal.picture import READABLE, Picture
from elsa_rt.screens.terminal.signs import signs_for
from elsa_rt.screens.terminal.state import State
from elsa_rt.screens.terminal.style import Line, Span, codes, encode, fit

if TYPE_CHECKING:
    from rich.console import Console

    from elsa_rt.scoring.known_sounds import KnownSounds
    from elsa_rt.screens.rule_book import RuleBook

Judge = Callable[[str, Literal["false", "right"]], None]

FRAMES_S = 5.0
"""Pictures a second, at most."""

NOTICES_KEPT = 20

STEP = 10**0.25
"""Factor that a key changes the rate of false alarms by: four steps are ten times."""

SAVED_AS = "rules.yaml"


class TerminalView:
    """Shows hearings while it is entered.

    Parameters
    ----------
    console : rich.console.Console
        Tells size, colours and encoding of the terminal.
    source, model : str
        Shown at the top.
    book : RuleBook, optional
        What keys change; without it there are no keys.
    known : KnownSounds, optional
    counted : callable, optional
        Gives the statistics of the rules, which are printed after an hour of listening.
    on_quit : callable, optional
        Called when q is pressed.
    """

    def __init__(
        self,
        console: Console,
        *,
        source: str,
        model: str,
        book: RuleBook | None = None,
        known: KnownSounds | None = None,
        judge: Judge | None = None,
        counted: Callable[[], Sequence[RuleStatistics]] = tuple,
        on_quit: Callable[[], None] = lambda: None,
    ) -> None:
        self._console, self._book, self._on_quit = console, book, on_quit
        self._judge, self._counted = judge, counted
        rules = book.rules if book is not None else ()
        self.state = State(source, model, expected=tuple((r.id, r.label) for r in rules))
        if book is not None:
            self.state.mutes = book.mutes
        if known is not None:
            self.state.told_from = known.told_from
            self.state.log = HeardLog(known.told_from)
        self.signs = signs_for(console.encoding)
        self.picture = Picture(self.state, self.signs)
        self._table = codes(None if console.no_color else console.color_system)
        self._painter = Painter(cast(TextIO, console.file), self._table)
        self._keys = Keys(self.press)
        self._waiting: deque[Hearing] = deque()
        self._unprinted: deque[str] = deque(maxlen=NOTICES_KEPT)
        self._fresh = threading.Event()
        self._over = False
        self.state.mutes.watch(self._fresh.set)
        self._thread = threading.Thread(target=self._run, name="screen", daemon=True)

    def __enter__(self) -> TerminalView:
        self._painter.__enter__()
        if self._book is not None:
            self._keys.__enter__()
            self.picture.keys = self._keys.available
        self._fresh.set()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over = True
        self._fresh.set()
        self._thread.join()
        if self._book is not None:
            self._keys.__exit__()
        self._take()
        self._painter.__exit__()
        for line in self._summary():
            self._print(line)

    def show(self, hearing: Hearing) -> None:
        """Queue one step; returns at once."""
        self._waiting.append(hearing)
        self._fresh.set()

    def notice(self, message: str) -> None:
        """Show a sentence at the bottom, and once more at the end."""
        message = f"{clock(self.state.heard_s)}  {message}"
        self.state.notice = message
        self._unprinted.append(message)
        self._fresh.set()

    def press(self, key: str) -> None:
        """Act on a key; what it cannot do is shown as a notice."""
        try:
            if self.picture.typed is not None:
                self._type(key)
            else:
                self._act(key)
        except (ElsaError, OSError) as error:
            self.state.notice = str(error)
        self._fresh.set()

    def _act(self, key: str) -> None:
        rules = [rule for rule, *_ in self.state.rules()]
        if key in ("up", "down", "j", "k") and rules:
            at = rules.index(self.picture.selected) if self.picture.selected in rules else -1
            at = (at + (1 if key in ("down", "j") else -1)) % len(rules)
            self.picture.selected = rules[at]
        elif key == "a":
            self.picture.typed = ""
        elif key in ("+", "=", "-"):
            self._change_rate(STEP if key == "-" else 1 / STEP)
        elif key == "m":
            self._mute()
        elif key == "M":
            self._mute_all()
        elif key in ("f", "r"):
            self._say("false" if key == "f" else "right")
        elif key == "s":
            self._save()
        elif key == "q":
            self._on_quit()

    def _type(self, key: str) -> None:
        typed = self.picture.typed or ""
        if key == "escape":
            self.picture.typed = None
        elif key == "backspace":
            self.picture.typed = typed[:-1]
        elif key == "enter":
            self.picture.typed = None
            if typed.strip() and self._book is not None:
                rule = self._book.add(typed)
                self.state.notice = f"listening for {rule.label} as well"
        elif len(key) == 1 and key.isprintable():
            self.picture.typed = typed + key

    def _change_rate(self, factor: float) -> None:
        if self._book is None:
            return
        rule = self._selected()
        rate = min(max(self._book.rate_of(self._book.find(rule)) * factor, 0.01), 100.0)
        changed = self._book.change(rule, {"false_alarms_per_hour": float(f"{rate:.3g}")})
        self.state.notice = f"{changed.label}: {rate:.3g} false alarms an hour are allowed"

    def _mute(self) -> None:
        if self._book is None:
            return
        rule = self._selected()
        self._book.mute(rule, rule not in self.state.mutes.rules)

    def _mute_all(self) -> None:
        self.state.mutes.mute_all(not self.state.mutes.all)

    def _say(self, verdict: Literal["false", "right"]) -> None:
        alerts = self.state.alerts
        if not alerts or alerts[-1].alert is None:
            raise UsageError("there is no alert yet to judge")
        if self._judge is None:
            raise UsageError("this listener takes no feedback")
        last = alerts[-1].alert
        self._judge(last.id, verdict)
        rules = " and ".join([last.prompt, *(one.prompt for one in last.joined)])
        self.state.notice = f"{rules} at {clock(alerts[-1].time_s)} was {verdict}: noted"

    def _save(self) -> None:
        if self._book is None:
            return
        if self._book.file is None:
            self._book.save(Path(SAVED_AS))
            self.state.notice = f"saved: elsa-rt listen --config {SAVED_AS}"
        else:
            self.state.notice = f"{self._book.file.path} is up to date"

    def _selected(self) -> str:
        rules = [rule for rule, *_ in self.state.rules()]
        if self.picture.selected not in rules:
            if not rules:
                raise UsageError("there is no rule: press a to add one")
            self.picture.selected = rules[0]
        return self.picture.selected

    def _run(self) -> None:
        while not self._over:
            self._fresh.wait()
            self._fresh.clear()
            started = time.monotonic()
            self._take()
            self._paint()
            time.sleep(max(0.0, 1 / FRAMES_S - (time.monotonic() - started)))

    def _take(self) -> None:
        while self._waiting:
            self.state.take(self._waiting.popleft())

    def _paint(self) -> None:
        width, height = self._size()
        self._painter.paint(self.picture.lines(width, height), (width, height))

    def _size(self) -> tuple[int, int]:
        try:
            width, height = os.get_terminal_size(self._console.file.fileno())
            return width, height
        except (OSError, ValueError, AttributeError):
            return self._console.width, self._console.height

    def _summary(self) -> list[Line]:
        state, width = self.state, self._size()[0]
        lines: list[Line] = [
            fit(self.picture.event(event, min(width, READABLE)), width)
            for event in state.events.values()
            if event.kind != "near"
        ]
        if not lines and state.best is not None:
            lines = [[Span(f"no alert; the highest score was {state.best.score:.2f}: "
                           f"{state.best.prompt}")]]  # fmt: skip
        lines += [[Span(one.text, "faint")] for one in self._counted() if one.hours >= 1]
        lines += [[Span(notice, "warning")] for notice in self._unprinted]
        lost = state.hearing.dropped if state.hearing else 0
        load = "" if state.load.load is None else f"   load {state.load.load:.1%}"
        return [
            *lines,
            [Span(f"heard {clock(state.heard_s)}   lost {lost} samples{load}", "faint")],
        ]

    def _print(self, line: Line) -> None:
        encoding = self._console.encoding
        text = encode(line, self._table).rstrip()
        self._console.file.write(text.encode(encoding, "replace").decode(encoding) + "\n")
        self._console.file.flush()
