"""The responses that scenes are made with: random rooms, places and microphones."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from tqdm import tqdm

from elsa_rt.audio.ambisonics import direction_from_angles
from export.acoustics.arrays import Microphone, random_microphone
from export.acoustics.arrivals import Arrivals
from export.acoustics.reverberation import reverberation_time
from export.acoustics.shoebox import (
    Room,
    Source,
    absorption,
    build_room,
    reverberate,
    without_rumble,
)
from export.settings import FEATURES

RATE = FEATURES.rate
RESPONSE_S = 0.9
LEAD_S = 0.002  # from a response's start to its direct sound
FADE_S = 0.1  # at the end of a response
VALIDATION_SHARE = 0.1
PATH_SHARE = 0.08  # of the rooms hold a source that moves
PATH_POINTS = 5  # responses of such a room
PATH_DEG = (30.0, 150.0)  # azimuth that it passes
FLOOR_M2, HEIGHT_M = (9.0, 280.0), (2.3, 5.0)
DISTANCE_M = (0.4, 5.0)
T60_S = {(0.12, 0.25): 0.13, (0.25, 1.0): 0.7, (1.0, 2.7): 0.17}
"""Ranges of reverberation and how often each is drawn; even in its logarithm inside."""
SCATTER = (0.05, 0.6)  # bare walls to full shelves
ABSORPTION = (0.02, 0.9)  # of walls that are built


OMNI_LOW, OMNI_HIGH = (0.6, 1.0), (0.3, 0.8)
"""Share of a source's pattern that goes everywhere, below and above the crossover."""
ASKEW = (0.0, 1.5)  # how much a source faces anywhere instead of the listener


class Place(NamedTuple):
    """One room with a microphone and the places of one source, in order."""

    size: NDArray[np.float64]  # (3,) metres
    listener: NDArray[np.float64]  # (3,) metres from a corner
    direction: NDArray[np.float64]  # (points, 3) unit vectors from the listener
    distance: NDArray[np.float64]  # (points,) metres


def gather_rooms(count: int, jobs: int, seed: int) -> dict[str, Any]:
    """Responses of ``count`` random rooms.

    Returns
    -------
    dict of arrays, a row for each of the responses
        ``responses`` float16 (rows, 4, n), the direct sound at gain 1 after `LEAD_S`;
        ``direction`` (rows, 3), ``distance`` in metres, ``t30`` in seconds, measured, ``floor``
        in square metres; ``path`` the number of the moving source whose places follow each
        other, or -1; ``validation``.
    """
    with ProcessPoolExecutor(jobs) as pool:
        seeds = [(seed, i) for i in range(count)]
        rooms = map(_room, seeds) if jobs == 1 else pool.map(_room, seeds, chunksize=16)
        made = list(tqdm(rooms, "rooms", count, unit="room"))
    rows = [len(room["distance"]) for room in made]
    gathered = {name: np.concatenate([room[name] for room in made]) for name in made[0]}
    moving = [number if n > 1 else -1 for number, n in enumerate(rows)]
    held = np.arange(count) < VALIDATION_SHARE * count
    return gathered | {"path": np.repeat(moving, rows), "validation": np.repeat(held, rows)}


def _room(seed: tuple[int, int]) -> dict[str, NDArray[Any]]:
    """Rows of one random room, heard by one random microphone."""
    rng = np.random.default_rng(seed)
    points = PATH_POINTS if rng.random() < PATH_SHARE else 1
    low_t60 = _draw_t60(rng)
    place = draw_place(rng, low_t60, points)
    t60 = low_t60, low_t60 * rng.uniform(0.4, 1.0)
    room = build_room(place.size, t60, rng.uniform(*SCATTER), rng)
    longest = max(RESPONSE_S, low_t60) + 0.2
    microphone = random_microphone(rng, RATE, fft.next_fast_len(int(longest * RATE / 2)) * 2)
    same = int(rng.integers(2**31))  # jitter and tail stay as they are while the source moves
    heard = [_respond(room, place, i, microphone, np.random.default_rng(same))
             for i in range(points)]  # fmt: skip
    decays = [reverberation_time(response[0], RATE) for response in heard]
    return {
        "responses": np.stack([fit_response(response) for response in heard]),
        "direction": place.direction.astype(np.float32),
        "distance": place.distance.astype(np.float32),
        "t30": np.array(decays, np.float32),
        "floor": np.full(points, place.size[0] * place.size[1], np.float32),
    }


def _draw_t60(rng: np.random.Generator) -> float:
    span = list(T60_S)[int(rng.choice(len(T60_S), p=list(T60_S.values())))]
    return float(np.exp(rng.uniform(*np.log(span))))


def draw_place(rng: np.random.Generator, t60: float, points: int = 1) -> Place:
    """Draw a box of a floor and height in range, and in it a microphone and a source.

    The distance is drawn first and kept while all else is drawn again until it fits: otherwise
    near sources, that fit into every room, would be most of all.
    """
    far = rng.uniform(*DISTANCE_M)
    if rng.random() < 0.25:
        far = np.exp(rng.uniform(*np.log(DISTANCE_M)))
    while True:
        floor, aspect = np.exp(rng.uniform(*np.log(FLOOR_M2))), rng.uniform(1, 2)
        sides = np.sqrt([floor * aspect, floor / aspect])
        size = np.array([*sides[:: rng.choice([-1, 1])], rng.uniform(*HEIGHT_M)])
        if not ABSORPTION[0] < absorption(size, t60) < ABSORPTION[1]:
            continue
        ears = rng.uniform([0.4, 0.4, 0.5], size - [0.4, 0.4, 0.6])
        elevation = rng.normal(0, 20) if rng.random() < 0.7 else rng.uniform(-75, 75)
        azimuth = rng.uniform(-180, 180)
        passed = rng.uniform(*PATH_DEG) * rng.choice([-1, 1])
        steps = np.linspace(0, 1, points)
        direction = direction_from_angles(azimuth + passed * steps, np.full(points, elevation))
        distance = far * (1 + rng.uniform(-0.3, 0.3) * steps)
        source = ears + distance[:, None] * direction
        if ((source > 0.2) & (source < size - 0.2)).all():
            return Place(size, ears, direction, distance)


def _respond(
    room: Room, place: Place, point: int, microphone: Microphone, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Response (4, n) whose direct sound has gain 1 and comes after `LEAD_S`."""
    away = place.direction[point]
    # loudspeakers, throats and machines beam, the more the higher, and mostly our way
    facing = -away + rng.uniform(*ASKEW) * rng.normal(0, 3**-0.5, 3)
    omni = rng.uniform(*OMNI_LOW), rng.uniform(*OMNI_HIGH)
    where = place.listener + place.distance[point] * away
    source = Source(where, facing / np.linalg.norm(facing), omni)
    arrivals = reverberate(room, source, place.listener, rng)
    gain, late = 1 / arrivals.low[0], arrivals.time[0] - LEAD_S
    aligned = Arrivals(arrivals.time - late, arrivals.direction,
                       arrivals.low * gain, arrivals.high * gain)  # fmt: skip
    return without_rumble(microphone.hear(aligned, RATE), RATE)


def fit_response(response: NDArray[np.float32]) -> NDArray[np.float16]:
    """Cut or fill (4, n) to `RESPONSE_S`, the end faded out."""
    fade = int(FADE_S * RATE)
    fitted = np.zeros((4, int(RESPONSE_S * RATE)), np.float32)
    fitted[:, : response.shape[1]] = response[:, : fitted.shape[1]]
    fitted[:, -fade:] *= 0.5 + 0.5 * np.cos(np.linspace(0, np.pi, fade, dtype=np.float32))
    return fitted.astype(np.float16)
