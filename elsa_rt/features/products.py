"""Products of the spectra of four channels, and their sums over mel bands: compiled kernels.

Two transforms hold four real channels, the symmetry of whose spectra takes them apart again. The
products of a bin stand side by side, so that a sum over bins is one of vectors; the sums of the
bands are turned then, so that what follows runs along the bands.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from elsa_rt.features.fft_plan import SIGNALS
from elsa_rt.jit import vector as v
from elsa_rt.jit.numba_compiler import compiled

Floats = NDArray[np.float32]

BYTES = 4
"""Of a float."""

EIGHT = 8
"""Products of a bin, in `elsa_rt.features.intensity.PRODUCTS`."""


@compiled
def _write_turned(to: int, a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, g: Any, h: Any) -> None:
    """Write the first floats of eight vectors, then the second ones, and so on."""
    wide = v.LANES * BYTES
    for high in range(2):
        if high:
            ae, bf = v.high_ones(a, e), v.high_ones(b, f)
            cg, dh = v.high_ones(c, g), v.high_ones(d, h)
        else:
            ae, bf = v.low_ones(a, e), v.low_ones(b, f)
            cg, dh = v.low_ones(c, g), v.low_ones(d, h)
        one, other = v.low_ones(ae, cg), v.low_ones(bf, dh)
        v.write(to, v.low_ones(one, other))
        v.write(to + wide, v.high_ones(one, other))
        one, other = v.high_ones(ae, cg), v.high_ones(bf, dh)
        v.write(to + 2 * wide, v.low_ones(one, other))
        v.write(to + 3 * wide, v.high_ones(one, other))
        to += 4 * wide


@compiled
def _products(w: Any, wi: Any, x: Any, xi: Any, y: Any, yi: Any, z: Any, zi: Any, to: int) -> None:
    """Write the products of as many bins as a vector has floats."""
    power = v.add(v.multiply(w, w), v.multiply(wi, wi))
    rest = v.add(v.multiply(x, x), v.multiply(xi, xi))
    rest = v.add(v.add(rest, v.multiply(y, y)), v.multiply(yi, yi))
    rest = v.add(v.add(rest, v.multiply(z, z)), v.multiply(zi, zi))
    _write_turned(
        to, power, v.add(power, rest),
        v.add(v.multiply(w, x), v.multiply(wi, xi)),
        v.add(v.multiply(w, y), v.multiply(wi, yi)),
        v.add(v.multiply(w, z), v.multiply(wi, zi)),
        v.subtract(v.multiply(w, xi), v.multiply(wi, x)),
        v.subtract(v.multiply(w, yi), v.multiply(wi, y)),
        v.subtract(v.multiply(w, zi), v.multiply(wi, z)),
    )  # fmt: skip


@compiled
def _of_bins(real: int, across: int, k: int, mirror: int, to: int) -> None:
    """Products of bins from ``k`` on, whose mirrors end with bin ``mirror``.

    Real parts are at ``real``, two signals side by side, imaginary ones ``across`` from them. The
    first signal holds W and Y, the second Z and X.
    """
    half = v.spread(np.float32(0.5))
    wide, pair = v.LANES * BYTES, SIGNALS * BYTES
    here, there = real + k * pair, real + (mirror + 1) * pair - 2 * wide
    one, other = v.read(here), v.read(here + wide)
    re, re2 = v.evens(one, other), v.odds(one, other)
    one, other = v.read(here + across), v.read(here + across + wide)
    im, im2 = v.evens(one, other), v.odds(one, other)
    one, other = v.read(there), v.read(there + wide)
    mr, mr2 = v.evens_backwards(one, other), v.odds_backwards(one, other)
    one, other = v.read(there + across), v.read(there + across + wide)
    mi, mi2 = v.evens_backwards(one, other), v.odds_backwards(one, other)
    _products(
        v.multiply(half, v.add(re, mr)), v.multiply(half, v.subtract(im, mi)),
        v.multiply(half, v.add(im2, mi2)), v.multiply(half, v.subtract(mr2, re2)),
        v.multiply(half, v.add(im, mi)), v.multiply(half, v.subtract(mr, re)),
        v.multiply(half, v.add(re2, mr2)), v.multiply(half, v.subtract(im2, mi2)),
        to,
    )  # fmt: skip


@compiled
def _of_bin(packed: Floats, k: int, mirror: int, row: Floats) -> None:
    """The same of one bin, value by value."""
    half, real, imaginary = np.float32(0.5), packed[0], packed[1]
    k, mirror = SIGNALS * k, SIGNALS * mirror
    re, im, r2, i2 = real[k], imaginary[k], real[mirror], imaginary[mirror]
    w, wi, y, yi = half * (re + r2), half * (im - i2), half * (im + i2), half * (r2 - re)
    re, im, r2, i2 = real[k + 1], imaginary[k + 1], real[mirror + 1], imaginary[mirror + 1]
    z, zi, x, xi = half * (re + r2), half * (im - i2), half * (im + i2), half * (r2 - re)
    power = w * w + wi * wi
    row[0] = power
    row[1] = power + (x * x + xi * xi + y * y + yi * yi + z * z + zi * zi)
    row[2], row[5] = w * x + wi * xi, w * xi - wi * x
    row[3], row[6] = w * y + wi * yi, w * yi - wi * y
    row[4], row[7] = w * z + wi * zi, w * zi - wi * z


@compiled
def multiply(packed: Floats, products: Floats) -> None:
    """Write `PRODUCTS` (bins, 8) of the transformed ``packed`` (2, 2 n).

    Channels 0 and 1 are the parts of the first signal, 2 and 3 those of the second. The energy is
    twice its density.
    """
    last = products.shape[0] - 1
    _of_bin(packed, 0, 0, products[0])
    if last % v.LANES:
        for k in range(1, last + 1):
            _of_bin(packed, k, 2 * last - k, products[k])
        return
    real, across, to = packed.ctypes.data, packed.shape[1] * BYTES, products.ctypes.data
    for k in range(1, last, v.LANES):
        _of_bins(real, across, k, 2 * last - k, to + k * EIGHT * BYTES)


@compiled
def gather(
    products: Floats,
    first: NDArray[np.int64],
    last: NDArray[np.int64],
    weights: Floats,
    sums: Floats,
) -> None:
    """Sum ``products`` (bins, 8) over each mel band into ``sums`` (mels, 8).

    ``weights[first[m]:last[m]]`` of mel band m are stored at row m from column 0.
    """
    for m in range(first.size):
        a = b = c = d = e = f = p = q = np.float32(0)
        begin = first[m]
        for k in range(begin, last[m]):
            g = weights[m, k - begin]
            a += g * products[k, 0]
            b += g * products[k, 1]
            c += g * products[k, 2]
            d += g * products[k, 3]
            e += g * products[k, 4]
            f += g * products[k, 5]
            p += g * products[k, 6]
            q += g * products[k, 7]
        sums[m, 0], sums[m, 1], sums[m, 2], sums[m, 3] = a, b, c, d
        sums[m, 4], sums[m, 5], sums[m, 6], sums[m, 7] = e, f, p, q


@compiled
def turn(x: Floats, y: Floats) -> None:
    """Write ``x`` (n, 8) to ``y`` (8, n)."""
    if x.shape[0] % v.LANES:
        for m in range(x.shape[0]):
            for i in range(EIGHT):
                y[i, m] = x[m, i]
        return
    wide, across = v.LANES * BYTES, x.shape[0] * BYTES
    for m in range(0, x.shape[0], v.LANES):
        here, to = x.ctypes.data + m * EIGHT * BYTES, y.ctypes.data + m * BYTES
        a, b, c = v.read(here), v.read(here + wide), v.read(here + 2 * wide)
        d, e, f = v.read(here + 3 * wide), v.read(here + 4 * wide), v.read(here + 5 * wide)
        g, h = v.read(here + 6 * wide), v.read(here + 7 * wide)
        for odd in range(2):
            if odd:
                ab, cd, ef, gh = v.odds(a, b), v.odds(c, d), v.odds(e, f), v.odds(g, h)
            else:
                ab, cd, ef, gh = v.evens(a, b), v.evens(c, d), v.evens(e, f), v.evens(g, h)
            one, other = v.evens(ab, cd), v.evens(ef, gh)
            v.write(to, v.evens(one, other))
            v.write(to + 4 * across, v.odds(one, other))
            one, other = v.odds(ab, cd), v.odds(ef, gh)
            v.write(to + 2 * across, v.evens(one, other))
            v.write(to + 6 * across, v.odds(one, other))
            to += across
