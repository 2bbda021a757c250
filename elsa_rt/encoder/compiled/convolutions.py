"""Convolutions with weights of three bytes.

What accumulates stays in registers: four columns by one, two or three vectors of outputs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from elsa_rt.encoder.compiled.codes import BYTES, WEIGHT, WEIGHTS, WIDE, panel
from elsa_rt.encoder.compiled.functions import activate
from elsa_rt.encoder.compiled.rows import oldest, row_at
from elsa_rt.jit import vector as v
from elsa_rt.jit.numba_compiler import compiled

Operation = NDArray[np.int64]

_panel = compiled(panel)


@compiled
def convolve(op: Operation, steps: int, memory_at: int, constants_at: int, weights_at: int) -> None:
    """Sums over rows, in each of which taps and channels lie side by side.

    Columns from 1: rows, columns, input (see `row_at`), floats to the first tap of the first
    column, from column to column, rows from row to row, rows of the kernel, rows between them,
    pieces of a row of the kernel, floats from piece to piece of the input, floats of a piece,
    weights, scales, biases, outputs, result, floats from row to row of it, from column to column,
    activation, what is added or -1, floats from row to row of it, from column to column.
    """
    count, begin, first = op[11] * op[13] * op[15], oldest(op, steps), 0
    while first < op[19]:
        vectors = _panel((op[19] - first + v.LANES - 1) // v.LANES)
        w = weights_at + (op[16] + first * count) * WEIGHT
        scale = constants_at + (op[17] + first) * BYTES
        bias = constants_at + (op[18] + first) * BYTES
        for row in range(op[1]):
            for column in range(0, op[2], 4):
                if vectors == 3:
                    _convolve_three(op, begin, row, column, first, memory_at, w, scale, bias)
                elif vectors == 2:
                    _convolve_two(op, begin, row, column, first, memory_at, w, scale, bias)
                else:
                    _convolve_one(op, begin, row, column, first, memory_at, w, scale, bias)
        first += vectors * v.LANES


@compiled
def _first_tap(op: Operation, begin: int, row: int, column: int, tap: int, memory_at: int) -> int:
    """Where a row of the kernel begins to read for four columns."""
    x = row_at(op, row * op[10] + tap * op[12], begin, memory_at)
    return x + (op[8] + column * op[9]) * BYTES


@compiled
def _convolve_three(
    op: Operation, begin: int, row: int, column: int, first: int, memory_at: int,
    w: int, scale: int, bias: int,
) -> None:  # fmt: skip
    """Four columns by three vectors of outputs."""
    step = op[9] * BYTES
    a0, a1, a2, a3 = v.zero(), v.zero(), v.zero(), v.zero()
    b0, b1, b2, b3 = v.zero(), v.zero(), v.zero(), v.zero()
    c0, c1, c2, c3 = v.zero(), v.zero(), v.zero(), v.zero()
    for tap in range(op[11]):
        x = _first_tap(op, begin, row, column, tap, memory_at)
        for _ in range(op[13]):
            for k in range(0, op[15] * BYTES, BYTES):
                one, two, three = (
                    v.read_weights(w), v.read_weights(w + WEIGHTS), v.read_weights(w + 2 * WEIGHTS)
                )  # fmt: skip
                value = v.read_one(x + k)
                a0 = v.multiply_add(value, one, a0)
                b0 = v.multiply_add(value, two, b0)
                c0 = v.multiply_add(value, three, c0)
                value = v.read_one(x + step + k)
                a1 = v.multiply_add(value, one, a1)
                b1 = v.multiply_add(value, two, b1)
                c1 = v.multiply_add(value, three, c1)
                value = v.read_one(x + 2 * step + k)
                a2 = v.multiply_add(value, one, a2)
                b2 = v.multiply_add(value, two, b2)
                c2 = v.multiply_add(value, three, c2)
                value = v.read_one(x + 3 * step + k)
                a3 = v.multiply_add(value, one, a3)
                b3 = v.multiply_add(value, two, b3)
                c3 = v.multiply_add(value, three, c3)
                w += 3 * WEIGHTS
            x += op[14] * BYTES
    _end_four(a0, a1, a2, a3, op, row, column, first, memory_at, scale, bias)
    _end_four(b0, b1, b2, b3, op, row, column, first + v.LANES, memory_at, scale + WIDE,
              bias + WIDE)  # fmt: skip
    _end_four(c0, c1, c2, c3, op, row, column, first + 2 * v.LANES, memory_at, scale + 2 * WIDE,
              bias + 2 * WIDE)  # fmt: skip


@compiled
def _convolve_two(
    op: Operation, begin: int, row: int, column: int, first: int, memory_at: int,
    w: int, scale: int, bias: int,
) -> None:  # fmt: skip
    """Four columns by two vectors of outputs."""
    step = op[9] * BYTES
    a0, a1, a2, a3 = v.zero(), v.zero(), v.zero(), v.zero()
    b0, b1, b2, b3 = v.zero(), v.zero(), v.zero(), v.zero()
    for tap in range(op[11]):
        x = _first_tap(op, begin, row, column, tap, memory_at)
        for _ in range(op[13]):
            for k in range(0, op[15] * BYTES, BYTES):
                one, two = v.read_weights(w), v.read_weights(w + WEIGHTS)
                value = v.read_one(x + k)
                a0 = v.multiply_add(value, one, a0)
                b0 = v.multiply_add(value, two, b0)
                value = v.read_one(x + step + k)
                a1 = v.multiply_add(value, one, a1)
                b1 = v.multiply_add(value, two, b1)
                value = v.read_one(x + 2 * step + k)
                a2 = v.multiply_add(value, one, a2)
                b2 = v.multiply_add(value, two, b2)
                value = v.read_one(x + 3 * step + k)
                a3 = v.multiply_add(value, one, a3)
                b3 = v.multiply_add(value, two, b3)
                w += 2 * WEIGHTS
            x += op[14] * BYTES
    _end_four(a0, a1, a2, a3, op, row, column, first, memory_at, scale, bias)
    _end_four(b0, b1, b2, b3, op, row, column, first + v.LANES, memory_at, scale + WIDE,
              bias + WIDE)  # fmt: skip


@compiled
def _convolve_one(
    op: Operation, begin: int, row: int, column: int, first: int, memory_at: int,
    w: int, scale: int, bias: int,
) -> None:  # fmt: skip
    """Four columns by one vector of outputs."""
    step = op[9] * BYTES
    a0, a1, a2, a3 = v.zero(), v.zero(), v.zero(), v.zero()
    for tap in range(op[11]):
        x = _first_tap(op, begin, row, column, tap, memory_at)
        for _ in range(op[13]):
            for k in range(0, op[15] * BYTES, BYTES):
                one = v.read_weights(w)
                a0 = v.multiply_add(v.read_one(x + k), one, a0)
                a1 = v.multiply_add(v.read_one(x + step + k), one, a1)
                a2 = v.multiply_add(v.read_one(x + 2 * step + k), one, a2)
                a3 = v.multiply_add(v.read_one(x + 3 * step + k), one, a3)
                w += WEIGHTS
            x += op[14] * BYTES
    _end_four(a0, a1, a2, a3, op, row, column, first, memory_at, scale, bias)


@compiled
def _end_four(
    a0: Any, a1: Any, a2: Any, a3: Any, op: Operation, row: int, column: int, first: int,
    memory_at: int, scale: int, bias: int,
) -> None:  # fmt: skip
    """Scale, bias, activation and what is added, for a vector of outputs of four columns."""
    s, d, act = v.read(scale), v.read(bias), op[23]
    y = memory_at + (op[20] + first + row * op[21] + column * op[22]) * BYTES
    y_step, z_step, z = op[22] * BYTES, op[26] * BYTES, 0
    if op[24] >= 0:
        z = memory_at + (op[24] + first + row * op[25] + column * op[26]) * BYTES
    _end(a0, s, d, act, z, y)
    _end(a1, s, d, act, z + z_step, y + y_step)
    _end(a2, s, d, act, z + 2 * z_step, y + 2 * y_step)
    _end(a3, s, d, act, z + 3 * z_step, y + 3 * y_step)


@compiled
def _end(acc: Any, scale: Any, bias: Any, act: int, added: int, place: int) -> None:
    y = activate(act, v.multiply_add(acc, scale, bias))
    if added > 0:
        y = v.add(y, v.read(added))
    v.write(place, y)
