"""Spatial captions: what sounds, where, in what room, and which captions are true of a sound.

The borders between the words of a place are those that the device speaks with
(`elsa_rt.audio.direction_words`); the words themselves are in `grammar.yaml`.
"""

from __future__ import annotations

import csv
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.audio.ambisonics import wrapped_deg
from elsa_rt.audio.direction_words import ELEVATED_DEG, FAR_M, NEAR_M, REACH_DEG, STEEP_DEG
from export.captions.grammar import ANY, ATTRIBUTES, anything, say
from export.data.clips import Wording, wording

DRY_S, REVERBERANT_S = 0.2, 1.0
"""A T30 below the one is dry, beyond the other reverberant."""

SMALL_M2, LARGE_M2 = 50.0, 100.0
"""A floor below the one is small, beyond the other large."""

CENTRES_DEG = (0.0, 45.0, 90.0, 135.0, 180.0, -135.0, -90.0, -45.0)
"""Centre of each azimuth word of the grammar; odd entries are diagonals."""

DIAGONAL_DEG = 30.0
"""So far from its centre a diagonal holds."""

_SIZES = {"azimuth": 8, "elevation": 2, "distance": 2, "reverberation": 2, "size": 2}
_SENTENCES = 12  # about a label alone, besides its phrases
_WAYS = {  # how many captions there are of each combination of words
    "azimuth": 12,
    "elevation": 10,
    "distance": 8,
    "reverberation": 5,
    "size": 5,
    "azimuth elevation": 3,
    "azimuth distance": 3,
    "elevation distance": 2,
    "reverberation size": 3,
    "azimuth reverberation": 1,
    "azimuth size": 1,
}


@dataclass(frozen=True)
class Caption:
    """A sentence with what it claims; `ANY` where it claims nothing."""

    text: str
    label: int = ANY
    azimuth: int = ANY  # index into CENTRES_DEG
    elevation: int = ANY  # 0 above, 1 below
    distance: int = ANY  # 0 near, 1 far
    reverberation: int = ANY  # 0 dry, 1 reverberant
    size: int = ANY  # 0 small, 1 large


class Attributes(NamedTuple):
    """What is so of n sounds; arrays (n,), NaN where it is not known."""

    label: NDArray[np.int64]  # below 0 where it is not known
    azimuth_deg: NDArray[np.float64]  # left is positive
    elevation_deg: NDArray[np.float64]  # up is positive
    distance_m: NDArray[np.float64]
    t30_s: NDArray[np.float64]
    floor_m2: NDArray[np.float64]


def write_captions(labels: Sequence[str], seed: int) -> list[Caption]:
    """All captions of a training run: every label, and none, in every region, said variously.

    Those of a label depend on its name and the seed alone.
    """
    captions = list(_captions_of(ANY, anything(), np.random.default_rng(seed)))
    for i, label in enumerate(labels):
        rng = np.random.default_rng([seed, zlib.crc32(label.encode())])
        captions += _captions_of(i, wording(label), rng)
    return captions


def _captions_of(label: int, words: Wording, rng: np.random.Generator) -> Iterator[Caption]:
    if label != ANY:
        alone = (ANY,) * len(ATTRIBUTES)
        phrases = [*words.say, *words.also]
        yield from (Caption(text, label) for text in phrases)
        for text in _different(words, alone, _SENTENCES, rng):
            yield Caption(text, label)
    for place, ways in regions():
        for text in _different(words, place, ways, rng):
            yield Caption(text, label, *place)


def _different(
    words: Wording, place: tuple[int, ...], ways: int, rng: np.random.Generator
) -> list[str]:
    """Up to so many sentences of which no two are the same."""
    return list(dict.fromkeys(say(words, place, rng) for _ in range(3 * ways)))[:ways]


def regions() -> list[tuple[tuple[int, ...], int]]:
    """Every place (5,) that captions claim, and how many ways each label has of saying it."""
    found = []
    for combination, ways in _WAYS.items():
        claimed = combination.split()
        values = [range(_SIZES[a]) if a in claimed else (ANY,) for a in ATTRIBUTES]
        found += [(place, ways) for place in product(*values)]
    return found


def claims_of(captions: Sequence[Caption]) -> NDArray[np.int64]:
    """(c, 6): label, azimuth, elevation, distance, reverberation, size of each caption."""
    return np.array([astuple(caption)[1:] for caption in captions], np.int64).reshape(-1, 6)


def attributes_of(
    label: NDArray[np.int64],
    direction: NDArray[np.floating[Any]],
    distance: NDArray[np.floating[Any]],
    t30: NDArray[np.floating[Any]],
    floor: NDArray[np.floating[Any]],
) -> Attributes:
    """What is so of n sounds with unit vectors ``direction`` (n, 3), as captions word it."""
    x, y, z = direction.astype(np.float64).T
    azimuth, elevation = np.degrees([np.arctan2(y, x), np.arcsin(np.clip(z, -1, 1))])
    numbers = (values.astype(np.float64) for values in (distance, t30, floor))
    return Attributes(label, azimuth, elevation, *numbers)


def words_true(attributes: Attributes) -> tuple[NDArray[np.bool_], ...]:
    """(n, 8), (n, 2), (n, 2), (n, 2), (n, 2): which words of each attribute hold.

    None of an attribute that is NaN; no azimuth where a sound is so steep that it means nothing.
    """
    _, azimuth, elevation, distance, t30, floor = attributes
    reach = np.where(np.arange(len(CENTRES_DEG)) % 2, DIAGONAL_DEG, REACH_DEG)
    apart = np.abs(wrapped_deg(azimuth[:, None] - np.array(CENTRES_DEG)))
    steep = np.abs(elevation) > STEEP_DEG
    return (
        (apart < reach) & ~steep[:, None],
        np.stack([elevation > ELEVATED_DEG, elevation < -ELEVATED_DEG], 1),
        np.stack([distance < NEAR_M, distance > FAR_M], 1),
        np.stack([t30 < DRY_S, t30 > REVERBERANT_S], 1),
        np.stack([floor < SMALL_M2, floor > LARGE_M2], 1),
    )


def claims_true(
    attributes: Attributes, claims: NDArray[np.int64], kinds: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """(n, c): which of the claims (c, 6) hold for which of n sounds.

    ``kinds`` comes from `export.data.clips.kinds`: a man speaking is speech.
    """
    label = claims[:, 0]
    named = kinds[attributes.label][:, label] & (attributes.label >= 0)[:, None]
    true = (label == ANY) | named
    for holds, claim in zip(words_true(attributes), claims[:, 1:].T, strict=True):
        true &= (claim == ANY) | holds[:, claim]
    return np.asarray(true)


def claims_known(attributes: Attributes, claims: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(n, c): whether all that a claim is about is known of a sound, be it so or not."""
    known = [attributes.label >= 0, *(np.isfinite(values) for values in attributes[1:])]
    return np.asarray(((claims == ANY) | np.stack(known, 1)[:, None]).all(-1))


def full_claims(attributes: Attributes, room: bool = False) -> NDArray[np.int64]:
    """(n, 6): all that is worded of each sound, its azimuth by the nearest of the eight words.

    Reverberation and size are claimed with ``room`` only.
    """
    azimuth = attributes.azimuth_deg
    eighth = np.round(np.nan_to_num(azimuth) / 45).astype(np.int64) % len(CENTRES_DEG)
    places, *others = words_true(attributes)
    claims = [attributes.label, np.where(places.any(1), eighth, ANY)]
    for holds in others:
        claims.append(np.where(holds.any(1), holds.argmax(1), ANY))
    if not room:
        claims[4:] = [np.full_like(attributes.label, ANY)] * 2
    return np.stack(claims, 1)


def full_caption(label: str | None, claims: NDArray[np.int64], rng: np.random.Generator) -> str:
    """A statement of all of one row of `full_claims`, or a variation of it.

    ``label`` names the sound (the row counts through labels that are not known here); None says
    the place only. The same state of ``rng`` gives one label the same form of sentence in every
    place that claims the same attributes.
    """
    words = anything() if label is None else wording(label)
    return say(words, [int(word) for word in claims[1:]], rng, typed=False)


def read_tags(path: Path) -> list[str]:
    """Names of a tagger's classes in their order, from a CSV with ``index,mid,display_name``.

    Raises ValueError where the columns are others or an index is missing.
    """
    with path.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    if not rows or not rows[0].keys() >= {"index", "display_name"}:
        raise ValueError(f"{path}: expected the columns index, mid, display_name")
    names = {row["index"]: row["display_name"] for row in rows}
    if names.keys() != {str(i) for i in range(len(rows))}:
        raise ValueError(f"{path}: expected each index from 0 to {len(rows) - 1} once")
    return [names[str(i)] for i in range(len(rows))]
