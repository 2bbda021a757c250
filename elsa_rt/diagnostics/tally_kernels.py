"""The compiled kernel of the channel tally. It validates nothing: `channel_tally` does."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from elsa_rt.jit import vector as v
from elsa_rt.jit.numba_compiler import compiled

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

DOUBLE = 8
"""Bytes of a double."""

ROW = 6
"""Doubles of a sample in memory to work in: channels 0, 1, 2, 3, 0, 1. From the first, the second
and the third on, four of them stand in turn beside those that they are multiplied by."""

FOUR = 4 * DOUBLE


@compiled
def _spread(x: Floats, begin: int, count: int, work: Doubles) -> None:
    """Write ``count`` samples of four channels to ``work`` (count, ROW)."""
    a, b = x[0, begin : begin + count], x[1, begin : begin + count]
    c, d = x[2, begin : begin + count], x[3, begin : begin + count]
    for k in range(count):
        work[k, 0] = work[k, 4] = a[k]
        work[k, 1] = work[k, 5] = b[k]
        work[k, 2], work[k, 3] = c[k], d[k]


@compiled
def _add(x: Floats, begin: int, end: int, first: bool, work: Doubles, found: Doubles) -> None:
    """Sum samples and their products, and the products of their steps, into ``found`` (7, 4).

    Its rows are sums; products of neighbours 0, 1 and 2 apart; those of the steps. The last row of
    ``work`` keeps the sample before the next.
    """
    last = work.ctypes.data + (work.shape[0] - 1) * ROW * DOUBLE
    x0, y0 = v.read_doubles(last), v.read_doubles(last + DOUBLE)
    z0 = v.read_doubles(last + FOUR // 2)
    none = v.subtract_doubles(x0, x0)
    s, p0, p1, p2, q0, q1, q2 = none, none, none, none, none, none, none
    while begin < end:
        count = min(end - begin, work.shape[0] - 1)
        _spread(x, begin, count, work)
        at = work.ctypes.data
        if first:  # the first sample of a frame is no step
            x0, y0 = v.read_doubles(at), v.read_doubles(at + DOUBLE)
            z0, first = v.read_doubles(at + FOUR // 2), False
        for _ in range(count):
            a, b = v.read_doubles(at), v.read_doubles(at + DOUBLE)
            c = v.read_doubles(at + FOUR // 2)
            s = v.add_doubles(s, a)
            p0 = v.add_doubles(p0, v.multiply_doubles(a, a))
            p1 = v.add_doubles(p1, v.multiply_doubles(a, b))
            p2 = v.add_doubles(p2, v.multiply_doubles(a, c))
            e = v.subtract_doubles(a, x0)
            q0 = v.add_doubles(q0, v.multiply_doubles(e, e))
            q1 = v.add_doubles(q1, v.multiply_doubles(e, v.subtract_doubles(b, y0)))
            q2 = v.add_doubles(q2, v.multiply_doubles(e, v.subtract_doubles(c, z0)))
            x0, y0, z0 = a, b, c
            at += ROW * DOUBLE
        begin += count
    v.write_doubles(last, x0)
    v.write_doubles(last + FOUR // 2, z0)  # in the same order, two channels on
    at = found.ctypes.data
    v.write_doubles(at, s)
    v.write_doubles(at + FOUR, p0)
    v.write_doubles(at + 2 * FOUR, p1)
    v.write_doubles(at + 3 * FOUR, p2)
    v.write_doubles(at + 4 * FOUR, q0)
    v.write_doubles(at + 5 * FOUR, q1)
    v.write_doubles(at + 6 * FOUR, q2)


@compiled
def _upper(products: Doubles, triangle: Doubles) -> None:
    """Add products of neighbours 0, 1 and 2 apart (3, 4) to the upper ``triangle`` (10,)."""
    triangle[0] += products[0, 0]
    triangle[1] += products[1, 0]
    triangle[2] += products[2, 0]
    triangle[3] += products[1, 3]
    triangle[4] += products[0, 1]
    triangle[5] += products[1, 1]
    triangle[6] += products[2, 1]
    triangle[7] += products[0, 2]
    triangle[8] += products[1, 2]
    triangle[9] += products[0, 3]


@compiled
def tally(
    size: int, work: Doubles, found: Doubles, sound: Doubles, frames: Doubles, done: int, x: Floats
) -> int:
    """Tally samples ``x`` (4, n) that follow ``done`` others; returns how many are done now.

    ``sound`` (14,) gets their sums and the upper triangle of their products, row ``f % m`` of
    ``frames`` (m, 10) the products of the steps within frame f, which is ``size`` samples long.
    ``work`` (piece + 1, ROW) keeps the last sample in its last row; ``found`` (7, 4) is memory to
    work in.
    """
    begin = 0
    while begin < x.shape[1]:
        at = done % size
        end = min(begin + size - at, x.shape[1])
        row = frames[done // size % frames.shape[0]]
        if at == 0:
            row[:] = 0
        _add(x, begin, end, at == 0, work, found)
        for channel in range(4):
            sound[channel] += found[0, channel]
        _upper(found[1:4], sound[4:])
        _upper(found[4:7], row)
        done += end - begin
        begin = end
    return done
