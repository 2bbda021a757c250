"""Programs: the table of operations that the kernel runs, and the numbers that it reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.encoder.compiled.codes import COLUMNS
from elsa_rt.encoder.compiled.places import Buffer, Cell, Place, arrange, buffer_of, number_of
from elsa_rt.encoder.compiled.units import crossing_of, units_of
from elsa_rt.jit.shipped import lanes

Floats = NDArray[np.float32]

LANES = lanes()
DENSE_LANES = 4 * LANES
LARGEST = 2**23 - 1


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
    units : int64 (m, 3)
        See `elsa_rt.encoder.compiled.units`.
    crossing : int
        Floats at the end of memory that go from unit to unit; steps that are made ahead have as
        many each.
    crosses : bool (n, COLUMNS)
        Which numbers of the operations are places there.
    """

    operations: NDArray[np.int64]
    constants: Floats
    weights: NDArray[np.int64]
    floats: int
    frames: int
    outputs: Mapping[str, int]
    units: NDArray[np.int64]
    crossing: int
    crosses: NDArray[np.bool_]

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
            "units": self.units,
            "crossing": np.array(self.crossing),
            "crosses": self.crosses,
        }

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Program:
        """What `arrays` gave."""
        outputs = zip(arrays["outputs"].tolist(), arrays["places"].tolist(), strict=True)
        return cls(
            arrays["operations"], arrays["constants"], arrays["weights"], int(arrays["floats"]),
            int(arrays["frames"]), dict(outputs), arrays["units"], int(arrays["crossing"]),
            arrays["crosses"],
        )  # fmt: skip

    def steps_ahead(self, count: int) -> NDArray[np.int64]:
        """Tables (count, n, COLUMNS) of as many steps that are in work together."""
        steps = np.arange(count)[:, None, None]
        return np.ascontiguousarray(self.operations + self.crossing * steps * self.crosses)


@dataclass
class Writer:
    """Collects operations, constants and weights."""

    rows: list[list[Cell]] = field(default_factory=list)
    buffers: list[Buffer] = field(default_factory=list)
    _constants: list[Floats] = field(default_factory=list)
    _weights: list[NDArray[np.uint8]] = field(default_factory=list)
    _counts: list[int] = field(default_factory=lambda: [0, 0])

    def buffer(self, floats: int, *, lasts: bool = False, is_state: bool = False) -> Buffer:
        """A new buffer; vectors may be written beyond its last float, as far as a line goes."""
        self.buffers.append(Buffer(floats, lasts, is_state))
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
        units = units_of(self.rows, frames)
        crossing = crossing_of(self.rows, units)
        floats, begin = arrange(self.buffers, self.rows, crossing, DENSE_LANES)
        table = np.zeros((len(self.rows), COLUMNS), np.int64)
        crosses = np.zeros(table.shape, np.bool_)
        for row, there, cells in zip(table, crosses, self.rows, strict=True):
            row[: len(cells)] = [number_of(cell) for cell in cells]
            there[: len(cells)] = [buffer_of(cell) in crossing for cell in cells]
        weights = np.concatenate([*self._weights, np.zeros(64, np.uint8)])
        return Program(
            table,
            np.concatenate([*self._constants, np.zeros(DENSE_LANES, np.float32)]),
            weights[: weights.size // 8 * 8].view(np.int64),
            floats,
            number_of(frames),
            {name: number_of(place) for name, place in outputs.items()},
            np.array(units, np.int64),
            floats - begin,
            crosses,
        )
