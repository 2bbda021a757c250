"""Scenes that are hard for tracks: sounds that turn, that cross, and two of one label."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.audio.ambisonics import angle_deg, angles_from_direction, rotation
from export.acoustics.noise import diffuse_noise
from export.evaluate.pairs import APART_DEG, MIN_S, Duet, at_level, background_of, duet_of
from export.scenes.material import SEED, Clip, TrialRoom
from export.scenes.trials import RATE, Staged, Wet, full_scale, play

CROSSING_DEG_S = 40.0
"""Of each of two sounds, towards each other until they meet and then away."""

TURNING_DEG_S = 60.0
"""Of a single sound."""

DRAWS = 50
"""For each pair at most: clips of one label, or rooms of one direction, may be all there are."""


class Turn(NamedTuple):
    """How the field of a sound, direct sound and room, turns about the vertical axis."""

    deg_s: float = 0.0
    still_s: float = 0.0  # when it is where its room has it

    def angle(self, time_s: NDArray[np.floating]) -> NDArray[np.float64]:
        """Radians, counter-clockwise."""
        return np.radians(self.deg_s * (time_s.astype(float) - self.still_s))


STILL = Turn()


class Scene(NamedTuple):
    """Two sounds and how each turns."""

    duet: Duet
    turns: tuple[Turn, Turn] = (STILL, STILL)

    def truth(self, step_s: float, steps: int) -> NDArray[np.float64]:
        """Directions (steps, 2, 3) in the middle of each step."""
        middle = (np.arange(steps) + 0.5) * step_s
        each = [
            directions(start, turn.angle(middle))
            for start, turn in zip(self.duet.directions, self.turns, strict=True)
        ]
        return np.stack(each, axis=1)


def directions(start: NDArray[np.float64], angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """``start`` (3,) turned by each angle (n,) about the vertical axis: (n, 3)."""
    x, y, z = start
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([cos * x - sin * y, sin * x + cos * y, np.full_like(cos, z)], axis=1)


def turned(wet: Wet, turn: Turn) -> Wet:
    """``wet`` whose whole field turns."""
    angle = turn.angle(np.arange(wet.foa.shape[1]) / RATE).astype(np.float32)
    w, y, z, x = wet.foa
    cos, sin = np.cos(angle), np.sin(angle)
    return Wet(np.stack([w, sin * x + cos * y, z, cos * x - sin * y]), wet.dry)


def alike(clips: Sequence[Clip], rooms: Sequence[TrialRoom], count: int) -> Iterator[Scene]:
    """Pairs of clips of one label, equally loud, `APART_DEG` and more apart."""
    rng, long = np.random.default_rng([SEED, 1]), _long(clips)
    of_label: dict[int, list[Clip]] = {}
    for clip in long:
        of_label.setdefault(clip.label, []).append(clip)
    several = [group for group in of_label.values() if len(group) > 1]
    found = 0
    for _ in range(DRAWS * count if several else 0):
        group = several[int(rng.integers(len(several)))]
        first, second = (group[int(i)] for i in rng.choice(len(group), 2, replace=False))
        a, b = (rooms[int(i)] for i in rng.integers(len(rooms), size=2))
        turn = rotation(rng.uniform(-180, 180), 0, 0)
        if angle_deg(a.direction, b.direction) >= APART_DEG:
            found += 1
            yield Scene(_duet((first, second), (a, b), (turn, turn), (STILL, STILL), rng))
        if found == count:
            return


def crossing(clips: Sequence[Clip], rooms: Sequence[TrialRoom], count: int) -> Iterator[Scene]:
    """Pairs of unlike labels, equally loud, that meet in azimuth in the middle of their time."""
    rng, long = np.random.default_rng([SEED, 2]), _long(clips)
    found = 0
    for _ in range(DRAWS * count if len(long) > 1 else 0):
        first, second = (long[int(i)] for i in rng.choice(len(long), 2, replace=False))
        if first.label == second.label:
            continue
        found += 1
        pair = tuple(rooms[int(i)] for i in rng.integers(len(rooms), size=2))
        meet = rng.uniform(-180, 180)
        to_it = [rotation(meet - angles_from_direction(room.direction)[0], 0, 0) for room in pair]
        middle_s = min(first.samples.size, second.samples.size) / RATE / 2
        turns = (Turn(CROSSING_DEG_S, middle_s), Turn(-CROSSING_DEG_S, middle_s))
        duet = _duet((first, second), (pair[0], pair[1]), (to_it[0], to_it[1]), turns, rng)
        yield Scene(duet, turns)
        if found == count:
            return


def turning(trial: Staged) -> tuple[Staged, Turn]:
    """``trial`` whose sound goes around; its background stays as it is."""
    turn = Turn(TURNING_DEG_S)
    wet = turned(trial.wet, turn)
    noise = diffuse_noise(wet.dry.size, RATE, np.random.default_rng([SEED, trial.about.clip]))
    foa = wet.foa + (trial.floor * noise).astype(np.float32)
    return trial._replace(foa=full_scale(foa), wet=wet), turn


def _long(clips: Sequence[Clip]) -> list[Clip]:
    return [clip for clip in clips if clip.samples.size >= MIN_S * RATE]


def _duet(
    clips: tuple[Clip, Clip],
    rooms: tuple[TrialRoom, TrialRoom],
    to_place: tuple[NDArray[np.float64], NDArray[np.float64]],
    turns: tuple[Turn, Turn],
    rng: np.random.Generator,
) -> Duet:
    size = min(clip.samples.size for clip in clips)
    first, second = (
        at_level(turned(play(clip.samples[:size], room, place), turn), 1.0)
        for clip, room, place, turn in zip(clips, rooms, to_place, turns, strict=True)
    )
    return duet_of(
        (clips[0].label, clips[1].label),
        (to_place[0] @ rooms[0].direction, to_place[1] @ rooms[1].direction),
        (first, second),
        background_of(first.dry.size, rng),
    )
