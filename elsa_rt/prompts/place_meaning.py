"""The place that phrases of a prompt mean together.

"Or" unites places, "and" and "but" narrow them, "not" turns them round.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import inf

from elsa_rt.prompts.place_algebra import (
    EVERYWHERE,
    OPPOSED,
    Place,
    complement,
    intersection,
    place_of,
    sector,
    union,
)
from elsa_rt.prompts.place_grammar import Phrase, joined
from elsa_rt.prompts.place_words import metres_of, number_of, wind_of
from elsa_rt.rules.region import Region

CLOCK_DEG, ANGLE_DEG, WIND_DEG, MAIN_WIND_DEG = 30.0, 20.0, 35.0, 55.0
"""Degrees to both sides that a clock position, an angle, a compass point between two of the main
ones, and a main one cover."""

ROUGHLY = 1.5
"""A distance in numbers reaches from so many times less to so many times more."""


def place_in(prompt: str, cluster: Sequence[Phrase], north_deg: float) -> Place:
    """The place of phrases that are joined: "or" unites, "but" and "and" narrow, "not" turns."""
    links = _links(prompt, cluster)
    whole, united, group = EVERYWHERE, list[Place](), [cluster[0]]
    denied = cluster[0].denied
    for link, phrase in zip(links, cluster[1:], strict=True):
        if link == "but" or (phrase.denied and not denied):
            united.append(_conjunct(group, north_deg))
            whole = intersection(whole, _turned(united, denied))
            united, group, denied = [], [phrase], phrase.denied
        elif link == "or" or (denied and link == "and"):
            united.append(_conjunct(group, north_deg))
            group = [phrase]
        else:
            group.append(phrase)
    united.append(_conjunct(group, north_deg))
    return intersection(whole, _turned(united, denied))


def _links(prompt: str, cluster: Sequence[Phrase]) -> list[str]:
    """How each phrase of a cluster is joined to the one before."""
    links = [joined(prompt[a.end : b.start]) or "" for a, b in pairwise(cluster)]
    if "or" not in links:
        return links
    last = len(links) - 1 - links[::-1].index("or")
    ends = [phrase.words for phrase in cluster[last : last + 2]]
    before = {word for phrase in cluster[:last] for word in phrase.words}
    if any(
        sorted(ends) == [(word,) for word in sorted(pair)] and not set(pair) & before
        for pair in OPPOSED
    ):
        # "behind me, on the left or right": each of the two, with what stands before
        return ["and" if link == "or" and at == last else link for at, link in enumerate(links)]
    # a comma in front of an "or" means the same: "left, right or behind"
    return ["or" if link == "," and at < last else link for at, link in enumerate(links)]


def _turned(united: Sequence[Place], denied: bool) -> Place:
    place = union(*united)
    return complement(place) if denied else place


def _conjunct(group: Sequence[Phrase], north_deg: float) -> Place:
    """Where all of ``group`` are: the words together, and every angle."""
    words = [word for phrase in group if not phrase.groups for word in phrase.words]
    exact = [_of_numbers(phrase, north_deg) for phrase in group if phrase.groups]
    return intersection(place_of(words), *exact)


def _of_numbers(phrase: Phrase, north_deg: float) -> Place:
    """The place of a phrase with numbers or compass points in it."""
    groups, words = phrase.groups, phrase.words
    if "hour" in groups:
        start = -30.0 * number_of(groups["hour"])
        alone = "hour_to" not in groups
        end = start if alone else -30.0 * number_of(groups["hour_to"])
        return intersection(_between(end, start, CLOCK_DEG if alone else 0.0), place_of(words))
    if "unit" in groups:
        return intersection(_at_distance(groups), place_of(words))
    if "lifted" in groups or "raised" in groups:
        degrees = number_of(groups.get("lifted", groups.get("raised", "0")))
        degrees *= -1 if groups.get("lift") in ("down", "below") else 1
        low, high = max(-90.0, degrees - ANGLE_DEG), min(90.0, degrees + ANGLE_DEG)
        return (Region(elevation_deg=(low, high)),)
    if "around" in groups:
        return _about(_centre(groups["around"]), number_of(groups["degrees"]))
    if "degrees" in groups:
        sign = -1 if "right" in words or groups.get("turn", "") == "clockwise" else 1
        start = sign * number_of(groups["degrees"])
        if "degrees_to" not in groups:
            return _about(start, ANGLE_DEG)
        return _arc(start, sign * number_of(groups["degrees_to"]))
    name, degrees = wind_of(next(groups[n] for n in ("wind", "a", "b") if n in groups))
    main = name in ("north", "south", "east", "west")
    return _about(north_deg + degrees, MAIN_WIND_DEG if main else WIND_DEG)


def _at_distance(groups: Mapping[str, str]) -> Place:
    """The place of "two metres away", "within 3 m" or "more than ten feet from me"."""
    metres = metres_of(groups["count"], groups["unit"])
    bound = groups.get("bound", "")
    if bound in ("over", "more than", "at least"):
        return (Region(distance_m=(round(metres, 2), inf)),)
    least, most = (0.0, metres) if bound else (metres / ROUGHLY, metres * ROUGHLY)
    return (Region(distance_m=(round(least, 2), round(most, 2))),)


def _arc(start_deg: float, end_deg: float) -> Place:
    """Counter-clockwise where the numbers rise, else the shorter way: "350 to 10", "30 to -30"."""
    if start_deg > end_deg and (end_deg - start_deg) % 360 > 180:
        start_deg, end_deg = end_deg, start_deg
    return _between(start_deg, end_deg, 0.0)


def _about(centre_deg: float, half_deg: float) -> Place:
    return (sector(centre_deg, half_deg),)


def _between(start_deg: float, end_deg: float, margin_deg: float) -> Place:
    """Counter-clockwise from ``start_deg`` to ``end_deg``."""
    width = (end_deg - start_deg) % 360
    return (sector(start_deg + width / 2, width / 2 + margin_deg),)


def _centre(word: str) -> float:
    return {"front": 0.0, "left": 90.0, "right": -90.0}.get(word, 180.0)
