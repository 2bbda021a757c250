"""The compiled loop of a search. It validates nothing: `coarse_index` does."""

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
