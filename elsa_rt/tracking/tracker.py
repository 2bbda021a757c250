"""Tracks: which steps belong to one sound, and where that sound is.

Each active slot is a measurement. The nearest track takes it if it lies within its gate, nearest in
the sense of likelihood, the closest pair first; otherwise it begins a track of its own. Each track
is a `DirectionFilter` and a distance, the latter smoothed by a scalar Kalman filter of its
logarithm.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from elsa_rt.audio.ambisonics import angles_from_direction, angles_of
from elsa_rt.audio.direction_words import direction_words
from elsa_rt.encoder.output import TRACKED, EncoderOutput
from elsa_rt.hearing import State, Track
from elsa_rt.scoring.confirmation import steps_in
from elsa_rt.tracking.direction_filter import (
    SILENT_MEMORY_S,
    SPEED_MEMORY_S,
    DirectionFilter,
    Vector,
    angle_between,
    length,
    vector,
)

GATE = 18.4
"""Chi-squared of two degrees of freedom: one in ten thousand that fit lies outside."""

MAX_GATE_DEG = 45.0
"""Beyond this it is another sound, however uncertain the track has become."""

MIN_REPORTED_S = 0.16
"""Minimum duration in seconds before a track is reported: no more than confirms an alert on it, see
`elsa_rt.config.Config.alert_confirm_s`."""

FORGOTTEN_S = 0.5
"""A track that was not told of is dropped when it is not heard for so long."""

DISTANCE_SIGMA, DISTANCE_DRIFT = 0.2, 0.2
"""Of the logarithm of the distance: deviation of a measurement, drift in a second."""

BIAS_KEPT = 0.8
"""Of what is known of the lasting error of a track, with each step that it is heard."""


class Noise(NamedTuple):
    """Error model of measured directions, degrees in each axis of the tangent plane.

    Most of it lasts: a room bends a direction the same way from step to step, and no smoothing can
    help. An early reflection bends each band another way, which is heard: the lasting part grows
    with the square root of the bands' scatter. It lies between what the shipped model does in
    simulated rooms, with hard and even walls, and in measured ones (`export/evaluate/tracks.py`).
    The rest is taken as independent, half as much again as there (2 to 3.4 degrees), for single
    steps that go astray.
    """

    clear: float = 3.0  # of a sound that is fully active and comes straight
    masked: float = 3.0  # to be added where it is hardly active
    diffuse: float = 3.0  # to be added where sound comes from everywhere
    lasting: float = 1.0  # what lasts
    lasting_scattered: float = 11.5  # to be added to that, times the root of the scatter

    def sigma(self, activity: float, diffuseness: float) -> float:
        """Standard deviation of the independent part, radians."""
        degrees = self.clear + self.masked * (1 - activity) + self.diffuse * diffuseness
        return math.radians(degrees)

    def bias(self, scatter: float) -> float:
        """Standard deviation of what lasts, radians."""
        return math.radians(self.lasting + self.lasting_scattered * math.sqrt(scatter))


NOISE = Noise()


class TrackedStep(NamedTuple):
    """Tracks of one step, and the track of each slot."""

    tracks: tuple[Track, ...]  # all that are told of, those that just ended last
    slots: tuple[Track | None, ...]  # of each slot, whether it is told of or not


@dataclass(eq=False)
class _Followed:
    id: str
    heading: DirectionFilter
    first_s: float
    last_s: float
    bias: float  # lasting error of each axis, radians
    heard: int = 0  # steps
    told: bool = False
    distance: float = math.nan  # logarithm of metres
    spread: float = DISTANCE_SIGMA**2  # its variance

    def hear(self, time_s: float, direction: Vector, sigma: float, bias: float) -> None:
        if self.heard:
            self.heading.update(direction, sigma)
        self.bias += (1 - BIAS_KEPT) * (bias - self.bias)
        self.heard += 1
        self.last_s = time_s

    def range(self, distance_m: float) -> None:
        """Take a distance; an unknown one, NaN, changes nothing."""
        if not 0 < distance_m < math.inf:
            return
        if math.isnan(self.distance):
            self.distance, self.spread = math.log(distance_m), DISTANCE_SIGMA**2
            return
        gain = self.spread / (self.spread + DISTANCE_SIGMA**2)
        self.distance += gain * (math.log(distance_m) - self.distance)
        self.spread *= 1 - gain

    def predict(self, seconds: float, silent: bool) -> None:
        self.heading.predict(seconds, SILENT_MEMORY_S if silent else SPEED_MEMORY_S)
        self.spread += DISTANCE_DRIFT**2 * seconds

    def track(self, state: State, time_s: float) -> Track:
        azimuth, elevation = angles_of(*self.heading.place)
        variance = self.heading.variance + self.bias**2
        return Track(
            state=state,
            id=self.id,
            time_s=time_s,
            azimuth_deg=azimuth,
            elevation_deg=elevation,
            uncertainty_deg=math.degrees(math.sqrt(2 * variance)),
            speed_deg_s=math.degrees(length(self.heading.turning)),
            distance_m=math.exp(self.distance),
            first_s=self.first_s,
            last_s=self.last_s,
            words=direction_words(azimuth, elevation),
        )


class Tracker:
    """Follows the sounds of one stream.

    Parameters
    ----------
    step_s : seconds of a step
    release_s : seconds after which a track that is not heard ends
    run : stands in every id
    """

    def __init__(self, step_s: float, release_s: float, run: str = "") -> None:
        self._step_s = step_s
        self._release_s = release_s
        self._run = f"{run}-" if run else ""
        self._told_after = steps_in(MIN_REPORTED_S, step_s)
        self._number = 0  # outlives reset: an id never comes twice from one tracker
        self.reset()

    def reset(self) -> None:
        """Forget all tracks; they vanish without an end."""
        self._followed: list[_Followed] = []
        self._time_s = 0.0  # end of the last step

    def step(
        self, time_s: float, sound: EncoderOutput, diffuseness: float, scatter: float
    ) -> TrackedStep:
        """Take what was heard up to ``time_s``; its directions are in the axes of the tracks.

        ``diffuseness`` and ``scatter`` are those of the step's `Flow`.
        """
        for followed in self._followed:
            followed.predict(time_s - self._time_s, silent=followed.last_s < self._time_s)
        self._time_s = time_s
        slots = self._take(time_s, sound, diffuseness, NOISE.bias(scatter))
        return self._tell(time_s, slots)

    def _take(
        self, time_s: float, sound: EncoderOutput, diffuseness: float, bias: float
    ) -> list[_Followed | None]:
        """Give every active slot to a track; returns the track of each."""
        activity, directions = sound.activity.tolist(), list(map(vector, sound.direction))
        sigma = {
            slot: NOISE.sigma(active, diffuseness)
            for slot, active in enumerate(activity)
            if active >= TRACKED
        }
        slots: list[_Followed | None] = [None] * len(activity)
        free = list(self._followed)
        for followed, slot in self._pairs(directions, sigma):
            if slots[slot] is None and followed in free:
                free.remove(followed)
                slots[slot] = followed
        for slot, width in sigma.items():
            direction = directions[slot]
            found = slots[slot] or self._begin(time_s, DirectionFilter(direction, width), bias)
            found.hear(time_s, direction, width, bias)
            found.range(float(sound.distance_m[slot]))
            slots[slot] = found
        return slots

    def _pairs(
        self, directions: Sequence[Vector], sigma: dict[int, float]
    ) -> list[tuple[_Followed, int]]:
        """Tracks and slots that may belong together, the likeliest first."""
        pairs: list[tuple[float, int, _Followed, int]] = []
        alive = [followed for followed in self._followed if not self._is_over(followed)]
        for followed in alive:
            heading = followed.heading
            for slot, width in sigma.items():
                apart = angle_between(heading.place, directions[slot])
                surprise = heading.surprise(apart, width)
                if surprise <= GATE and apart <= math.radians(MAX_GATE_DEG):
                    # less twice the log likelihood: a vague track must not win for its width
                    cost = surprise + 2 * math.log(heading.variance + width**2)
                    pairs.append((cost, len(pairs), followed, slot))
        return [(followed, slot) for *_, followed, slot in sorted(pairs, key=lambda p: p[:2])]

    def _begin(self, time_s: float, heading: DirectionFilter, bias: float) -> _Followed:
        self._number += 1
        name, first_s = f"track-{self._run}{self._number:06d}", time_s - self._step_s
        self._followed.append(_Followed(name, heading, first_s, time_s, bias))
        return self._followed[-1]

    def _tell(self, time_s: float, slots: list[_Followed | None]) -> TrackedStep:
        going: dict[str, Track] = {}
        gone: list[Track] = []
        for followed in self._followed:
            begins = not followed.told and followed.heard >= self._told_after
            followed.told |= begins
            if not self._is_over(followed):
                going[followed.id] = followed.track("start" if begins else "update", time_s)
            elif followed.told:
                gone.append(followed.track("end", time_s))
        told = [going[f.id] for f in self._followed if f.told and f.id in going]
        self._followed = [followed for followed in self._followed if followed.id in going]
        of_slots = (going.get(followed.id) if followed else None for followed in slots)
        return TrackedStep((*told, *gone), tuple(of_slots))

    def _is_over(self, followed: _Followed) -> bool:
        """Whether it has been silent for too long."""
        wait_s = self._release_s if followed.told else FORGOTTEN_S
        return self._time_s - followed.last_s >= wait_s


def untracked(time_s: float, sound: EncoderOutput, slot: int) -> Track:
    """Placeholder track without an id for a slot that has none."""
    azimuth, elevation = angles_from_direction(sound.direction[slot])
    return Track(
        state="update",
        id="",
        time_s=time_s,
        azimuth_deg=azimuth,
        elevation_deg=elevation,
        uncertainty_deg=math.nan,
        speed_deg_s=math.nan,
        distance_m=float(sound.distance_m[slot]),
        first_s=time_s,
        last_s=time_s,
        words=direction_words(azimuth, elevation),
    )
