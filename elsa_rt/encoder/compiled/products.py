"""Convolutions and dense layers: products with weights of three bytes.

What accumulates stays in registers: four columns by sixteen outputs, two inputs by 32 outputs, or
four streams by sixteen outputs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from elsa_rt.encoder.compiled.codes import BYTES, WEIGHT
from elsa_rt.encoder.compiled.functions import activate
from elsa_rt.encoder.compiled.rows import oldest, row_at
from elsa_rt.jit import vector as v
from elsa_rt.jit.numba_compiler import compiled

Operation = NDArray[np.int64]

ROW = v.LANES * WEIGHT  # bytes of eight weights
EIGHT = v.LANES * BYTES


@compiled
def convolve(op: Operation, steps: int, memory_at: int, constants_at: int, weights_at: int) -> None:
    """Sums over rows, in each of which taps and channels lie side by side.

    Columns from 1: rows, columns, input (see `row_at`), floats to the first tap of the first
    column, from column to column, rows from row to row, rows of the kernel, rows between them,
    taps and channels, weights, scales, biases, outputs, result, floats from row to row of it, from
    column to column, activation, what is added or -1, floats from row to row of it, from column to
    column.
    """
    rows, columns, shift, step = op[1], op[2], op[8] * BYTES, op[9] * BYTES
    stride, high, apart, run, outputs = op[10], op[11], op[12], op[13], op[17]
    y_row, y_step, act = op[19] * BYTES, op[20] * BYTES, op[21]
    z_row, z_step = op[23] * BYTES, op[24] * BYTES
    begin = oldest(op, steps)
    for first in range(0, outputs, 2 * v.LANES):
        both = outputs - first > v.LANES
        panel = weights_at + (op[14] + first * high * run) * WEIGHT
        scale, bias = constants_at + op[15] * BYTES, constants_at + op[16] * BYTES
        scale, bias = scale + first * BYTES, bias + first * BYTES
        for row in range(rows):
            for column in range(0, columns, 4):
                w = panel
                a0, a1, a2, a3 = v.zero(), v.zero(), v.zero(), v.zero()
                b0, b1, b2, b3 = v.zero(), v.zero(), v.zero(), v.zero()
                for tap in range(high):
                    x = row_at(op, row * stride + tap * apart, begin, memory_at)
                    x += shift + column * step
                    if both:
                        for _ in range(run):
                            one, other = v.read_weights(w), v.read_weights(w + ROW)
                            value = v.read_one(x)
                            a0 = v.multiply_add(value, one, a0)
                            b0 = v.multiply_add(value, other, b0)
                            value = v.read_one(x + step)
                            a1 = v.multiply_add(value, one, a1)
                            b1 = v.multiply_add(value, other, b1)
                            value = v.read_one(x + 2 * step)
                            a2 = v.multiply_add(value, one, a2)
                            b2 = v.multiply_add(value, other, b2)
                            value = v.read_one(x + 3 * step)
                            a3 = v.multiply_add(value, one, a3)
                            b3 = v.multiply_add(value, other, b3)
                            x += BYTES
                            w += 2 * ROW
                    else:
                        for _ in range(run):
                            one = v.read_weights(w)
                            a0 = v.multiply_add(v.read_one(x), one, a0)
                            a1 = v.multiply_add(v.read_one(x + step), one, a1)
                            a2 = v.multiply_add(v.read_one(x + 2 * step), one, a2)
                            a3 = v.multiply_add(v.read_one(x + 3 * step), one, a3)
                            x += BYTES
                            w += ROW
                y = memory_at + (op[18] + first) * BYTES + row * y_row + column * y_step
                z = 0
                if op[22] >= 0:
                    z = memory_at + (op[22] + first) * BYTES + row * z_row + column * z_step
                _end(a0, scale, bias, act, z, y)
                _end(a1, scale, bias, act, z + z_step, y + y_step)
                _end(a2, scale, bias, act, z + 2 * z_step, y + 2 * y_step)
                _end(a3, scale, bias, act, z + 3 * z_step, y + 3 * y_step)
                if both:
                    s, d, y = scale + EIGHT, bias + EIGHT, y + EIGHT
                    z = z + EIGHT if z else z
                    _end(b0, s, d, act, z, y)
                    _end(b1, s, d, act, z + z_step, y + y_step)
                    _end(b2, s, d, act, z + 2 * z_step, y + 2 * y_step)
                    _end(b3, s, d, act, z + 3 * z_step, y + 3 * y_step)


@compiled
def _end(acc: Any, scale: int, bias: int, act: int, added: int, place: int) -> None:
    y = activate(act, v.multiply_add(acc, v.read(scale), v.read(bias)))
    if added:
        y = v.add(y, v.read(added))
    v.write(place, y)


@compiled
def connect(op: Operation, memory_at: int, constants_at: int, weights_at: int) -> None:
    """A dense layer.

    Columns from 1: inputs, outputs, input, weights, scales, what is added, whether it is a
    constant, the constant that it is multiplied by, result.
    """
    count, outputs = op[1], op[2]
    factor = v.read_one(constants_at + op[8] * BYTES)
    added_at = (constants_at if op[7] else memory_at) + op[6] * BYTES
    for first in range(0, outputs, 4 * v.LANES):
        w = weights_at + (op[4] + first * count) * WEIGHT
        x = memory_at + op[3] * BYTES
        a0, a1, a2, a3 = v.zero(), v.zero(), v.zero(), v.zero()
        b0, b1, b2, b3 = v.zero(), v.zero(), v.zero(), v.zero()
        for _ in range(count // 2):
            value = v.read_one(x)
            a0 = v.multiply_add(value, v.read_weights(w), a0)
            a1 = v.multiply_add(value, v.read_weights(w + ROW), a1)
            a2 = v.multiply_add(value, v.read_weights(w + 2 * ROW), a2)
            a3 = v.multiply_add(value, v.read_weights(w + 3 * ROW), a3)
            value = v.read_one(x + BYTES)
            b0 = v.multiply_add(value, v.read_weights(w + 4 * ROW), b0)
            b1 = v.multiply_add(value, v.read_weights(w + 5 * ROW), b1)
            b2 = v.multiply_add(value, v.read_weights(w + 6 * ROW), b2)
            b3 = v.multiply_add(value, v.read_weights(w + 7 * ROW), b3)
            x += 2 * BYTES
            w += 8 * ROW
        if count % 2:
            value = v.read_one(x)
            a0 = v.multiply_add(value, v.read_weights(w), a0)
            a1 = v.multiply_add(value, v.read_weights(w + ROW), a1)
            a2 = v.multiply_add(value, v.read_weights(w + 2 * ROW), a2)
            a3 = v.multiply_add(value, v.read_weights(w + 3 * ROW), a3)
        scale, added = constants_at + (op[5] + first) * BYTES, added_at + first * BYTES
        y = memory_at + (op[9] + first) * BYTES
        _tell(v.add(a0, b0), scale, factor, added, y)
        _tell(v.add(a1, b1), scale + EIGHT, factor, added + EIGHT, y + EIGHT)
        _tell(v.add(a2, b2), scale + 2 * EIGHT, factor, added + 2 * EIGHT, y + 2 * EIGHT)
        _tell(v.add(a3, b3), scale + 3 * EIGHT, factor, added + 3 * EIGHT, y + 3 * EIGHT)


@compiled
def connect_four(
    op: Operation, m0: int, m1: int, m2: int, m3: int, constants_at: int, weights_at: int
) -> None:
    """The same for four streams at once, in their memories: each weight is read but once."""
    count, outputs = op[1], op[2]
    factor = v.read_one(constants_at + op[8] * BYTES)
    for first in range(0, outputs, 2 * v.LANES):
        panel = first // (4 * v.LANES)
        w = weights_at + (op[4] + panel * 4 * v.LANES * count + first % (4 * v.LANES)) * WEIGHT
        x = op[3] * BYTES
        a0, a1, a2, a3 = v.zero(), v.zero(), v.zero(), v.zero()
        b0, b1, b2, b3 = v.zero(), v.zero(), v.zero(), v.zero()
        for _ in range(count):
            one, other = v.read_weights(w), v.read_weights(w + ROW)
            value = v.read_one(m0 + x)
            a0 = v.multiply_add(value, one, a0)
            b0 = v.multiply_add(value, other, b0)
            value = v.read_one(m1 + x)
            a1 = v.multiply_add(value, one, a1)
            b1 = v.multiply_add(value, other, b1)
            value = v.read_one(m2 + x)
            a2 = v.multiply_add(value, one, a2)
            b2 = v.multiply_add(value, other, b2)
            value = v.read_one(m3 + x)
            a3 = v.multiply_add(value, one, a3)
            b3 = v.multiply_add(value, other, b3)
            x += BYTES
            w += 4 * ROW
        scale, added, y = constants_at + op[5] * BYTES, op[6] * BYTES, op[9] * BYTES
        scale, added, y = scale + first * BYTES, added + first * BYTES, y + first * BYTES
        constant = constants_at + added
        _tell(a0, scale, factor, constant if op[7] else m0 + added, m0 + y)
        _tell(a1, scale, factor, constant if op[7] else m1 + added, m1 + y)
        _tell(a2, scale, factor, constant if op[7] else m2 + added, m2 + y)
        _tell(a3, scale, factor, constant if op[7] else m3 + added, m3 + y)
        scale, constant, added, y = scale + EIGHT, constant + EIGHT, added + EIGHT, y + EIGHT
        _tell(b0, scale, factor, constant if op[7] else m0 + added, m0 + y)
        _tell(b1, scale, factor, constant if op[7] else m1 + added, m1 + y)
        _tell(b2, scale, factor, constant if op[7] else m2 + added, m2 + y)
        _tell(b3, scale, factor, constant if op[7] else m3 + added, m3 + y)


@compiled
def _tell(acc: Any, scale: int, factor: Any, added: int, place: int) -> None:
    v.write(place, v.multiply_add(acc, v.read(scale), v.multiply(factor, v.read(added))))
