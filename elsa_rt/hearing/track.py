"""Tracks: sounds that are followed from step to step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from elsa_rt.hearing.by_value import ByValue, quickly_made
from elsa_rt.hearing.json_values import angles, number


class Angles(NamedTuple):
    """A direction in the axes of the world."""

    azimuth_deg: float  # -180..180, left positive
    elevation_deg: float  # -90..90, up positive


State = Literal["start", "update", "end"]
"""Lifecycle state: one "start", any number of "update"s, one "end"."""


@quickly_made
@dataclass(frozen=True, eq=False, repr=False)
class Track(ByValue):
    """One sound, followed from step to step; its direction is smoothed."""

    state: State
    id: str  # the same for all of its life, and never given again by one listener
    time_s: float  # stream time
    azimuth_deg: float  # -180..180, left positive
    elevation_deg: float  # -90..90, up positive
    uncertainty_deg: float  # root mean square of the angle to the true direction
    speed_deg_s: float  # how fast the direction turns
    distance_m: float  # smoothed; NaN from a model that cannot tell
    first_s: float  # stream time at which it was first heard
    last_s: float  # and last
    words: str  # "behind, left"
    world: Angles | None = None  # once the listener's orientation was set

    def __repr__(self) -> str:
        place = where(self.words, self.azimuth_deg, self.elevation_deg)
        return f"<Track {self.state} {self.id}, {self.time_s:.2f} s, {place}>"

    def as_dict(self) -> dict[str, Any]:
        """The track as a JSON object, as it stands in that of a hearing."""
        return {
            "state": self.state,
            "id": self.id,
            "azimuth_deg": number(self.azimuth_deg, 1),
            "elevation_deg": number(self.elevation_deg, 1),
            "uncertainty_deg": number(self.uncertainty_deg, 1),
            "speed_deg_s": number(self.speed_deg_s, 1),
            "distance_m": number(self.distance_m, 2),
            "first_s": number(self.first_s, 3),
            "last_s": number(self.last_s, 3),
            "words": self.words,
            **angles("world", self.world),
        }


def where(words: str, azimuth_deg: float, elevation_deg: float) -> str:
    """A direction as ``repr`` shows it."""
    return f"{words} ({azimuth_deg:+.0f}, {elevation_deg:+.0f} deg)"
