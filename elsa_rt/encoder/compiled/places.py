"""Places of a program: buffers in the memory of a stream, and where each of them stands."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

LINE = 16  # floats of a cache line: where a buffer begins


@dataclass(eq=False)
class Buffer:
    """A place in the memory of a stream; what does not last is used again once it was read.

    Of a state the next step reads what this one wrote.
    """

    floats: int
    lasts: bool = False
    is_state: bool = False
    offset: int = -1


class Place(NamedTuple):
    """A float of a buffer, or with none of the constants."""

    buffer: Buffer | None
    offset: int


Cell = int | Place


def number_of(cell: Cell) -> int:
    """What stands for ``cell`` in the table of a program."""
    if isinstance(cell, int):
        return cell
    return cell.offset + (cell.buffer.offset if cell.buffer is not None else 0)


def buffer_of(cell: Cell) -> Buffer | None:
    """The buffer that ``cell`` is a place of, if it is."""
    return cell.buffer if isinstance(cell, Place) else None


def used_in(rows: Sequence[Sequence[Cell]]) -> dict[Buffer, tuple[int, int]]:
    """The first and the last of ``rows`` in which each buffer is used."""
    used: dict[Buffer, tuple[int, int]] = {}
    for index, cells in enumerate(rows):
        for cell in cells:
            buffer = buffer_of(cell)
            if buffer is not None:
                used[buffer] = used.get(buffer, (index, index))[0], index
    return used


def arrange(
    buffers: Sequence[Buffer],
    rows: Sequence[Sequence[Cell]],
    crossing: Collection[Buffer],
    beyond: int,
) -> tuple[int, int]:
    """Give each buffer its offset; returns how many floats they need.

    Those that are ``crossing`` come last; the second number that is returned is where they begin.
    Of either kind, what lasts comes first. The others share the rest: two that are in use in the
    same operations never overlap. Vectors read ``beyond`` the last float.
    """
    used, end, begin = used_in(rows), 0, 0
    for kind in (False, True):
        begin, of_kind = end, [one for one in buffers if (one in crossing) is kind]
        for buffer in of_kind:
            if buffer.lasts:
                buffer.offset, end = end, end + _lines(buffer)
        end = _share([one for one in of_kind if not one.lasts and one in used], used, end)
    return end + beyond, begin


def _share(buffers: Sequence[Buffer], used: dict[Buffer, tuple[int, int]], base: int) -> int:
    """Give ``buffers`` their offsets from ``base`` on; returns the end of them."""
    end, placed = base, list[tuple[Buffer, int, int]]()
    for buffer in sorted(buffers, key=_lines, reverse=True):
        first, last = used[buffer]
        beside = sorted(
            (other.offset, other.offset + _lines(other))
            for other, begin, close in placed
            if begin <= last and first <= close
        )
        buffer.offset = base
        for begin, close in beside:
            if begin - buffer.offset >= _lines(buffer):
                break
            buffer.offset = max(buffer.offset, close)
        placed.append((buffer, first, last))
        end = max(end, buffer.offset + _lines(buffer))
    return end


def _lines(buffer: Buffer) -> int:
    return -(-(buffer.floats + LINE) // LINE) * LINE
