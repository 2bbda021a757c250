"""Spatial captions: what sounds, where, in natural English, and which captions are true of a sound.

The borders between the words are those that the device speaks with (`elsa_rt.matching.words`).
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from elsa_rt.matching.words import ELEVATED_DEG, FAR_M, NEAR_M, REACH_DEG
from export.clips import phrases

DIAGONAL_DEG = 30.0
"""So far from its centre "front left" still holds."""

ANY = -1
"""An attribute that a caption does not mention."""

AZIMUTHS: tuple[tuple[float, tuple[str, ...]], ...] = (
    (0.0, (
        "in front of me", "in front", "from the front", "ahead", "straight ahead", "before me",
    )),
    (45.0, (
        "front left", "at the front left", "ahead on the left", "in front to the left",
        "diagonally front left",
    )),
    (90.0, (
        "on the left", "to my left", "from the left", "on my left side", "left", "at my left",
        "left of me",
    )),
    (135.0, (
        "behind on the left", "at the back left", "behind me to the left", "rear left",
        "behind, left",
    )),
    (180.0, (
        "behind me", "behind", "from behind", "at the back", "in my back", "from the rear",
        "to the rear",
    )),
    (-135.0, (
        "behind on the right", "at the back right", "behind me to the right", "rear right",
        "behind, right",
    )),
    (-90.0, (
        "on the right", "to my right", "from the right", "on my right side", "right",
        "at my right", "right of me",
    )),
    (-45.0, (
        "front right", "at the front right", "ahead on the right", "in front to the right",
        "diagonally front right",
    )),
)  # fmt: skip
"""Centre in degrees of each azimuth word and how it is said; odd entries are diagonals."""

ELEVATIONS = (
    ("above me", "above", "overhead", "from above", "up high", "over my head"),
    ("below me", "below", "from below", "down low", "under me", "beneath me"),
)
DISTANCES = (
    ("close by", "nearby", "near", "very close", "right next to me", "at close range"),
    ("far away", "in the distance", "far", "from afar", "some metres away", "distant"),
)

ANYTHING = (
    "a sound",
    "something",
    "a noise",
    "any sound",
    "someone or something",
    "a sound source",
)
"""What a caption without a semantic part is about."""

_PLAIN = (
    "{what}", "the sound of {what}", "{what} can be heard", "i hear {what}", "there is {what}",
    "a recording of {what}", "this is {what}", "listen, {what}",
)  # fmt: skip
_PLACED = (
    "{what} {where}", "{what} {where}", "{where}, {what}", "{what}, {where}",
    "the sound of {what} {where}", "i hear {what} {where}", "there is {what} {where}",
    "{what} coming from somewhere {where}",
)  # fmt: skip


@dataclass(frozen=True)
class Caption:
    """A sentence with what it claims; `ANY` where it claims nothing."""

    text: str
    label: int = ANY
    azimuth: int = ANY  # index into AZIMUTHS
    elevation: int = ANY  # 0 above, 1 below
    distance: int = ANY  # 0 near, 1 far


_REGIONS: tuple[tuple[int, int, int, int], ...] = (
    # azimuth, elevation, distance, how many ways to say it
    *((a, ANY, ANY, 8) for a in range(8)),
    *((ANY, e, ANY, 6) for e in range(2)),
    *((ANY, ANY, d, 6) for d in range(2)),
    *((a, e, ANY, 3) for a, e in product(range(8), range(2))),
    *((a, ANY, d, 3) for a, d in product(range(8), range(2))),
)


def write_captions(labels: Sequence[str], seed: int) -> list[Caption]:
    """All captions of a training run: every label, and none, in every region, said variously."""
    rng = random.Random(seed)
    subjects = [(ANY, list(ANYTHING)), *((i, phrases(label)) for i, label in enumerate(labels))]
    return [caption for i, says in subjects for caption in _captions_of(i, says, rng)]


def _captions_of(label: int, says: Sequence[str], rng: random.Random) -> Iterator[Caption]:
    if label != ANY:
        for what in says:
            yield Caption(what, label)
        for form in _PLAIN[1:]:
            yield Caption(form.format(what=rng.choice(says)), label)
    for azimuth, elevation, distance, ways in _REGIONS:
        for _ in range(ways):
            where = _where(azimuth, elevation, distance, rng)
            text = rng.choice(_PLACED).format(what=rng.choice(says), where=where)
            yield Caption(text, label, azimuth, elevation, distance)


def _where(azimuth: int, elevation: int, distance: int, rng: random.Random) -> str:
    parts = []
    if azimuth != ANY:
        parts.append(rng.choice(AZIMUTHS[azimuth][1]))
    if elevation != ANY:
        parts.append(rng.choice(ELEVATIONS[elevation]))
    if distance != ANY:
        parts.append(rng.choice(DISTANCES[distance]))
    rng.shuffle(parts)
    return rng.choice((" ", ", ", " and ")).join(parts)


def azimuths_true(azimuth_deg: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(n, 8): which azimuth words hold for azimuths (n,) in degrees."""
    centres = np.array([centre for centre, _ in AZIMUTHS])
    reach = np.where(np.arange(len(AZIMUTHS)) % 2, DIAGONAL_DEG, REACH_DEG)
    apart = np.abs((azimuth_deg[:, None] - centres + 180) % 360 - 180)
    return np.asarray(apart < reach)


def claims_true(
    labels: NDArray[np.int64],
    azimuth_deg: NDArray[np.float64],
    elevation_deg: NDArray[np.float64],
    distance_m: NDArray[np.float64],
    claims: NDArray[np.int64],
    kinds: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """(n, c): which of the captions hold for which of n sounds.

    ``claims`` (c, 4) are label, azimuth, elevation, distance of `Caption`; ``kinds`` comes from
    `export.clips.kinds`: a man speaking is speech.
    """
    places = azimuths_true(azimuth_deg)
    heights = np.stack([elevation_deg > ELEVATED_DEG, elevation_deg < -ELEVATED_DEG], 1)
    ranges = np.stack([distance_m < NEAR_M, distance_m > FAR_M], 1)
    label, azimuth, elevation, distance = claims.T
    true = (label == ANY) | kinds[labels][:, label]
    for holds, claim in ((places, azimuth), (heights, elevation), (ranges, distance)):
        true &= (claim == ANY) | holds[:, claim]
    return true


def claims_of(captions: Sequence[Caption]) -> NDArray[np.int64]:
    """(c, 4) label, azimuth, elevation, distance."""
    return np.array([(c.label, c.azimuth, c.elevation, c.distance) for c in captions])
