"""The compiled kernel of a program: its operations one after the other. It validates nothing.

A row of the table begins with the kind of operation; the function of the kind tells what follows.
Places are offsets of floats in ``memory``, which a stream has to itself, or in ``constants``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from elsa_rt.encoder.compiled.codes import BYTES, CONV, COPY, DENSE, DEPTHWISE, MAP, RING, SUM
from elsa_rt.encoder.compiled.depthwise import convolve_each
from elsa_rt.encoder.compiled.functions import mapped
from elsa_rt.encoder.compiled.products import connect, convolve
from elsa_rt.encoder.compiled.rows import into_ring
from elsa_rt.jit import vector as v
from elsa_rt.jit.numba_compiler import compiled

Floats = NDArray[np.float32]
Operation = NDArray[np.int64]


@compiled
def _map(op: Operation, memory_at: int, constants_at: int) -> None:
    """A function of each value, or of two; SUM adds the value to what stands in the result.

    Columns from 1: function, counts of three axes, the result and its strides along them, the
    value and its strides, the second value and its strides, whether each value is a constant.
    """
    code, count = op[1], op[4]
    y, y0, y1, y2 = op[5] * BYTES + memory_at, op[6] * BYTES, op[7] * BYTES, op[8] * BYTES
    a, a0, a1, a2 = op[9] * BYTES, op[10] * BYTES, op[11] * BYTES, op[12] * BYTES
    b, b0, b1, b2 = op[13] * BYTES, op[14] * BYTES, op[15] * BYTES, op[16] * BYTES
    a += constants_at if op[17] else memory_at
    b += constants_at if op[18] else memory_at
    side_by_side = y2 == BYTES and (a2 == BYTES or a2 == 0) and (b2 == BYTES or b2 == 0)
    eights = count - count % v.LANES if side_by_side else 0
    for i in range(op[2]):
        for j in range(op[3]):
            to, one, other = y + i * y0 + j * y1, a + i * a0 + j * a1, b + i * b0 + j * b1
            for _ in range(0, eights, v.LANES):
                left = v.read(one) if a2 else v.read_one(one)
                if code == SUM:
                    v.write(to, v.add(left, v.read(to)))
                elif code == COPY:
                    v.write(to, left)
                else:
                    right = v.read(other) if b2 else v.read_one(other)
                    v.write(to, mapped(code, left, right))
                one, other, to = one + v.LANES * a2, other + v.LANES * b2, to + v.LANES * y2
            for _ in range(eights, count):
                left = v.read_one(one)
                if code == SUM:
                    v.write_first(to, v.add(left, v.read_one(to)))
                else:
                    v.write_first(to, mapped(code, left, v.read_one(other)))
                one, other, to = one + a2, other + b2, to + y2


@compiled
def run(
    operations: NDArray[np.int64], constants: Floats, weights: NDArray[np.int64], memory: Floats,
    steps: int,
) -> int:  # fmt: skip
    """Run one step, the ``steps``-th of the stream from 0, in ``memory``."""
    memory_at, constants_at = memory.ctypes.data, constants.ctypes.data
    weights_at = weights.ctypes.data
    for row in range(operations.shape[0]):
        op = operations[row]
        kind = op[0]
        if kind == CONV:
            convolve(op, steps, memory_at, constants_at, weights_at)
        elif kind == DENSE:
            connect(op, memory_at, constants_at, weights_at)
        elif kind == DEPTHWISE:
            convolve_each(op, steps, memory_at, constants_at)
        elif kind == MAP:
            _map(op, memory_at, constants_at)
        elif kind == RING:
            into_ring(op, steps, memory_at)
    return 0
