"""The compiled kernel of the two directions. It validates nothing: `two_directions` does."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from elsa_rt.jit.numba_compiler import compiled

MOST = 0.98
"""Share of both gatherings at most: something always comes from everywhere."""


@compiled
def refine(
    concentration: NDArray[np.float32],
    point: NDArray[np.float32],
    weight: NDArray[np.float32],
    middle: NDArray[np.float32],
    share: NDArray[np.float32],
    likelihood: NDArray[np.float32],
    rounds: int,
    moves: int,
) -> int:
    """Rounds of expectation and maximisation, from ``middle`` (2, 3) and ``share`` (2,) on.

    Unit vectors ``point`` (n, 3) with weights (n,) belong to one of two von Mises-Fisher densities
    of one ``concentration`` (1,), or come from everywhere. ``share``, and ``middle`` where it
    ``moves``, are written in place; ``likelihood`` (1,) is the log likelihood at which the last
    round began.
    """
    one = np.float32(1)
    width = concentration[0]
    peak = np.float32(2) * width / (one - math.exp(np.float32(-2) * width))
    ax, ay, az = middle[0, 0], middle[0, 1], middle[0, 2]
    bx, by, bz = middle[1, 0], middle[1, 1], middle[1, 2]
    for _ in range(rounds):
        first, second = peak * share[0], peak * share[1]
        rest = one - share[0] - share[1]
        sa = sax = say = saz = sb = sbx = sby = sbz = total = np.float32(0)
        for i in range(weight.size):
            x, y, z = point[i, 0], point[i, 1], point[i, 2]
            a = first * math.exp(width * (ax * x + ay * y + az * z - one))
            b = second * math.exp(width * (bx * x + by * y + bz * z - one))
            whole = a + b + rest
            each = weight[i] / whole
            a *= each
            b *= each
            sa += a
            sax += a * x
            say += a * y
            saz += a * z
            sb += b
            sbx += b * x
            sby += b * y
            sbz += b * z
            total += weight[i] * math.log(whole)
        likelihood[0] = total
        scale = min(one, np.float32(MOST) / max(sa + sb, np.float32(1e-9)))
        share[0], share[1] = sa * scale, sb * scale
        if moves:
            length = math.sqrt(sax * sax + say * say + saz * saz)
            if length > np.float32(1e-9):
                ax, ay, az = sax / length, say / length, saz / length
            length = math.sqrt(sbx * sbx + sby * sby + sbz * sbz)
            if length > np.float32(1e-9):
                bx, by, bz = sbx / length, sby / length, sbz / length
    middle[0, 0], middle[0, 1], middle[0, 2] = ax, ay, az
    middle[1, 0], middle[1, 1], middle[1, 2] = bx, by, bz
    return 0
