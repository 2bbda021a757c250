"""Styled lines of text, and how they become characters for a terminal.

A line is a list of `Span`s. Styles are names: colours are chosen once, by what the terminal can
do, so that a picture is the same with 16 million colours, with 16, and with none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size


class Span(NamedTuple):
    """Text in one style."""

    text: str
    style: str = ""


Line = list[Span]

RESET = "\x1b[0m"

_BASE = {
    "": "",
    "bold": "1",
    "title": "1",
    "faint": "2",
    "selected": "1;4",
    "mark": "1",
    "input": "7",
}

_COLOURS = {
    "none": {"alert": "1;7", "sound": "1", "good": "", "warning": "1"},
    "few": {"alert": "1;31", "sound": "1", "good": "32", "warning": "33"},
    "many": {"alert": "1;38;5;209", "sound": "1", "good": "38;5;108", "warning": "38;5;179",
             "faint": "38;5;245"},
}  # fmt: skip


def codes(colour_system: str | None) -> dict[str, str]:
    """SGR codes of every style for what `rich.console.Console.color_system` says."""
    kind = {None: "none", "standard": "few", "windows": "few"}.get(colour_system, "many")
    return _BASE | _COLOURS[kind]


def encode(line: Sequence[Span], table: dict[str, str]) -> str:
    """A line with escape sequences."""
    parts = []
    for text, style in line:
        code = table[style]
        parts.append(f"\x1b[{code}m{text}{RESET}" if code else text)
    return "".join(parts)


def plain(line: Sequence[Span]) -> str:
    """A line without any style."""
    return "".join(span.text for span in line)


def width_of(line: Sequence[Span]) -> int:
    """Columns that a line takes."""
    return sum(cell_len(span.text) for span in line)


def fit(line: Iterable[Span], width: int, end: str = "…") -> Line:
    """A line of exactly ``width`` columns: cut, with ``end`` where it was, or filled up."""
    fitted: Line = []
    left = width
    for text, style in line:
        size = cell_len(text)
        if size > left:
            keep = max(left - cell_len(end), 0)
            cut = set_cell_size(text, keep) + set_cell_size(end, left - keep)
            return [*fitted, Span(cut, style)] if left else fitted
        fitted.append(Span(text, style))
        left -= size
    return [*fitted, Span(" " * left)] if left else fitted


def sides(left: Line, right: Line, width: int, end: str = "…") -> Line:
    """``left`` and, at the end of ``width`` columns, ``right``, which is kept whole."""
    room = max(width - width_of(right) - 1, 0)
    return fit([*fit(left, room, end), Span(" "), *right], width, end)
