"""Writes to the terminal only the lines that differ from those that stand there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from elsa_rt.screens.terminal.style import Line, encode

ENTER = "\x1b[?1049h\x1b[?25l\x1b[2J"
"""The other screen, no cursor, empty."""

LEAVE = "\x1b[?25h\x1b[?1049l"


class Painter:
    """Paints pictures on the terminal's other screen while it is entered.

    Attributes
    ----------
    written : int
        Characters that were written; over SSH they are what a picture costs.
    """

    def __init__(self, stream: TextIO, table: dict[str, str]) -> None:
        self._stream, self._table = stream, table
        self._shown: list[str] = []
        self._size = (0, 0)
        self.written = 0

    def __enter__(self) -> Painter:
        self._write(ENTER)
        return self

    def __exit__(self, *_: object) -> None:
        self._write(LEAVE)
        self._shown = []

    def paint(self, lines: Sequence[Line], size: tuple[int, int]) -> None:
        """Show ``lines`` on a terminal of ``size`` (columns, rows)."""
        clear = ""
        if size != self._size:  # the terminal has been resized: nothing on it is known
            self._size, self._shown, clear = size, [], "\x1b[2J"
        text = [encode(line, self._table) for line in lines]
        before = self._shown + [""] * (len(text) - len(self._shown))
        changed = [
            f"\x1b[{row};1H{new}\x1b[K"
            for row, (old, new) in enumerate(zip(before, text, strict=False), 1)
            if old != new
        ]
        self._shown = text
        if changed or clear:
            self._write(clear + "".join(changed))

    def _write(self, text: str) -> None:
        self.written += len(text)
        encoding = self._stream.encoding or "utf-8"
        self._stream.write(text.encode(encoding, "replace").decode(encoding))
        self._stream.flush()
