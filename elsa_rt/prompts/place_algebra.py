"""Unions, intersections and complements of regions, and the regions that words mean.

A place is a tuple of `Region`: a direction lies in it if it lies in one of them. The empty tuple
is nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from math import inf

from elsa_rt.audio.ambisonics import wrapped_deg
from elsa_rt.audio.direction_words import ALONE_DEG, ELEVATED_DEG, FAR_M, NEAR_M, REACH_DEG, SECTORS
from elsa_rt.rules.region import Region

Place = tuple[Region, ...]

EVERYWHERE: Place = (Region(),)

OPPOSED = (("left", "right"), ("front", "behind"), ("above", "below"), ("near", "far"))
"""Words that no single direction or distance fits."""

SPANS: dict[str, Region] = {
    "above": Region(elevation_deg=(ELEVATED_DEG, 90.0)),
    "below": Region(elevation_deg=(-90.0, -ELEVATED_DEG)),
    "level": Region(elevation_deg=(-ELEVATED_DEG, ELEVATED_DEG)),
    "near": Region(distance_m=(0.0, NEAR_M)),
    "far": Region(distance_m=(FAR_M, inf)),
}
"""Regions of the words that name no azimuth."""


def sector(centre_deg: float, half_deg: float) -> Region:
    """The region ``half_deg`` to both sides of ``centre_deg``; all around from 180 on."""
    if half_deg >= 180:
        return Region()
    bounds = wrapped_deg(centre_deg - half_deg), wrapped_deg(centre_deg + half_deg)
    return Region(azimuth_deg=(float(bounds[0]), float(bounds[1])))


def place_of(words: Iterable[str]) -> Place:
    """Where all of ``words`` hold; of opposed ones, where either does."""
    given = [word for word in dict.fromkeys(words) if word != "anywhere"]
    choices: list[Sequence[str]] = []
    for pair in OPPOSED:
        found = [word for word in pair if word in given]
        choices += [found] if found else []
        given = [word for word in given if word not in pair]
    return union(*((_of_neighbours(chosen + tuple(given)),) for chosen in product(*choices)))


def union(*places: Place) -> Place:
    """Where any of ``places`` is."""
    found = tuple(dict.fromkeys(region for place in places for region in place))
    return EVERYWHERE if Region() in found else found


def intersection(*places: Place) -> Place:
    """Where all of ``places`` are."""
    found = EVERYWHERE
    for place in places:
        found = union(tuple(part for one, two in product(found, place) for part in _both(one, two)))
    return found


def complement(place: Place) -> Place:
    """Where ``place`` is not."""
    return intersection(*(_outside(region) for region in place))


def _of_neighbours(words: Sequence[str]) -> Region:
    """The region of words none of which are opposed."""
    centres = {word: centre for word, centre in SECTORS if word in words}
    region = Region()
    if len(centres) == 1:
        region = sector(next(iter(centres.values())), REACH_DEG)
    elif centres:
        across = 45.0 if "front" in centres else 135.0
        region = sector(across if "left" in centres else -across, ALONE_DEG)
    for word in words:
        if word in SPANS:
            (region,) = _both(region, SPANS[word]) or (region,)
    return region


def _both(one: Region, other: Region) -> Place:
    spans = []
    for name in ("elevation_deg", "distance_m"):
        low = max(getattr(one, name)[0], getattr(other, name)[0])
        high = min(getattr(one, name)[1], getattr(other, name)[1])
        if not low < high:
            return ()
        spans.append((low, high))
    return tuple(Region(arc, *spans) for arc in _common_arcs(one.azimuth_deg, other.azimuth_deg))


def _common_arcs(one: tuple[float, float], other: tuple[float, float]) -> list[tuple[float, float]]:
    """The arcs, none to two, that two arcs share."""
    whole = (-180.0, 180.0)
    if whole in (one, other):
        return [other if one == whole else one]
    start, length = one[0], (one[1] - one[0]) % 360
    first = (other[0] - start) % 360
    width = (other[1] - other[0]) % 360
    found = []
    for begin in (first - 360, first):
        low, high = max(0.0, begin), min(length, begin + width)
        if low < high:
            found.append((float(wrapped_deg(start + low)), float(wrapped_deg(start + high))))
    return found


def _outside(region: Region) -> Place:
    """Where ``region`` is not, as the union of what each of its bounds leaves out."""
    parts = []
    if region.azimuth_deg != (-180.0, 180.0):
        parts.append(Region(azimuth_deg=(region.azimuth_deg[1], region.azimuth_deg[0])))
    low, high = region.elevation_deg
    parts += [Region(elevation_deg=(-90.0, low))] if low > -90 else []
    parts += [Region(elevation_deg=(high, 90.0))] if high < 90 else []
    near, far = region.distance_m
    parts += [Region(distance_m=(0.0, near))] if near > 0 else []
    parts += [Region(distance_m=(far, inf))] if far < inf else []
    return tuple(parts)
