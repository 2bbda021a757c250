"""Dense layers with weights of three bytes.

What accumulates stays in eight registers: two inputs by four vectors of outputs, or four streams by
two of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from elsa_rt.encoder.compiled.codes import BYTES, PANEL, WEIGHT, WEIGHTS, WIDE
from elsa_rt.jit import vector as v
from elsa_rt.jit.numba_compiler import compiled

Operation = NDArray[np.int64]

ROW = PANEL * WEIGHTS
"""Bytes of the weights of one input in a panel."""


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
        u = w + (2 if PANEL == 4 else 2 * count) * WEIGHTS  # of the third vector
        x = memory_at + op[3] * BYTES
        a0, a1, a2, a3 = v.zero(), v.zero(), v.zero(), v.zero()
        b0, b1, b2, b3 = v.zero(), v.zero(), v.zero(), v.zero()
        for _ in range(count // 2):
            value = v.read_one(x)
            a0 = v.multiply_add(value, v.read_weights(w), a0)
            a1 = v.multiply_add(value, v.read_weights(w + WEIGHTS), a1)
            a2 = v.multiply_add(value, v.read_weights(u), a2)
            a3 = v.multiply_add(value, v.read_weights(u + WEIGHTS), a3)
            value = v.read_one(x + BYTES)
            b0 = v.multiply_add(value, v.read_weights(w + ROW), b0)
            b1 = v.multiply_add(value, v.read_weights(w + ROW + WEIGHTS), b1)
            b2 = v.multiply_add(value, v.read_weights(u + ROW), b2)
            b3 = v.multiply_add(value, v.read_weights(u + ROW + WEIGHTS), b3)
            x += 2 * BYTES
            w, u = w + 2 * ROW, u + 2 * ROW
        if count % 2:
            value = v.read_one(x)
            a0 = v.multiply_add(value, v.read_weights(w), a0)
            a1 = v.multiply_add(value, v.read_weights(w + WEIGHTS), a1)
            a2 = v.multiply_add(value, v.read_weights(u), a2)
            a3 = v.multiply_add(value, v.read_weights(u + WEIGHTS), a3)
        scale, added = constants_at + (op[5] + first) * BYTES, added_at + first * BYTES
        y = memory_at + (op[9] + first) * BYTES
        _tell(v.add(a0, b0), scale, factor, added, y)
        _tell(v.add(a1, b1), scale + WIDE, factor, added + WIDE, y + WIDE)
        _tell(v.add(a2, b2), scale + 2 * WIDE, factor, added + 2 * WIDE, y + 2 * WIDE)
        _tell(v.add(a3, b3), scale + 3 * WIDE, factor, added + 3 * WIDE, y + 3 * WIDE)


@compiled
def connect_four(
    op: Operation, first: int, m0: int, m1: int, m2: int, m3: int, constants_at: int,
    weights_at: int,
) -> None:  # fmt: skip
    """Two vectors of outputs from the ``first`` on, for four memories: each weight is read once."""
    count = op[1]
    factor = v.read_one(constants_at + op[8] * BYTES)
    beside = first % (PANEL * v.LANES)
    w = weights_at + (op[4] + (first - beside) * count + beside) * WEIGHT
    x = op[3] * BYTES
    a0, a1, a2, a3 = v.zero(), v.zero(), v.zero(), v.zero()
    b0, b1, b2, b3 = v.zero(), v.zero(), v.zero(), v.zero()
    for _ in range(count):
        one, other = v.read_weights(w), v.read_weights(w + WEIGHTS)
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
        w += ROW
    scale, added, y = constants_at + op[5] * BYTES, op[6] * BYTES, op[9] * BYTES
    scale, added, y = scale + first * BYTES, added + first * BYTES, y + first * BYTES
    constant = constants_at + added
    _tell(a0, scale, factor, constant if op[7] else m0 + added, m0 + y)
    _tell(a1, scale, factor, constant if op[7] else m1 + added, m1 + y)
    _tell(a2, scale, factor, constant if op[7] else m2 + added, m2 + y)
    _tell(a3, scale, factor, constant if op[7] else m3 + added, m3 + y)
    scale, constant, added, y = scale + WIDE, constant + WIDE, added + WIDE, y + WIDE
    _tell(b0, scale, factor, constant if op[7] else m0 + added, m0 + y)
    _tell(b1, scale, factor, constant if op[7] else m1 + added, m1 + y)
    _tell(b2, scale, factor, constant if op[7] else m2 + added, m2 + y)
    _tell(b3, scale, factor, constant if op[7] else m3 + added, m3 + y)


@compiled
def _tell(acc: Any, scale: int, factor: Any, added: int, place: int) -> None:
    v.write(place, v.multiply_add(acc, v.read(scale), v.multiply(factor, v.read(added))))
