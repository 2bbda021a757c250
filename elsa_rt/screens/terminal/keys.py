"""Keys of a terminal, one by one, on a thread of their own."""

from __future__ import annotations

import os
import select
import sys
import threading
from collections.abc import Callable
from typing import Any, TextIO

NAMES = {"\x1b[A": "up", "\x1b[B": "down", "\x1bOA": "up", "\x1bOB": "down", "\r": "enter",
         "\n": "enter", "\x1b": "escape", "\x7f": "backspace", "\b": "backspace"}  # fmt: skip
"""What some keys send."""

LOOK_S = 0.2


class Keys:
    """Reads keys while it is entered; `take` gets a character or a name of `NAMES`.

    Where ``stream`` is no terminal, or the system has no termios, there are none.
    """

    def __init__(self, take: Callable[[str], None], stream: TextIO | None = None) -> None:
        self._take = take
        self._stream = sys.stdin if stream is None else stream
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._before: Any = None

    @property
    def available(self) -> bool:
        """Whether there is a keyboard."""
        try:
            import termios  # noqa: F401

            return self._stream.isatty()
        except (ImportError, ValueError, AttributeError):
            return False

    def __enter__(self) -> Keys:
        if self.available:
            import termios
            import tty

            self._file = self._stream.fileno()
            self._before = termios.tcgetattr(self._file)
            tty.setcbreak(self._file)
            self._thread = threading.Thread(target=self._run, name="keys", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread is not None:
            import termios

            self._thread.join(2 * LOOK_S)
            termios.tcsetattr(self._file, termios.TCSADRAIN, self._before)

    def _run(self) -> None:
        while not self._over.is_set():
            ready, _, _ = select.select([self._file], [], [], LOOK_S)
            if not ready:
                continue
            try:
                data = os.read(self._file, 256)
            except OSError:
                return
            if not data:
                return
            for key in split(data.decode("utf-8", "ignore")):
                self._take(key)


def split(text: str) -> list[str]:
    """Characters and names of the keys in ``text``."""
    keys = []
    while text:
        if text[:3] in NAMES:
            keys.append(NAMES[text[:3]])
            text = text[3:]
        elif text[0] == "\x1b" and len(text) > 1:  # another sequence: not ours
            text = text[1:].lstrip("[O0123456789;")[1:]
        else:
            keys.append(NAMES.get(text[0], text[0]))
            text = text[1:]
    return keys
