"""The compiled kernel of the channel tally. It validates nothing: `channel_tally` does."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from elsa_rt.jit.numba_compiler import compiled

Doubles = NDArray[np.float64]


@compiled
def _add(
    x: NDArray[np.float32], begin: int, end: int, first: bool,
    last: Doubles, sound: Doubles, steps: Doubles,
) -> None:  # fmt: skip
    """Add sums and products of samples to ``sound``, products of their steps to ``steps``."""
    a0, b0, c0, d0 = last[0], last[1], last[2], last[3]
    if first:  # the first sample of a frame is no step
        a0, b0 = np.float64(x[0, begin]), np.float64(x[1, begin])
        c0, d0 = np.float64(x[2, begin]), np.float64(x[3, begin])
    sa = sb = sc = sd = aa = ab = ac = ad = bb = bc = bd = cc = cd = dd = 0.0
    faa = fab = fac = fad = fbb = fbc = fbd = fcc = fcd = fdd = 0.0
    xa, xb, xc, xd = x[0, begin:end], x[1, begin:end], x[2, begin:end], x[3, begin:end]
    for k in range(end - begin):
        a, b = np.float64(xa[k]), np.float64(xb[k])
        c, d = np.float64(xc[k]), np.float64(xd[k])
        sa, sb, sc, sd = sa + a, sb + b, sc + c, sd + d
        aa, ab, ac, ad = aa + a * a, ab + a * b, ac + a * c, ad + a * d
        bb, bc, bd = bb + b * b, bc + b * c, bd + b * d
        cc, cd, dd = cc + c * c, cd + c * d, dd + d * d
        e, f, g, h = a - a0, b - b0, c - c0, d - d0
        faa, fab, fac, fad = faa + e * e, fab + e * f, fac + e * g, fad + e * h
        fbb, fbc, fbd = fbb + f * f, fbc + f * g, fbd + f * h
        fcc, fcd, fdd = fcc + g * g, fcd + g * h, fdd + h * h
        a0, b0, c0, d0 = a, b, c, d
    last[0], last[1], last[2], last[3] = a0, b0, c0, d0
    sound[0] += sa
    sound[1] += sb
    sound[2] += sc
    sound[3] += sd
    sound[4] += aa
    sound[5] += ab
    sound[6] += ac
    sound[7] += ad
    sound[8] += bb
    sound[9] += bc
    sound[10] += bd
    sound[11] += cc
    sound[12] += cd
    sound[13] += dd
    steps[0] += faa
    steps[1] += fab
    steps[2] += fac
    steps[3] += fad
    steps[4] += fbb
    steps[5] += fbc
    steps[6] += fbd
    steps[7] += fcc
    steps[8] += fcd
    steps[9] += fdd


@compiled
def tally(
    size: int, last: Doubles, sound: Doubles, frames: Doubles, done: int, x: NDArray[np.float32]
) -> int:
    """Tally samples ``x`` (4, n) that follow ``done`` others; returns how many are done now.

    ``sound`` (14,) gets their sums and the upper triangle of their products, row ``f % m`` of
    ``frames`` (m, 10) the products of the steps within frame f, which is ``size`` samples long.
    """
    begin = 0
    while begin < x.shape[1]:
        at = done % size
        end = min(begin + size - at, x.shape[1])
        row = frames[done // size % frames.shape[0]]
        if at == 0:
            row[:] = 0
        _add(x, begin, end, at == 0, last, sound, row)
        done += end - begin
        begin = end
    return done
