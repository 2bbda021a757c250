"""What the first pass of a search compares; its loop is `elsa_rt.memory.scan_kernels`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

NO_DIRECTION = -32768
"""Azimuth of a row that has none."""

LEFT_OUT = np.int32(-(2**31))
"""Product of a row that the filter leaves out."""

STEEP_DEG = 60
"""At this elevation and beyond, all azimuths are near: they are not looked at here."""

BUCKETS = 4096


class Bounds(NamedTuple):
    """Which rows count, in the numbers of `elsa_rt.memory.coarse_index.ROW`."""

    since: int
    until: int
    sources: NDArray[np.bool_]  # by number; empty where all count
    centre: int  # tenths of a degree
    half: int
    low: int  # degrees
    high: int
    tags: NDArray[np.bool_]  # (256,)


def inside(rows: NDArray[Any], bounds: Bounds) -> NDArray[np.bool_]:
    """Which of ``rows`` (n,) begin in ``since <= at < until`` and are of a source and a tag that
    are True, at an azimuth within ``half`` of ``centre`` and an elevation in ``low..high``.
    """
    found = bounds.tags[rows["tag"]]
    if rows.size and (bounds.since > 0 or bounds.until <= rows["at"].max()):
        found &= (rows["at"] >= bounds.since) & (rows["at"] < bounds.until)
    if bounds.sources.size:
        found &= bounds.sources[rows["source"]]
    elevation = rows["elevation"]
    if (bounds.low, bounds.high) != (-90, 90):
        found &= (elevation >= bounds.low) & (elevation <= bounds.high)
    if bounds.half < 1800:
        azimuth = rows["azimuth"]
        apart = np.abs(azimuth.astype(np.int32) - bounds.centre)
        near = np.minimum(apart, 3600 - apart) <= bounds.half
        steep = np.abs(elevation.astype(np.int16)) >= STEEP_DEG
        found &= steep | (near & (azimuth != NO_DIRECTION))
    return found
