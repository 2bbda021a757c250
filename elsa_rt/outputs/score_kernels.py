"""The compiled kernel of the text of scores. It validates nothing: `score_text` does."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from elsa_rt.jit.numba_compiler import compiled

Bytes = NDArray[np.uint8]

ZERO, POINT, MINUS, PLUS, LETTER_E = 48, 46, 45, 43, 101
DECIMALS = 4
SIGNIFICANT = 3


@compiled
def _digits(out: Bytes, at: int, value: int, count: int) -> int:
    """Write the last ``count`` digits of ``value``."""
    for place in range(count - 1, -1, -1):
        out[at + place] = ZERO + value % 10
        value //= 10
    return at + count


@compiled
def _null(out: Bytes, at: int) -> int:
    out[at], out[at + 1], out[at + 2], out[at + 3] = 110, 117, 108, 108
    return at + 4


@compiled
def _fixed(out: Bytes, at: int, value: float) -> int:
    """As ``format(value, ".4f")``; null for what is not finite."""
    if not math.isfinite(value):
        return _null(out, at)
    if math.copysign(1.0, value) < 0:
        out[at] = MINUS
        at += 1
        value = -value
    scaled = np.int64(np.rint(value * 10.0**DECIMALS))
    whole, count, rest = scaled // 10**DECIMALS, 1, scaled // 10 ** (DECIMALS + 1)
    while rest:
        rest //= 10
        count += 1
    at = _digits(out, at, whole, count)
    out[at] = POINT
    return _digits(out, at + 1, scaled % 10**DECIMALS, DECIMALS)


@compiled
def _power(exponent: int) -> float:
    found = 1.0
    for _ in range(abs(exponent)):
        found *= 10.0
    return found


@compiled
def _scaled(value: float, exponent: int) -> int:
    """``value`` in units of its third digit, where its first counts ``10**exponent``."""
    shift = SIGNIFICANT - 1 - exponent
    unit = _power(shift)
    return np.int64(np.rint(value * unit if shift >= 0 else value / unit))


@compiled
def _general(out: Bytes, at: int, value: float) -> int:
    """As ``format(value, ".3g")`` of numbers from 0 on; null for what is not finite."""
    if not math.isfinite(value):
        return _null(out, at)
    if value < 1e-20:  # no rate of anything
        out[at] = ZERO
        return at + 1
    exponent = int(math.floor(math.log10(value)))
    found = _scaled(value, exponent)
    if found < 10 ** (SIGNIFICANT - 1):  # the logarithm was rounded up
        exponent -= 1
        found = _scaled(value, exponent)
    elif found >= 10**SIGNIFICANT:  # or the value was
        exponent += 1
        found = _scaled(value, exponent)
    count = SIGNIFICANT
    while found % 10 == 0:
        found //= 10
        count -= 1
    if -5 < exponent < 0:
        out[at], out[at + 1] = ZERO, POINT
        at += 2
        for _ in range(-exponent - 1):
            out[at] = ZERO
            at += 1
        return _digits(out, at, found, count)
    if 0 <= exponent < SIGNIFICANT:
        whole = exponent + 1
        while count < whole:
            found *= 10
            count += 1
        at = _digits(out, at, found // 10 ** (count - whole), whole)
        if count > whole:
            out[at] = POINT
            at = _digits(out, at + 1, found % 10 ** (count - whole), count - whole)
        return at
    at = _digits(out, at, found // 10 ** (count - 1), 1)
    if count > 1:
        out[at] = POINT
        at = _digits(out, at + 1, found % 10 ** (count - 1), count - 1)
    out[at], out[at + 1] = LETTER_E, MINUS if exponent < 0 else PLUS
    return _digits(out, at + 2, abs(exponent), 2)


@compiled
def _copied(out: Bytes, at: int, text: Bytes, begin: int, end: int) -> int:
    for place in range(begin, end):
        out[at] = text[place]
        at += 1
    return at


@compiled
def write_scores(
    text: Bytes, bounds: NDArray[np.int64], out: Bytes, values: NDArray[np.float64]
) -> int:
    """Write constant ``text`` with ``values`` (3, p) between its parts; returns the length.

    Four parts of the text belong to each rule: before its similarity, score and rate, and behind
    them. Part k ends where part k + 1 begins, at ``bounds`` (4 p + 1,).
    """
    at = 0
    for rule in range(values.shape[1]):
        part = 4 * rule
        at = _copied(out, at, text, bounds[part], bounds[part + 1])
        at = _fixed(out, at, values[0, rule])
        at = _copied(out, at, text, bounds[part + 1], bounds[part + 2])
        at = _fixed(out, at, values[1, rule])
        at = _copied(out, at, text, bounds[part + 2], bounds[part + 3])
        at = _general(out, at, values[2, rule])
        at = _copied(out, at, text, bounds[part + 3], bounds[part + 4])
    return at
