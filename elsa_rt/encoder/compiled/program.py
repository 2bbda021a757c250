"""Programs: the table of operations that the kernel runs, and the numbers that it reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.encoder.compiled.codes import COLUMNS
from elsa_rt.jit.shipped import lanes

Floats = NDArray[np.float32]

LANES = lanes()
DENSE_LANES = 4 * LANES
LINE = 16  # floats of a cache line: where a buffer begins
LARGEST = 2**23 - 1


@dataclass(eq=False)
class Buffer:
    """A place in the memory of a stream; what does not last is used again once it was read."""

    floats: int
    lasts: bool = False
    offset: int = -1


class Place(NamedTuple):
    """A float of a buffer, or with none of the constants."""

    buffer: Buffer | None
    offset: int


Cell = int | Place


class Program(NamedTuple):
    """An audio encoder as the kernel runs it, for one step of one stream.

    Attributes
    ----------
    operations : int64 (n, COLUMNS)
    constants : float32
    weights : int64, in which integers of three bytes stand
    floats : int
        Of the memory of a stream; zeros begin it.
    frames : int
        Where in memory the frames of a step go.
    outputs : mapping of str to int
        Where each output stands.
    """

    operations: NDArray[np.int64]
    constants: Floats
    weights: NDArray[np.int64]
    floats: int
    frames: int
    outputs: Mapping[str, int]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All of it as arrays by name."""
        return {
            "operations": self.operations,
            "constants": self.constants,
            "weights": self.weights,
            "floats": np.array(self.floats),
            "frames": np.array(self.frames),
            "outputs": np.array(list(self.outputs)),
            "places": np.array(list(self.outputs.values())),
        }

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Program:
        """What `arrays` gave."""
        outputs = zip(arrays["outputs"].tolist(), arrays["places"].tolist(), strict=True)
        return cls(
            arrays["operations"], arrays["constants"], arrays["weights"], int(arrays["floats"]),
            int(arrays["frames"]), dict(outputs),
        )  # fmt: skip


@dataclass
class Writer:
    """Collects operations, constants and weights."""

    rows: list[list[Cell]] = field(default_factory=list)
    buffers: list[Buffer] = field(default_factory=list)
    _constants: list[Floats] = field(default_factory=list)
    _weights: list[NDArray[np.uint8]] = field(default_factory=list)
    _counts: list[int] = field(default_factory=lambda: [0, 0])

    def buffer(self, floats: int, *, lasts: bool = False) -> Buffer:
        """A new buffer; vectors may be written beyond its last float, as far as a line goes."""
        self.buffers.append(Buffer(floats, lasts))
        return self.buffers[-1]

    def constant(self, values: NDArray[np.floating]) -> Place:
        """Values for the kernel, and zeros behind them, where vectors end."""
        flat = np.asarray(values, np.float32).ravel()
        rest = -flat.size % DENSE_LANES
        self._constants.append(np.concatenate([flat, np.zeros(rest, np.float32)]))
        self._counts[0] += flat.size + rest
        return Place(None, self._counts[0] - flat.size - rest)

    def weights(self, matrix: NDArray[np.floating], panels: Sequence[int]) -> tuple[int, Place]:
        """``matrix`` (inputs, outputs) in three bytes each, by panels; where it and its scales are.

        ``panels`` are widths that add up to as many outputs or more; zeros fill them up.
        """
        inputs, outputs = matrix.shape
        wide = np.zeros((inputs, sum(panels)))
        wide[:, :outputs] = matrix
        scale = np.abs(wide).max(axis=0) / LARGEST
        whole = np.rint(wide / np.where(scale > 0, scale, 1)).astype("<i4")
        begin = self._counts[1]
        at = 0
        for width in panels:
            panel = np.ascontiguousarray(whole[:, at : at + width])
            self._weights.append(panel.view(np.uint8).reshape(-1, 4)[:, :3].ravel())
            at += width
        self._counts[1] += whole.size
        return begin, self.constant(scale / 256)  # the kernel reads them as 256 times as large

    def add(self, kind: int, *cells: Cell) -> None:
        """An operation; its cells stand behind its kind."""
        self.rows.append([kind, *cells])

    def program(self, frames: Place, outputs: Mapping[str, Place]) -> Program:
        """What was collected, with a place in memory for each buffer."""
        floats = _arrange(self.buffers, self.rows)
        table = np.zeros((len(self.rows), COLUMNS), np.int64)
        for row, cells in zip(table, self.rows, strict=True):
            row[: len(cells)] = [_number(cell) for cell in cells]
        weights = np.concatenate([*self._weights, np.zeros(64, np.uint8)])
        return Program(
            table,
            np.concatenate([*self._constants, np.zeros(DENSE_LANES, np.float32)]),
            weights[: weights.size // 8 * 8].view(np.int64),
            floats,
            _number(frames),
            {name: _number(place) for name, place in outputs.items()},
        )


def _number(cell: Cell) -> int:
    if isinstance(cell, int):
        return cell
    return cell.offset + (cell.buffer.offset if cell.buffer is not None else 0)


def _arrange(buffers: Sequence[Buffer], rows: Sequence[Sequence[Cell]]) -> int:
    """Give each buffer its offset; returns how many floats they need.

    What lasts comes first. The others share the rest: two that are in use in the same operations
    never overlap.
    """
    used: dict[int, tuple[int, int]] = {}
    for index, cells in enumerate(rows):
        for cell in cells:
            if isinstance(cell, Place) and cell.buffer is not None:
                first, _ = used.get(id(cell.buffer), (index, index))
                used[id(cell.buffer)] = first, index
    end = 0
    for buffer in buffers:
        if buffer.lasts:
            buffer.offset, end = end, end + _lines(buffer)
    base, placed = end, list[tuple[Buffer, int, int]]()
    for buffer in sorted(buffers, key=_lines, reverse=True):
        if buffer.lasts or id(buffer) not in used:
            continue
        first, last = used[id(buffer)]
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
    return end + DENSE_LANES  # vectors are read beyond the last one


def _lines(buffer: Buffer) -> int:
    return -(-(buffer.floats + LINE) // LINE) * LINE
