"""Convolutions of each channel by itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from elsa_rt.encoder.compiled.codes import BYTES, WIDE
from elsa_rt.encoder.compiled.functions import activate
from elsa_rt.encoder.compiled.rows import oldest, row_at
from elsa_rt.jit import vector as v
from elsa_rt.jit.numba_compiler import compiled

Operation = NDArray[np.int64]


@compiled
def convolve_each(op: Operation, steps: int, memory_at: int, constants_at: int) -> None:
    """Taps beyond the first and the last column are left out, as their zeros would be.

    Columns from 1: rows, columns, input (see `row_at`), columns of it, floats between them, its
    pad, columns from column to column, rows from row to row, rows and columns of the kernel, rows
    between its rows, weights, biases, channels, result, floats from row to row of it, from column
    to column, activation.
    """
    rows, columns, columns_in, step = op[1], op[2], op[8], op[9] * BYTES
    pad, along, stride, high, wide, apart = op[10], op[11], op[12], op[13], op[14], op[15]
    channels, act = op[18], op[22]
    across = channels * BYTES
    first = oldest(op, steps)
    for row in range(rows):
        for column in range(columns):
            left = column * along - pad
            begin, end = max(0, -left), min(wide, columns_in - left)
            y = memory_at + (op[19] + row * op[20] + column * op[21]) * BYTES
            c, bias = 0, constants_at + op[17] * BYTES
            while c < across:
                vectors = 4 if across - c >= 4 * WIDE else 1
                a, b, d, e = v.read(bias + c), v.zero(), v.zero(), v.zero()
                if vectors == 4:
                    b, d = v.read(bias + c + WIDE), v.read(bias + c + 2 * WIDE)
                    e = v.read(bias + c + 3 * WIDE)
                for i in range(high):
                    x = row_at(op, row * stride + i * apart, first, memory_at)
                    x += (left + begin) * step + c
                    w = constants_at + op[16] * BYTES + (i * wide + begin) * across + c
                    for _ in range(begin, end):
                        a = v.multiply_add(v.read(x), v.read(w), a)
                        if vectors == 4:
                            b = v.multiply_add(v.read(x + WIDE), v.read(w + WIDE), b)
                            d = v.multiply_add(v.read(x + 2 * WIDE), v.read(w + 2 * WIDE), d)
                            e = v.multiply_add(v.read(x + 3 * WIDE), v.read(w + 3 * WIDE), e)
                        x += step
                        w += across
                v.write(y + c, activate(act, a))
                if vectors == 4:
                    v.write(y + c + WIDE, activate(act, b))
                    v.write(y + c + 2 * WIDE, activate(act, d))
                    v.write(y + c + 3 * WIDE, activate(act, e))
                c += vectors * WIDE
