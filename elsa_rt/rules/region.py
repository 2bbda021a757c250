"""Regions of direction and distance: what a prompt may ask of the place of a sound."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elsa_rt.audio.ambisonics import wrapped_deg
from elsa_rt.errors import UsageError
from elsa_rt.hints import coerce_fields

EDGE_DEG = 10.0
"""So far outside of its region a sound counts for nothing; in between it fades."""

EDGE_RATIO = 1.25
"""The same for a distance, as a ratio."""

TINY_M = 1e-3

_Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Region:
    """A part of the space around the listener; the default is all of it.

    Parameters
    ----------
    azimuth_deg
        A sector from the first angle counter-clockwise to the second, each -180..180, left is
        positive: (145, -145) lies behind. (-180, 180) is the whole circle.
    elevation_deg
        From the lower to the upper angle, -90..90, up is positive.
    distance_m
        From the nearer to the farther, 0..inf.
    also
        Further parts: what lies in one of them lies in the region, too. "On the left or right" is
        a region of two parts.

    Raises
    ------
    UsageError
        A bound is no number or out of range, or lower and upper are exchanged.
    """

    azimuth_deg: tuple[float, float] = (-180.0, 180.0)
    elevation_deg: tuple[float, float] = (-90.0, 90.0)
    distance_m: tuple[float, float] = (0.0, inf)
    also: tuple[Region, ...] = ()

    def __post_init__(self) -> None:
        coerce_fields(self, "a region's ")
        for name, bounds, least, most in (
            ("azimuth", self.azimuth_deg, -180, 180),
            ("elevation", self.elevation_deg, -90, 90),
            ("distance", self.distance_m, 0, inf),
        ):
            if not all(least <= bound <= most for bound in bounds):
                raise UsageError(
                    f"a region's {name} from {bounds[0]:g} to {bounds[1]:g}: "
                    f"{least}..{most} is possible"
                )
        for name, (low, high) in (("elevation", self.elevation_deg), ("distance", self.distance_m)):
            if not low < high:
                raise UsageError(
                    f"a region's {name} from {low:g} to {high:g}: name the lower one first"
                )
        if self.azimuth_deg[0] == self.azimuth_deg[1]:
            raise UsageError(
                f"a region's azimuth from {self.azimuth_deg[0]:g} to itself: name a sector"
            )

    @classmethod
    def union(cls, parts: Iterable[Region]) -> Region:
        """What lies in any of ``parts``, of which there is at least one."""
        flat = dict.fromkeys(one for part in parts for one in part.parts)
        first, *others = flat
        if not others:
            return first
        return EVERYWHERE if EVERYWHERE in flat else replace(first, also=tuple(others))

    @property
    def parts(self) -> tuple[Region, ...]:
        """Itself without ``also``, and the parts of ``also``."""
        if not self.also:
            return (self,)
        return (replace(self, also=()), *(one for part in self.also for one in part.parts))

    @property
    def asks_distance(self) -> bool:
        """Whether there are distances that it leaves out."""
        return any(part.distance_m != (0.0, inf) for part in self.parts)

    @property
    def words(self) -> str:
        """Region in words: "azimuth from 125° to -125°", or "anywhere"."""
        return " or ".join(part._words for part in self.parts)

    @property
    def _words(self) -> str:
        said = []
        if self.azimuth_deg != (-180.0, 180.0):
            said.append("azimuth from {:g}° to {:g}°".format(*self.azimuth_deg))
        if self.elevation_deg != (-90.0, 90.0):
            said.append("elevation from {:g}° to {:g}°".format(*self.elevation_deg))
        near, far = self.distance_m
        if far < inf:
            said.append(f"from {near:g} to {far:g} m")
        elif near > 0:
            said.append(f"from {near:g} m on")
        return ", ".join(said) or "anywhere"

    def contains(self, direction: ArrayLike, distance_m: float = np.nan) -> bool:
        """Whether a sound in ``direction``, a unit vector (3,), lies inside.

        An unknown distance, NaN, is not held against it.
        """
        towards, away = np.array([direction], float), np.array([distance_m], float)
        off_deg, off_ratio = RegionGate(self.parts).outside(towards, away)
        return bool(((off_deg == 0) & (off_ratio == 1)).any())


EVERYWHERE = Region()


class RegionGate:
    """Weight of places for each of p regions: 1 inside, falling to 0 over a soft edge outside."""

    def __init__(self, regions: Sequence[Region]) -> None:
        parts = [part for region in regions for part in region.parts]
        counts = [len(region.parts) for region in regions]
        self._starts = np.cumsum([0, *counts])[:-1] if len(parts) > len(regions) else None
        bounds = np.array([r.azimuth_deg for r in parts], float).reshape(-1, 2)
        width = bounds[:, 1] - bounds[:, 0]
        self._half = np.where(width > 0, width, width + 360) / 2
        self._centre = bounds[:, 0] + self._half
        self._low, self._high = np.array([r.elevation_deg for r in parts]).reshape(-1, 2).T
        self._near, self._far = np.array([r.distance_m for r in parts]).reshape(-1, 2).T

    def step(self, direction: _Floats, distance_m: _Floats) -> NDArray[np.float64]:
        """Weights (K, p), 0..1, of K unit vectors (K, 3) and distances (K,); NaN is unknown."""
        off_deg, off_ratio = self._outside(direction, distance_m)
        weight = 1 - off_deg / EDGE_DEG
        weight = np.minimum(weight, 1 - np.log(off_ratio) / np.log(EDGE_RATIO))
        weight = np.clip(weight, 0, 1)
        if self._starts is None:
            return weight
        return np.asarray(np.maximum.reduceat(weight, self._starts, axis=1))

    def outside(
        self, direction: _Floats, distance_m: _Floats
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Distances (K, p) of places to the regions: degrees, and the ratio of distances >= 1.

        Of a region of several parts it is the part that is nearest by each.
        """
        off_deg, off_ratio = self._outside(direction, distance_m)
        if self._starts is None:
            return off_deg, off_ratio
        nearest = (np.minimum.reduceat(off, self._starts, axis=1) for off in (off_deg, off_ratio))
        return next(nearest), next(nearest)

    def _outside(
        self, direction: _Floats, distance_m: _Floats
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The same of every part.

        Azimuths shrink with the cosine of the elevation: straight above, all of them meet.
        """
        x, y, z = np.asarray(direction, float).T[:, :, None]  # (K, 1) each
        level = np.hypot(x, y)
        azimuth, elevation = np.degrees(np.arctan2(y, x)), np.degrees(np.arctan2(z, level))
        apart = np.abs(wrapped_deg(azimuth - self._centre)) - self._half
        aside = np.maximum(apart, 0) * level
        aloft = np.maximum(np.maximum(self._low - elevation, elevation - self._high), 0)
        away = np.maximum(np.asarray(distance_m, float), TINY_M)[:, None]  # NaN stays NaN
        ratio = np.fmax(np.fmax(self._near / away, away / self._far), 1)  # and counts as inside
        return np.hypot(aside, aloft), ratio
