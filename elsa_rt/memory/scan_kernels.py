"""The compiled loops of a search. They validate nothing: `coarse_index` and `memory` do."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from elsa_rt.jit.numba_compiler import called
from elsa_rt.memory.scan import BUCKETS, LEFT_OUT, NO_DIRECTION, STEEP_DEG


@called
def products(
    codes: NDArray[np.int8],
    query: NDArray[np.int16],
    at: NDArray[np.uint32],
    source: NDArray[np.uint32],
    azimuth: NDArray[np.int16],
    elevation: NDArray[np.int8],
    tag: NDArray[np.uint8],
    since: int,
    until: int,
    sources: NDArray[np.bool_],
    centre: int,
    half: int,
    low: int,
    high: int,
    tags: NDArray[np.bool_],
    shift: int,
    found: NDArray[np.int32],
    counts: NDArray[np.int64],
) -> None:
    """Write the products (n,) of ``codes`` (n, 64) with ``query`` (64,), and their histogram.

    Rows that are not `elsa_rt.memory.scan.inside` are `LEFT_OUT`. Bucket b of ``counts`` holds
    products p of ``(p >> shift) + 2048``.
    """
    everywhere = half >= 1800
    for i in range(codes.shape[0]):
        found[i] = LEFT_OUT
        if not tags[tag[i]] or at[i] < since or at[i] >= until:
            continue
        if sources.size and not sources[source[i]]:
            continue
        if elevation[i] < low or elevation[i] > high:
            continue
        if not everywhere and abs(elevation[i]) < STEEP_DEG:
            if azimuth[i] == NO_DIRECTION:
                continue
            apart = abs(int(azimuth[i]) - centre)
            if min(apart, 3600 - apart) > half:
                continue
        total = np.int32(0)
        row = codes[i]
        for k in range(64):
            total += np.int32(row[k]) * np.int32(query[k])
        found[i] = total
        counts[(total >> shift) + BUCKETS // 2] += 1


@called
def fine_products(
    codes: NDArray[np.uint8],
    factors: NDArray[np.float32],
    table: NDArray[np.float32],
    spread: NDArray[np.float32],
    found: NDArray[np.float32],
) -> None:
    """Write the products (n,) of fine codes (n, bytes) with a query.

    ``factors`` (64,) are of the components; ``table`` (quads, 256) holds the product of a query
    with each byte of four 2-bit levels; ``spread`` (n,) scales the latter.
    """
    for i in range(codes.shape[0]):
        row = codes[i]
        coarse = np.float32(0)
        for k in range(64):
            coarse += np.float32(np.int8(row[k])) * factors[k]
        rest = np.float32(0)
        for k in range(table.shape[0]):
            rest += table[k, row[66 + k]]
        found[i] = coarse + spread[i] * rest
