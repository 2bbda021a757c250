"""The compiled kernels of the high-pass filter. They validate nothing: `high_pass` does."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from elsa_rt.jit import vector as v
from elsa_rt.jit.numba_compiler import compiled

EIGHT = 8
"""Bytes of a double."""


@compiled
def _next(y: Any, x: Any, after: Any, c: int) -> Any:
    """What a section remembers: ``b x - a y`` and what it remembered ``after`` that.

    ``c`` is the address of b, of which a lies two doubles behind.
    """
    b, a = v.read_double(c), v.read_double(c + 2 * EIGHT)
    return v.add_doubles(
        v.subtract_doubles(v.multiply_doubles(b, x), v.multiply_doubles(a, y)), after
    )


@compiled
def _last(y: Any, x: Any, c: int) -> Any:
    b, a = v.read_double(c), v.read_double(c + 2 * EIGHT)
    return v.subtract_doubles(v.multiply_doubles(b, x), v.multiply_doubles(a, y))


@compiled
def _through(x: Any, p: Any, c: int) -> Any:
    return v.add_doubles(v.multiply_doubles(v.read_double(c), x), p)


@compiled
def _filter(work: int, count: int, c: int, state: int) -> None:
    """Filter ``count`` samples of four channels at ``work`` in place, by all four sections.

    Transposed direct form II. A section waits for itself alone, from sample to sample: side by
    side, four take hardly longer than one.
    """
    row, pair = 5 * EIGHT, 8 * EIGHT
    c1, c2, c3 = c + row, c + 2 * row, c + 3 * row
    p0, q0 = v.read_doubles(state), v.read_doubles(state + 4 * EIGHT)
    p1, q1 = v.read_doubles(state + pair), v.read_doubles(state + pair + 4 * EIGHT)
    p2, q2 = v.read_doubles(state + 2 * pair), v.read_doubles(state + 2 * pair + 4 * EIGHT)
    p3, q3 = v.read_doubles(state + 3 * pair), v.read_doubles(state + 3 * pair + 4 * EIGHT)
    for _ in range(count):
        x = v.read_doubles(work)
        y = _through(x, p0, c)
        p0, q0 = _next(y, x, q0, c + EIGHT), _last(y, x, c + 2 * EIGHT)
        z = _through(y, p1, c1)
        p1, q1 = _next(z, y, q1, c1 + EIGHT), _last(z, y, c1 + 2 * EIGHT)
        x = _through(z, p2, c2)
        p2, q2 = _next(x, z, q2, c2 + EIGHT), _last(x, z, c2 + 2 * EIGHT)
        y = _through(x, p3, c3)
        p3, q3 = _next(y, x, q3, c3 + EIGHT), _last(y, x, c3 + 2 * EIGHT)
        v.write_doubles(work, y)
        work += 4 * EIGHT
    v.write_doubles(state, p0)
    v.write_doubles(state + 4 * EIGHT, q0)
    v.write_doubles(state + pair, p1)
    v.write_doubles(state + pair + 4 * EIGHT, q1)
    v.write_doubles(state + 2 * pair, p2)
    v.write_doubles(state + 2 * pair + 4 * EIGHT, q2)
    v.write_doubles(state + 3 * pair, p3)
    v.write_doubles(state + 3 * pair + 4 * EIGHT, q3)


@compiled
def filter_sections(
    c: NDArray[np.float64],
    state: NDArray[np.float64],
    work: NDArray[np.float64],
    x: NDArray[np.float32],
    out: NDArray[np.float32],
) -> int:
    """Filter ``x`` (4, n) into ``out`` (n, 4) by the four sections ``c`` (4, 5); returns n.

    ``state`` is (4, 2, 4); as many samples are filtered at a time as ``work`` (piece, 4) holds.
    """
    for begin in range(0, x.shape[1], work.shape[0]):
        count = min(work.shape[0], x.shape[1] - begin)
        for channel in range(4):
            for k in range(count):
                work[k, channel] = x[channel, begin + k]
        _filter(work.ctypes.data, count, c.ctypes.data, state.ctypes.data)
        for k in range(count):
            for channel in range(4):
                out[begin + k, channel] = work[k, channel]
    return x.shape[1]
