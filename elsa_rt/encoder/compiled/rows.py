"""Rows of time: a memory as a ring, and the new rows of a step behind it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from elsa_rt.encoder.compiled.codes import BYTES
from elsa_rt.jit import vector as v
from elsa_rt.jit.numba_compiler import compiled

Operation = NDArray[np.int64]


@compiled
def oldest(op: Operation, steps: int) -> int:
    """Which row of the ring is the oldest; columns 3 to 7 are those of `row_at`."""
    kept = op[6]
    return steps * op[7] % kept if kept else 0


@compiled
def row_at(op: Operation, row: int, first: int, memory_at: int) -> int:
    """Address of the ``row``-th of old and new rows; ``first`` is the `oldest` of the ring.

    Columns from 3: new rows, floats of a row, ring, rows of it, rows that go into it in a step.
    """
    kept = op[6]
    if row >= kept:
        return (op[3] + (row - kept) * op[4]) * BYTES + memory_at
    place = first + row
    if place >= kept:
        place -= kept
    return (op[5] + place * op[4]) * BYTES + memory_at


@compiled
def into_ring(op: Operation, steps: int, memory_at: int) -> None:
    """A new row takes the place of an old one.

    Columns from 1: ring, row, rows of the ring, rows that go into it in a step, which of them it
    is, floats from row to row, floats that are taken.
    """
    to = memory_at + (op[1] + (steps * op[4] + op[5]) % op[3] * op[6]) * BYTES
    new = memory_at + op[2] * BYTES
    eights = op[7] - op[7] % v.LANES
    for k in range(0, eights, v.LANES):
        v.write(to + k * BYTES, v.read(new + k * BYTES))
    for k in range(eights, op[7]):
        v.write_first(to + k * BYTES, v.read_one(new + k * BYTES))
