"""The Fourier transform of the features: four real channels at once, their length a power of two.

Two channels make one complex signal, as its real and its imaginary part, and the symmetry of their
spectra takes them apart again. Stockham's form of the transform needs no reordering: in each stage
the innermost loop runs over neighbours, the two signals among them, so that it becomes vectors.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from elsa_rt.features.fft_plan import SIGNALS
from elsa_rt.jit.numba_compiler import compiled

Floats = NDArray[np.float32]


@compiled
def _by_four(x: Floats, y: Floats, n: int, s: int, table: Floats, at: int) -> None:
    """One stage of radix 4; x and y (2, size) hold real and imaginary parts."""
    m = n // 4
    for p in range(m):
        c1, s1 = table[at + 6 * p], table[at + 6 * p + 1]
        c2, s2 = table[at + 6 * p + 2], table[at + 6 * p + 3]
        c3, s3 = table[at + 6 * p + 4], table[at + 6 * p + 5]
        ar, ai = x[0, s * p : s * p + s], x[1, s * p : s * p + s]
        o = s * (p + m)
        br, bi = x[0, o : o + s], x[1, o : o + s]
        o = s * (p + 2 * m)
        cr, ci = x[0, o : o + s], x[1, o : o + s]
        o = s * (p + 3 * m)
        dr, di = x[0, o : o + s], x[1, o : o + s]
        out_r, out_i = y[0, 4 * s * p : 4 * s * p + 4 * s], y[1, 4 * s * p : 4 * s * p + 4 * s]
        for q in range(s):
            pr, pi = ar[q] + cr[q], ai[q] + ci[q]
            mr, mi = ar[q] - cr[q], ai[q] - ci[q]
            ur, ui = br[q] + dr[q], bi[q] + di[q]
            vr, vi = bi[q] - di[q], dr[q] - br[q]  # (b - d) / j
            out_r[q], out_i[q] = pr + ur, pi + ui
            er, ei = mr + vr, mi + vi
            out_r[s + q], out_i[s + q] = er * c1 - ei * s1, er * s1 + ei * c1
            er, ei = pr - ur, pi - ui
            out_r[2 * s + q], out_i[2 * s + q] = er * c2 - ei * s2, er * s2 + ei * c2
            er, ei = mr - vr, mi - vi
            out_r[3 * s + q], out_i[3 * s + q] = er * c3 - ei * s3, er * s3 + ei * c3


@compiled
def _by_two(x: Floats, y: Floats, n: int, s: int, table: Floats, at: int) -> None:
    m = n // 2
    for p in range(m):
        c, sine = table[at + 2 * p], table[at + 2 * p + 1]
        for q in range(s):
            one, other, out = s * p + q, s * (p + m) + q, 2 * s * p + q
            er, ei = x[0, one] - x[0, other], x[1, one] - x[1, other]
            y[0, out], y[1, out] = x[0, one] + x[0, other], x[1, one] + x[1, other]
            y[0, out + s], y[1, out + s] = er * c - ei * sine, er * sine + ei * c


@compiled
def transform(stages: NDArray[np.int64], table: Floats, one: Floats, other: Floats) -> bool:
    """Transform ``one`` (2, 2 n); the result is in ``other`` if that is true, else in ``one``."""
    n, s, at, swapped = one.shape[1] // SIGNALS, SIGNALS, 0, False
    for stage in range(stages.size):
        radix = stages[stage]
        x, y = (other, one) if swapped else (one, other)
        if radix == 4 and stage == 0:  # a number of neighbours that the compiler knows
            _by_four(x, y, n, SIGNALS, table, at)
        elif radix == 4 and stage == 1:
            _by_four(x, y, n, 4 * SIGNALS, table, at)
        elif radix == 4:
            _by_four(x, y, n, s, table, at)
        else:
            _by_two(x, y, n, s, table, at)
        at += 2 * (n // radix) * (radix - 1)
        n //= radix
        s *= radix
        swapped = not swapped
    return swapped


@compiled
def take_apart(packed: Floats, spectrum: Floats) -> None:
    """Write real and imaginary parts (4, 2, bins) of the channels in ``packed`` (2, 2 n).

    Channels 0 and 1 are the parts of the first signal, 2 and 3 those of the second.
    """
    n, half = packed.shape[1] // SIGNALS, np.float32(0.5)
    real, imaginary = packed[0], packed[1]
    for signal in range(SIGNALS):
        first_r, first_i = spectrum[2 * signal, 0], spectrum[2 * signal, 1]
        second_r, second_i = spectrum[2 * signal + 1, 0], spectrum[2 * signal + 1, 1]
        first_r[0], second_r[0] = real[signal], imaginary[signal]
        first_i[0] = second_i[0] = 0
        for k in range(1, spectrum.shape[2]):  # without a remainder it becomes vector code
            here, mirror = SIGNALS * k + signal, SIGNALS * (n - k) + signal
            re, im, r2, i2 = real[here], imaginary[here], real[mirror], imaginary[mirror]
            first_r[k], first_i[k] = half * (re + r2), half * (im - i2)
            second_r[k], second_i[k] = half * (im + i2), half * (r2 - re)
