"""The compiled kernels that look at one channel. They validate nothing: `rails`, `delays` do."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from elsa_rt.diagnostics.rails import RUN
from elsa_rt.jit import vector as v
from elsa_rt.jit.numba_compiler import compiled

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

BYTES = 4

PIECE = 1024
"""Samples that are looked at together: hardly any lie near a rail."""

FEW = 64
"""Places that are looked at together: hardly any has the shape that is looked for."""


@compiled
def stands(row: Floats, limits: Floats) -> int:
    """1 where `RUN` neighbours of ``row`` (n,) lie below or above both ``limits`` (2,), else 0."""
    low, high = limits[0], limits[1]
    for begin in range(0, row.size, PIECE):
        piece, near = row[begin : begin + PIECE], np.int32(0)
        for k in range(piece.size):
            near += np.int32(1) if piece[k] <= low or piece[k] >= high else np.int32(0)
        if near:
            below = above = 0
            for k in range(max(0, begin - RUN + 1), min(begin + PIECE, row.size)):
                below = below + 1 if row[k] <= low else 0
                above = above + 1 if row[k] >= high else 0
                if below == RUN or above == RUN:
                    return 1
    return 0


@compiled
def add_step_energy(piece: int, energy: NDArray[np.float64], row: Floats) -> int:
    """Add to ``energy`` (m,) that of the steps from sample to sample in each piece of ``row``.

    ``row`` holds ``m piece + 1`` samples; ``piece`` is a multiple of the lanes of a vector.
    """
    at = row.ctypes.data
    for m in range(energy.size):
        total = v.zero()
        for _ in range(piece // v.LANES):
            step = v.subtract(v.read(at + BYTES), v.read(at))
            total = v.multiply_add(step, step, total)
            at += v.LANES * BYTES
        energy[m] += v.total(total)
    return energy.size


@compiled
def _has_shape(around: Floats, at: int, shape: Integers, ratios: Floats, error: float) -> bool:
    """Whether the samples at distances ``shape`` from that ``at`` stand in ``ratios`` to it."""
    here, n = around[at], 0
    most = error * abs(here)
    while n < shape.size and abs(around[at + shape[n]] - ratios[n] * here) <= most:
        n += 1
    return n == shape.size


@compiled
def shape_comes(
    error: NDArray[np.float64], shape: Integers, ratios: Floats, peak: int, own: int, around: Floats
) -> int:
    """1 where the shape of a peak comes again, at another of the ``2 own + 1`` places than its own.

    The first place is ``peak`` of ``around``. Samples at the distances ``shape`` (k,) from a place,
    four or more, stand in ``ratios`` (k,) to it but for an ``error`` (1,) of its value.
    """
    wrong, e0, e1, e2, e3 = np.float32(error[0]), shape[0], shape[1], shape[2], shape[3]
    r0, r1, r2, r3 = ratios[0], ratios[1], ratios[2], ratios[3]
    count = 2 * own + 1
    for begin in range(0, count, FEW):
        end, near = min(begin + FEW, count), np.int32(0)
        x = around[peak + begin : peak + end]
        x0 = around[peak + begin + e0 : peak + end + e0]
        x1 = around[peak + begin + e1 : peak + end + e1]
        x2 = around[peak + begin + e2 : peak + end + e2]
        x3 = around[peak + begin + e3 : peak + end + e3]
        for k in range(end - begin):  # the first four leave hardly any
            here = x[k]
            most = wrong * abs(here)
            first = (abs(x0[k] - r0 * here) <= most) & (abs(x1[k] - r1 * here) <= most)
            then = (abs(x2[k] - r2 * here) <= most) & (abs(x3[k] - r3 * here) <= most)
            near += np.int32(1) if first & then else np.int32(0)
        if near:
            for place in range(begin, end):
                if place != own and _has_shape(around, peak + place, shape, ratios, wrong):
                    return 1
    return 0


@compiled
def _steepest(row: Floats, begin: int) -> int:
    """Where the largest step to the next sample is, from ``begin`` on; -1 where nothing moves."""
    largest, at = np.float32(0), -1
    while begin < row.size - 1:
        end, near = min(begin + FEW, row.size - 1), np.int32(0)
        x, y = row[begin:end], row[begin + 1 : end + 1]
        for k in range(end - begin):  # a maximum would not become vectors
            near += np.int32(1) if abs(y[k] - x[k]) > largest else np.int32(0)
        if near:
            for k in range(begin, end):
                if abs(row[k + 1] - row[k]) > largest:
                    largest, at = abs(row[k + 1] - row[k]), k
        begin = end
    return at


@compiled
def _is_same(row: Floats, one: int, other: int, count: int) -> bool:
    """Whether ``count`` samples from ``one`` on are those from the ``other`` on."""
    k = 0
    while k < count and row[one + k] == row[other + k]:
        k += 1
    return k == count


@compiled
def find_again(template: int, found: Integers, row: Floats, tail: int, least: int) -> int:
    """Look where the samples around the largest step behind ``tail`` came before.

    ``found`` gets where they are, so many as ``template``, and where they began before, ``least``
    samples earlier or more, the latest first. Returns how many of these there are, at most as many
    as there is room for, or -1 where nothing moves behind ``tail``.
    """
    at = _steepest(row, tail)
    if at < 0:
        return -1
    at = min(max(at - template // 2, 0), row.size - template)
    found[0] = at
    if at <= template:
        return 0
    rare, lowest, highest = at, row[at], row[at]
    for k in range(at, at + template):
        lowest, highest = min(lowest, row[k]), max(highest, row[k])
        if abs(row[k]) > abs(row[rare]):  # a value that hardly ever comes
            rare = k
    if lowest == highest:
        return 0
    first = max(0, at - row.size // 2)  # of a longer period not two fit in
    value, back, count = row[rare], rare - at, 0
    end = min(at - least, at - 1) + 1
    while end > first:
        begin = max(first, end - PIECE)
        piece, near = row[begin + back : end + back], np.int32(0)
        for k in range(piece.size):
            near += np.int32(1) if piece[k] == value else np.int32(0)
        if near:
            for start in range(end - 1, begin - 1, -1):
                if row[start + back] == value and _is_same(row, start, at, template):
                    count += 1
                    found[count] = start
                    if count == found.size - 1:
                        return count
        end = begin
    return count
