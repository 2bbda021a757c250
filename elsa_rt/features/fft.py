"""The Fourier transform of the features: four real channels at once, their length a power of two.

Two channels make one complex signal, as its real and its imaginary part; the symmetry of their
spectra takes them apart again (`products`). Stockham's form of the transform needs no reordering:
what a stage does is the same for neighbours, the two signals among them, which become vectors. The
first two stages have few neighbours: a vector holds several positions there, whose results are
written in turn. However it is done, the result is the same to the last bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from elsa_rt.features.fft_plan import SIGNALS
from elsa_rt.jit import vector as v
from elsa_rt.jit.numba_compiler import compiled

Floats = NDArray[np.float32]
Factors = tuple[Any, Any, Any, Any, Any, Any]
"""Vectors of cosines and sines, in turn."""

BYTES = 4
"""Of a float."""


@compiled
def _butterfly(x: int, beside: int, across: int, factors: Factors) -> Any:
    """A butterfly of radix 4 of vectors at ``x``, its ``factors`` cosines and sines.

    The four are so many bytes ``beside`` each other, imaginary parts ``across`` from the real ones.
    """
    c1, s1, c2, s2, c3, s3 = factors
    z = x + across
    ar, ai = v.read(x), v.read(z)
    br, bi = v.read(x + beside), v.read(z + beside)
    cr, ci = v.read(x + 2 * beside), v.read(z + 2 * beside)
    dr, di = v.read(x + 3 * beside), v.read(z + 3 * beside)
    pr, pi, mr, mi = v.add(ar, cr), v.add(ai, ci), v.subtract(ar, cr), v.subtract(ai, ci)
    ur, ui = v.add(br, dr), v.add(bi, di)
    wr, wi = v.subtract(bi, di), v.subtract(dr, br)  # (b - d) / j
    er, ei, fr, fi = v.add(mr, wr), v.add(mi, wi), v.subtract(pr, ur), v.subtract(pi, ui)
    gr, gi = v.subtract(mr, wr), v.subtract(mi, wi)
    return (
        v.add(pr, ur), v.add(pi, ui),
        v.subtract(v.multiply(er, c1), v.multiply(ei, s1)),
        v.add(v.multiply(er, s1), v.multiply(ei, c1)),
        v.subtract(v.multiply(fr, c2), v.multiply(fi, s2)),
        v.add(v.multiply(fr, s2), v.multiply(fi, c2)),
        v.subtract(v.multiply(gr, c3), v.multiply(gi, s3)),
        v.add(v.multiply(gr, s3), v.multiply(gi, c3)),
    )  # fmt: skip


@compiled
def _wide(x: int, y: int, across: int, n: int, s: int, table: int) -> None:
    """A stage of radix 4 of which ``s`` neighbours make whole vectors."""
    m = n // 4
    for p in range(m):
        at, row = table + p * BYTES, m * BYTES
        factors = (
            v.read_one(at), v.read_one(at + row), v.read_one(at + 2 * row),
            v.read_one(at + 3 * row), v.read_one(at + 4 * row), v.read_one(at + 5 * row),
        )  # fmt: skip
        here, out = x + p * s * BYTES, y + 4 * p * s * BYTES
        for q in range(0, s * BYTES, v.LANES * BYTES):
            ar, ai, br, bi, cr, ci, dr, di = _butterfly(here + q, m * s * BYTES, across, factors)
            to = out + q
            v.write(to, ar)
            v.write(to + s * BYTES, br)
            v.write(to + 2 * s * BYTES, cr)
            v.write(to + 3 * s * BYTES, dr)
            to += across
            v.write(to, ai)
            v.write(to + s * BYTES, bi)
            v.write(to + 2 * s * BYTES, ci)
            v.write(to + 3 * s * BYTES, di)


@compiled
def _write_twos(to: int, a: Any, b: Any, c: Any, d: Any) -> None:
    """Write two floats of each of four vectors in turn."""
    ac, bd = v.low_twos(a, c), v.low_twos(b, d)
    v.write(to, v.low_twos(ac, bd))
    v.write(to + v.LANES * BYTES, v.high_twos(ac, bd))
    ac, bd = v.high_twos(a, c), v.high_twos(b, d)
    v.write(to + 2 * v.LANES * BYTES, v.low_twos(ac, bd))
    v.write(to + 3 * v.LANES * BYTES, v.high_twos(ac, bd))


@compiled
def _write_eights(to: int, a: Any, b: Any, c: Any, d: Any) -> None:
    """The same of eight floats."""
    v.write(to, v.low_eights(a, b))
    v.write(to + v.LANES * BYTES, v.low_eights(c, d))
    v.write(to + 2 * v.LANES * BYTES, v.high_eights(a, b))
    v.write(to + 3 * v.LANES * BYTES, v.high_eights(c, d))


@compiled
def _by_twos(x: int, y: int, across: int, n: int, table: int) -> None:
    """The first stage, of radix 4 with two neighbours: a vector is of several positions."""
    m = n // 4
    row, each = m * BYTES, v.LANES // 2
    for p in range(0, m, each):
        at = table + p * BYTES
        factors = (
            v.read_twos(at), v.read_twos(at + row), v.read_twos(at + 2 * row),
            v.read_twos(at + 3 * row), v.read_twos(at + 4 * row), v.read_twos(at + 5 * row),
        )  # fmt: skip
        ar, ai, br, bi, cr, ci, dr, di = _butterfly(
            x + p * 2 * BYTES, m * 2 * BYTES, across, factors
        )
        to = y + 8 * p * BYTES
        _write_twos(to, ar, br, cr, dr)
        _write_twos(to + across, ai, bi, ci, di)


@compiled
def _by_eights(x: int, y: int, across: int, n: int, table: int) -> None:
    """The second one, with eight neighbours: a vector is of one or two positions."""
    m = n // 4
    row, each = m * BYTES, v.LANES // 8
    for p in range(0, m, each):
        at = table + p * BYTES
        factors = (
            v.read_eights(at), v.read_eights(at + row), v.read_eights(at + 2 * row),
            v.read_eights(at + 3 * row), v.read_eights(at + 4 * row), v.read_eights(at + 5 * row),
        )  # fmt: skip
        ar, ai, br, bi, cr, ci, dr, di = _butterfly(
            x + p * 8 * BYTES, m * 8 * BYTES, across, factors
        )
        to = y + 32 * p * BYTES
        _write_eights(to, ar, br, cr, dr)
        _write_eights(to + across, ai, bi, ci, di)


@compiled
def _by_four(x: Floats, y: Floats, n: int, s: int, table: Floats, at: int) -> None:
    """A stage of radix 4 of a short transform, value by value."""
    m = n // 4
    for p in range(m):
        c1, s1 = table[at + p], table[at + m + p]
        c2, s2 = table[at + 2 * m + p], table[at + 3 * m + p]
        c3, s3 = table[at + 4 * m + p], table[at + 5 * m + p]
        for q in range(s):
            one, out = s * p + q, 4 * s * p + q
            ar, ai = x[0, one], x[1, one]
            br, bi = x[0, one + s * m], x[1, one + s * m]
            cr, ci = x[0, one + 2 * s * m], x[1, one + 2 * s * m]
            dr, di = x[0, one + 3 * s * m], x[1, one + 3 * s * m]
            pr, pi, mr, mi = ar + cr, ai + ci, ar - cr, ai - ci
            ur, ui, wr, wi = br + dr, bi + di, bi - di, dr - br  # w is (b - d) / j
            y[0, out], y[1, out] = pr + ur, pi + ui
            er, ei = mr + wr, mi + wi
            y[0, out + s], y[1, out + s] = er * c1 - ei * s1, er * s1 + ei * c1
            er, ei = pr - ur, pi - ui
            y[0, out + 2 * s], y[1, out + 2 * s] = er * c2 - ei * s2, er * s2 + ei * c2
            er, ei = mr - wr, mi - wi
            y[0, out + 3 * s], y[1, out + 3 * s] = er * c3 - ei * s3, er * s3 + ei * c3


@compiled
def _by_two(x: Floats, y: Floats, n: int, s: int, table: Floats, at: int) -> None:
    """A stage of radix 2: the last one, of many neighbours."""
    m = n // 2
    for p in range(m):
        c, sine = table[at + p], table[at + m + p]
        for q in range(s):
            one, other, out = s * p + q, s * (p + m) + q, 2 * s * p + q
            er, ei = x[0, one] - x[0, other], x[1, one] - x[1, other]
            y[0, out], y[1, out] = x[0, one] + x[0, other], x[1, one] + x[1, other]
            y[0, out + s], y[1, out + s] = er * c - ei * sine, er * sine + ei * c


@compiled
def transform(stages: NDArray[np.int64], table: Floats, one: Floats, other: Floats) -> bool:
    """Transform ``one`` (2, 2 n); the result is in ``other`` if that is true, else in ``one``."""
    n, s, at, swapped = one.shape[1] // SIGNALS, SIGNALS, 0, False
    across = one.shape[1] * BYTES
    for stage in range(stages.size):
        radix = stages[stage]
        x, y = (other, one) if swapped else (one, other)
        here, to, factors = x.ctypes.data, y.ctypes.data, table.ctypes.data + at * BYTES
        if radix == 2:
            _by_two(x, y, n, s, table, at)
        elif n // 4 * s % v.LANES:
            _by_four(x, y, n, s, table, at)
        elif s == 2:
            _by_twos(here, to, across, n, factors)
        elif s % v.LANES:
            _by_eights(here, to, across, n, factors)
        else:
            _wide(here, to, across, n, s, factors)
        at += 2 * (n // radix) * (radix - 1)
        n //= radix
        s *= radix
        swapped = not swapped
    return swapped
