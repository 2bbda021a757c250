"""A map of prompts among the known sounds that they are nearest to.

Positions are the two principal directions of the phrases that are shown, in the space that sounds
and prompts share: near on the map is alike, as far as two dimensions can tell.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.prompts.bank import PromptBank
from elsa_rt.scoring.background import labels_meant
from elsa_rt.scoring.statistics import Statistics
from elsa_rt.screens.plots.svg import path, picture, text

WIDTH, HEIGHT = 960, 640
MARGIN = 70
LINE = 17
"""Height of a line of text: two of them do not overlap."""

NEAREST = 12
"""Known sounds that are shown for each prompt, at least."""

SHOWN = 60

SHORTEST_LINK = 6.0
"""Names that are closer need no line between them."""


class Place(NamedTuple):
    """Where something stands on the map."""

    name: str
    x: float
    y: float
    prompt: bool


def prompt_map(bank: PromptBank, statistics: Statistics) -> str:
    """The map of the rules of ``bank`` that have words or examples, as SVG."""
    names = statistics.names
    rules = [index for index, rule in enumerate(bank.rules) if rule.has_meaning]
    firsts = [int(bank.meaning.of(index)[0]) for index in rules]
    vectors = bank.meaning.named[firsts]
    likeness = vectors @ names.phrases.T  # (rules, labels)
    shown = _shown(likeness)
    points = _plane(np.concatenate([vectors, names.phrases[shown]]))
    labels = [bank.rules[index].label for index in rules] + [names.labels[i] for i in shown]
    places = _apart(
        [
            _inside(Place(label, float(x), float(y), index < len(rules)))
            for index, (label, (x, y)) in enumerate(zip(labels, points, strict=True))
        ]
    )
    said = "near is alike; bold is what a prompt is taken to mean"
    parts = [text(24, 34, "Prompts among known sounds", "ink strong"), text(24, 54, said)]
    meant = labels_meant(vectors, names, [bank.meaning.said[first] for first in firsts])
    bold = set[Place]()
    for row in range(len(rules)):
        for column, label in enumerate(shown):
            if meant[row, label]:
                here, there = places[row], places[len(rules) + column]
                bold.add(there)
                if line := _between(here, there):
                    parts.append(path(line, "link"))
    for place in sorted(places, key=lambda place: place.prompt):
        kind = "accent strong" if place.prompt else "ink bold" if place in bold else ""
        parts.append(text(place.x, place.y, place.name, kind, "middle"))
    return picture(WIDTH, HEIGHT, "prompts among known sounds", parts)


def _shown(likeness: NDArray[np.float32]) -> list[int]:
    """The known sounds that are nearest to any prompt."""
    if not likeness.size:
        return []
    each = max(NEAREST, SHOWN // len(likeness))
    order = np.argsort(-likeness, axis=1)[:, :each]
    found = {int(label) for label in order.ravel()}
    return sorted(found, key=lambda label: -float(likeness[:, label].max()))[:SHOWN]


def _plane(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Points (n, 2) inside the margins."""
    centred = vectors.astype(np.float64) - vectors.mean(axis=0)
    left, scale, _ = np.linalg.svd(centred, full_matrices=False)
    flat = np.zeros((len(vectors), 2))
    flat[:, : min(2, len(scale))] = (left * scale)[:, :2]
    rank = flat.argsort(axis=0).argsort(axis=0) / max(len(flat) - 1, 1)  # half rank, half length:
    low, wide = flat.min(axis=0), np.maximum(np.ptp(flat, axis=0), 1e-9)
    share = 0.5 * rank + 0.5 * (flat - low) / wide  # crowds are spread, neighbours stay
    size = np.array([WIDTH - 2 * MARGIN, HEIGHT - 2 * MARGIN])
    return np.asarray(np.array([MARGIN, MARGIN + 20]) + share * (size - [0, 20]))


def _apart(places: list[Place]) -> list[Place]:
    """Moved up and down until no two names overlap; prompts stay where they are."""
    moved: list[Place] = []
    for place in sorted(places, key=lambda place: not place.prompt):
        steps = (0, *(sign * step for step in range(1, 40) for sign in (1, -1)))
        free = next(
            (place._replace(y=place.y + LINE * step) for step in steps
             if MARGIN < place.y + LINE * step < HEIGHT - 20
             and not any(_touch(place._replace(y=place.y + LINE * step), other)
                         for other in moved)),
            place,
        )  # fmt: skip
        moved.append(free)
    order = {(place.name, place.prompt): place for place in moved}
    return [order[place.name, place.prompt] for place in places]


def _inside(place: Place) -> Place:
    """Moved sideways until the whole name is in the picture."""
    half = _half_width(place) + 12
    return place._replace(x=min(max(place.x, half), WIDTH - half))


def _touch(one: Place, other: Place) -> bool:
    wide = _half_width(one) + _half_width(other) + 8
    return abs(one.y - other.y) < LINE - 1 and abs(one.x - other.x) < wide


def _between(one: Place, other: Place) -> str:
    """A line from the edge of one name to that of another; empty where they are close."""
    x, y = other.x - one.x, other.y - one.y
    ends = []
    for place in (one, other):
        half = _half_width(place) + 4, LINE / 2 + 2
        # the share of the line that lies inside of the box around the name
        ends.append(min(h / max(abs(d), 1e-9) for h, d in zip(half, (x, y), strict=True)))
    first, last = ends[0], 1 - ends[1]
    if (last - first) * float(np.hypot(x, y)) < SHORTEST_LINK:
        return ""
    from_x, from_y, to_x, to_y = (
        at + share * d for share in (first, last) for at, d in ((one.x, x), (one.y - 5, y))
    )
    return f"M{from_x:.1f} {from_y:.1f}L{to_x:.1f} {to_y:.1f}"


def _half_width(place: Place) -> float:
    return (5.4 if place.prompt else 3.9) * len(place.name)
