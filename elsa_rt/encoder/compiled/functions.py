"""Functions of eight values, for the kernels of this room."""

from __future__ import annotations

from typing import Any

import numpy as np

from elsa_rt.encoder.compiled.codes import (
    ADD,
    DIVIDE,
    EXP,
    GELU,
    HARD_SWISH,
    LOG,
    MAX,
    MIN,
    MULTIPLY,
    RECIPROCAL,
    RELU,
    ROOT,
    SIGMOID,
    SUBTRACT,
)  # fmt: skip
from elsa_rt.jit import vector as v
from elsa_rt.jit.numba_compiler import compiled

Vector = Any


@compiled
def _exp(x: Vector) -> Vector:
    """E to ``x``, to 2e-7 of it: powers of two, and a polynomial between them."""
    x = v.larger(v.smaller(x, v.spread(np.float32(88.0))), v.spread(np.float32(-87.0)))
    whole = v.nearest_whole(v.multiply(x, v.spread(np.float32(1.44269504))))
    rest = v.multiply_add(whole, v.spread(np.float32(-0.693359375)), x)
    rest = v.multiply_add(whole, v.spread(np.float32(2.12194440e-4)), rest)
    y = v.spread(np.float32(1.9875691500e-4))
    y = v.multiply_add(y, rest, v.spread(np.float32(1.3981999507e-3)))
    y = v.multiply_add(y, rest, v.spread(np.float32(8.3334519073e-3)))
    y = v.multiply_add(y, rest, v.spread(np.float32(4.1665795894e-2)))
    y = v.multiply_add(y, rest, v.spread(np.float32(1.6666665459e-1)))
    y = v.multiply_add(y, rest, v.spread(np.float32(0.5)))
    y = v.multiply_add(v.multiply(y, rest), rest, v.add(rest, v.spread(np.float32(1.0))))
    return v.multiply(y, v.power_of_two(whole))


@compiled
def _sigmoid(x: Vector) -> Vector:
    one = v.spread(np.float32(1.0))
    return v.divide(one, v.add(one, _exp(v.subtract(v.zero(), x))))


@compiled
def _gelu(x: Vector) -> Vector:
    """``x`` times the normal distribution below it, to 2e-7 (Abramowitz and Stegun, 7.1.26)."""
    one = v.spread(np.float32(1.0))
    size = v.multiply(v.larger(x, v.subtract(v.zero(), x)), v.spread(np.float32(0.70710678)))
    t = v.divide(one, v.multiply_add(size, v.spread(np.float32(0.3275911)), one))
    y = v.spread(np.float32(1.061405429))
    y = v.multiply_add(y, t, v.spread(np.float32(-1.453152027)))
    y = v.multiply_add(y, t, v.spread(np.float32(1.421413741)))
    y = v.multiply_add(y, t, v.spread(np.float32(-0.284496736)))
    y = v.multiply_add(y, t, v.spread(np.float32(0.254829592)))
    tail = v.multiply(v.multiply(y, t), _exp(v.subtract(v.zero(), v.multiply(size, size))))
    # max(x, 0) - |x| tail / 2: the same on both sides of 0
    size = v.multiply(size, v.spread(np.float32(0.70710678)))
    return v.subtract(v.larger(v.zero(), x), v.multiply(size, tail))


@compiled
def _hard_swish(x: Vector) -> Vector:
    three = v.multiply_add(x, v.spread(np.float32(1 / 6)), v.spread(np.float32(0.5)))
    return v.multiply(x, v.larger(v.smaller(three, v.spread(np.float32(1.0))), v.zero()))


@compiled
def activate(code: int, x: Vector) -> Vector:
    """``x`` behind an activation."""
    if code == HARD_SWISH:
        return _hard_swish(x)
    if code == RELU:
        return v.larger(v.zero(), x)
    return x


@compiled
def mapped(code: int, a: Vector, b: Vector) -> Vector:
    """What a function makes of eight values, or of eight and eight; `COPY` is no function."""
    if code == ADD:
        return v.add(a, b)
    if code == SUBTRACT:
        return v.subtract(a, b)
    if code == MULTIPLY:
        return v.multiply(a, b)
    if code == DIVIDE:
        return v.divide(a, b)
    if code == MAX:
        return v.larger(a, b)
    if code == MIN:
        return v.smaller(a, b)
    if code == RELU:
        return v.larger(v.zero(), a)
    if code == HARD_SWISH:
        return _hard_swish(a)
    if code == SIGMOID:
        return _sigmoid(a)
    if code == EXP:
        return _exp(a)
    if code == GELU:
        return _gelu(a)
    if code == RECIPROCAL:
        return v.divide(v.spread(np.float32(1.0)), a)
    if code == ROOT:
        return v.root(a)
    if code == LOG:
        return v.logarithm(a)
    return a
