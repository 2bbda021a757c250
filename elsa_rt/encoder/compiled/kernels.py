"""The compiled kernel of a program: its operations one after the other. It validates nothing.

A row of the table begins with the kind of operation; the function of the kind tells what follows.
Places are offsets of floats in ``memory``, of which each stream has a row, or in ``constants``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from elsa_rt.encoder.compiled.codes import (
    BYTES,
    CONV,
    COPY,
    DENSE,
    DEPTHWISE,
    MAP,
    RING,
    SUM,
    TOGETHER,
)
from elsa_rt.encoder.compiled.convolutions import convolve
from elsa_rt.encoder.compiled.dense import connect, connect_four
from elsa_rt.encoder.compiled.depthwise import convolve_each
from elsa_rt.encoder.compiled.functions import mapped
from elsa_rt.encoder.compiled.rows import into_ring
from elsa_rt.jit import vector as v
from elsa_rt.jit.numba_compiler import compiled

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
Operation = Integers


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
    """An operation for one step of a stream."""
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
def _take(place: Integers, row: Floats, memory_at: int) -> None:
    """Put the frames of a step into memory; places are an offset and a count of floats."""
    to, source, count = memory_at + place[0] * BYTES, row.ctypes.data, place[1]
    eights = count - count % v.LANES
    for k in range(0, eights * BYTES, v.LANES * BYTES):
        v.write(to + k, v.read(source + k))
    for k in range(eights * BYTES, count * BYTES, BYTES):
        v.write_first(to + k, v.read_one(source + k))


@compiled
def _give(places: NDArray[np.int64], step: int, steps: int, memory_at: int, told: Floats) -> None:
    """Write what a step gave to its place in ``told``, where each output has a row for a step."""
    begin = 0
    for output in range(1, places.shape[0]):
        count = places[output, 1]
        source = memory_at + places[output, 0] * BYTES
        to = told.ctypes.data + (begin + step * count) * BYTES
        for k in range(0, count * BYTES, BYTES):
            v.write_first(to + k, v.read_one(source + k))
        begin += steps * count


@compiled
def run(
    tables: NDArray[np.int64], units: NDArray[np.int64], places: NDArray[np.int64],
    constants: Floats, weights: Integers, memory: NDArray[np.float32], steps: Integers,
    crossing: int, which: Integers, frames: NDArray[np.float32], told: Floats,
) -> int:  # fmt: skip
    """Run one step of the streams ``which``, or steps of the first of them for all ``frames``.

    Each stream has a row of ``memory``; ``steps`` counts those that each has made. Four streams, or
    several steps of one, go together: a unit of operations for each of them; in dense layers that
    are units of their own by fours, so that weights are read once for all.

    ``tables`` (m, n, columns) are the operations, for each of m steps of a stream that are in work
    together; their places that cross from unit to unit lie ``crossing`` floats apart.
    ``frames`` (n, floats) and ``told`` are empty where streams step, whose frames and outputs stand
    in memory; else ``places`` (1 + outputs, 2) tells where these are to be put and found.
    """
    constants_at = np.int64(constants.ctypes.data)  # unsigned beside signed would be floats
    weights_at, base = np.int64(weights.ctypes.data), np.int64(memory.ctypes.data)
    across, apart = memory.shape[1] * BYTES, crossing * BYTES
    ahead = frames.shape[0]
    total, together = (ahead, tables.shape[0]) if ahead else (which.size, TOGETHER)
    for begin in range(0, total, together):
        count = min(together, total - begin)
        for unit in range(units.shape[0]):
            first, end = units[unit, 0], units[unit, 1]
            by_four = count - count % TOGETHER if units[unit, 2] else 0
            if by_four:
                op = tables[0, first]
                for output in range(0, op[2], 2 * v.LANES):
                    for k in range(0, by_four, TOGETHER):
                        if ahead:
                            m0 = base + which[0] * across + k * apart
                            m1, m2, m3 = m0 + apart, m0 + 2 * apart, m0 + 3 * apart
                        else:
                            m0 = base + which[begin + k] * across
                            m1 = base + which[begin + k + 1] * across
                            m2 = base + which[begin + k + 2] * across
                            m3 = base + which[begin + k + 3] * across
                        connect_four(op, output, m0, m1, m2, m3, constants_at, weights_at)
            for k in range(by_four, count):
                stream, made, step = (which[0], k, k) if ahead else (which[begin + k], 0, 0)
                here, made = base + stream * across, made + steps[stream]
                if ahead and unit == 0:
                    _take(places[0], frames[begin + k], here)
                for row in range(first, end):
                    _one(tables[step, row], made, here, constants_at, weights_at)
                if ahead and unit == units.shape[0] - 1:
                    _give(places, begin + k, ahead, here, told)
        if ahead:
            steps[which[0]] += count
    if not ahead:
        for k in range(which.size):
            steps[which[k]] += 1
    return 0
