"""The compiled kernel of a program: its operations one after the other. It validates nothing.

A row of the table begins with the kind of operation; the function of the kind tells what follows.
Places are offsets of floats in ``memory``, of which each stream has a row, or in ``constants``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from elsa_rt.encoder.compiled.codes import BYTES, CONV, COPY, DENSE, DEPTHWISE, MAP, RING, SUM
from elsa_rt.encoder.compiled.convolutions import convolve
from elsa_rt.encoder.compiled.dense import connect, connect_four
from elsa_rt.encoder.compiled.depthwise import convolve_each
from elsa_rt.encoder.compiled.functions import mapped
from elsa_rt.encoder.compiled.rows import into_ring
from elsa_rt.jit import vector as v
from elsa_rt.jit.numba_compiler import compiled

Floats = NDArray[np.float32]
Operation = NDArray[np.int64]

TOGETHER = 4
"""Streams that go through an operation side by side, see `connect_four`."""


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
def _one(op: Operation, steps: int, memory_at: int, constants_at: int, weights_at: int) -> None:
    """An operation for one stream."""
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


@compiled
def run(
    operations: NDArray[np.int64], constants: Floats, weights: NDArray[np.int64],
    memory: NDArray[np.float32], steps: NDArray[np.int64], which: NDArray[np.int64],
) -> int:  # fmt: skip
    """Run one step of the streams ``which``, each in its row of ``memory``.

    ``steps`` counts those that each stream has made. Four streams go together: what they need fits
    a processor's cache, and weights are read once for all.
    """
    constants_at, weights_at = constants.ctypes.data, weights.ctypes.data
    base, across = memory.ctypes.data, memory.shape[1] * BYTES
    for begin in range(0, which.size, TOGETHER):
        end = min(begin + TOGETHER, which.size)
        for row in range(operations.shape[0]):
            op = operations[row]
            if op[0] == DENSE and end - begin == TOGETHER:
                connect_four(
                    op, base + which[begin] * across, base + which[begin + 1] * across,
                    base + which[begin + 2] * across, base + which[begin + 3] * across,
                    constants_at, weights_at,
                )  # fmt: skip
                continue
            for k in range(begin, end):
                stream = which[k]
                _one(op, steps[stream], base + stream * across, constants_at, weights_at)
    for k in range(which.size):
        steps[which[k]] += 1
    return 0
