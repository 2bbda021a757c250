"""When and where a question looks: times in words, sources by name, a region and its soft edge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, tzinfo
from math import nan

import numpy as np
from numpy.typing import NDArray

from elsa_rt.audio.ambisonics import wrapped_deg
from elsa_rt.errors import UsageError
from elsa_rt.memory.coarse_index import END_S, Filter
from elsa_rt.memory.moments import parse_moment
from elsa_rt.memory.search import Found
from elsa_rt.rules.region import EDGE_DEG, EVERYWHERE, Region, RegionGate
from elsa_rt.rules.schedule import time_zone

ROUNDING_DEG = 0.5
"""Elevations of the index are whole degrees."""

When = str | datetime | None


def between(since: When, until: When, zone: tzinfo | None) -> Filter:
    """The rows from the begin of ``since`` to the end of ``until``.

    Rows without a time of day are left out where either is given.

    Raises
    ------
    UsageError
        A time that is not understood, or ``since`` is the later one.
    """
    now = datetime.now(zone or time_zone(None))

    def moment(when: str | datetime, end: bool) -> float:
        if isinstance(when, datetime):
            return when.timestamp()
        return parse_moment(when, now)[end].timestamp()

    since_s = 0.0 if since is None else moment(since, False)
    until_s = float(END_S) if until is None else moment(until, True)
    if since_s > until_s:
        raise UsageError(f"recalling: since {since} is later than until {until}: swap them")
    # rows without a time of day are at 0
    return Filter(since_s=since_s if until is None else max(since_s, 1.0), until_s=until_s)


def called(name: str | None, sources: Mapping[int, str]) -> tuple[int, ...] | None:
    """Numbers of the sources whose name has ``name`` in it; None for all.

    Raises
    ------
    UsageError
        There is none.
    """
    if name is None:
        return None
    chosen = tuple(number for number, one in sources.items() if name.lower() in one.lower())
    if not chosen:
        known = ", ".join(sorted(set(sources.values()))[:5]) or "none yet"
        raise UsageError(f"recalling: no source is called {name!r}: there are {known}")
    return chosen


def widened(wanted: Filter, place: Region) -> Filter:
    """``wanted`` within ``place`` and its soft edge."""
    begin, end = place.azimuth_deg
    width = end - begin if end > begin else end - begin + 360
    if width + 2 * EDGE_DEG < 360:
        edges = wrapped_deg(begin - EDGE_DEG), wrapped_deg(end + EDGE_DEG)
        wanted = replace(wanted, azimuth_deg=edges)
    low, high = place.elevation_deg
    return replace(wanted, elevation_deg=(max(low - EDGE_DEG, -90.0), min(high + EDGE_DEG, 90.0)))


def inside(found: Found, place: Region) -> NDArray[np.bool_]:
    """Which rows (n,) of ``found`` lie in ``place``; those without a direction lie everywhere."""
    if place == EVERYWHERE:
        return np.ones(len(found.id), np.bool_)
    within = np.asarray(np.isfinite(found.direction).all(axis=1))
    known = np.flatnonzero(within)
    off_deg, _ = RegionGate([place]).outside(found.direction[known], np.full(known.size, nan))
    within[known] = off_deg[:, 0] <= ROUNDING_DEG
    return within
