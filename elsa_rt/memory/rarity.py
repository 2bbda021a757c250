"""How rare a sound is in its place: how often the like was heard, there, and at that hour."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.memory.search import Found

Floats = NDArray[np.float32]

ALIKE = 0.7
"""Cosine of centred embeddings from which on two rows count as the same kind of sound."""

APART_S = 600
"""Rows closer in time belong to the same occasion and say nothing about what is usual."""

PLACE_DEG, HOUR_H = 45.0, 2.0
"""Deviations of the bells by which direction and time of day count as the same."""

ANYWHERE, THERE, THEN = 0.4, 0.3, 0.3
"""Weights of the like of a sound: anywhere and at any time, there, and at that time of day."""

MOST_PAST = 100_000
"""Rows of the past that are compared; more are sampled evenly in time."""

_AT_ONCE = 512


class Rarity(NamedTuple):
    """Of n rows, what the past had that was like them."""

    rate: Floats  # weighted number of the like in a day; the smaller, the rarer
    alike: NDArray[np.int64]  # rows of the same kind of sound in the past
    there: NDArray[np.int64]  # of these, within 45 degrees of its direction
    then: NDArray[np.int64]  # and within two hours of its time of day
    days: float  # that the past spans


def rarity(
    found: Found, vectors: Floats, past: Found, past_vectors: Floats, every: int = 1
) -> Rarity:
    """Compare rows (n) with the ``past`` (m) by their unit vectors of centred embeddings.

    ``past`` holds one of ``every`` so many rows.
    """
    days = (float(np.ptp(past.at_s)) if len(past.id) else 0.0) / 86_400
    counts = np.zeros((4, len(found.id)))
    for begin in range(0, len(found.id), _AT_ONCE):
        part = slice(begin, begin + _AT_ONCE)
        mine = found.take(np.arange(len(found.id))[part])
        alike = vectors[part] @ past_vectors.T >= ALIKE
        alike &= np.abs(past.at_s[None] - mine.at_s[:, None]) > APART_S
        turn = np.clip(mine.direction @ past.direction.T, -1, 1)
        off_deg = np.degrees(np.arccos(np.nan_to_num(turn)))
        off_h = np.abs(past.at_s[None] - mine.at_s[:, None]) / 3600 % 24
        off_h = np.minimum(off_h, 24 - off_h)
        weight = (
            ANYWHERE
            + THERE * np.exp(-0.5 * (off_deg / PLACE_DEG) ** 2)
            + THEN * np.exp(-0.5 * (off_h / HOUR_H) ** 2)
        )
        counts[0, part] = (alike * weight).sum(axis=1)
        counts[1, part] = alike.sum(axis=1)
        counts[2, part] = (alike & (off_deg <= PLACE_DEG)).sum(axis=1)
        counts[3, part] = (alike & (off_h <= HOUR_H)).sum(axis=1)
    counts *= every
    rate = ((counts[0] + 0.5) / max(days, 1.0)).astype(np.float32)
    alike, there, then = counts[1:].astype(np.int64)
    return Rarity(rate, alike, there, then, days)


def reason_of(found: Rarity, index: int) -> str:
    """Why the row ``index`` is not usual, or how usual it is."""
    span = span_of(found.days)
    alike, there, then = (int(n[index]) for n in (found.alike, found.there, found.then))
    if not alike:
        return f"nothing like it in {span}"
    if alike == 1:
        where = "from there" if there else "from elsewhere"
        when = "at this hour" if then else "at another hour"
        return f"the like once in {span}, {where}, {when}"
    where = "never from there" if not there else f"{there} of them from there"
    when = "never at this hour" if not then else f"{then} at this hour"
    return f"the like {alike} times in {span}, {where}, {when}"


def span_of(days: float) -> str:
    """A span in words: "3 days", "5 hours", "20 minutes", "30 seconds"."""
    for name, share in (("days", 1), ("hours", 24), ("minutes", 1440)):
        if days * share >= 2:
            return f"{days * share:.0f} {name}"
    return f"{86_400 * days:.0f} seconds"
