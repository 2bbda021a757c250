"""Takes a prompt apart into what sounds and where: "a dog barking behind me" is a dog, behind.

`elsa_rt.prompts.place_grammar` is the table of phrases. A phrase counts only where it is about the
listener: "behind me", or "on the left" with nothing after it that it could belong to. "Behind the
door" and "the left door" stay with the sound.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

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
from elsa_rt.prompts.place_doubts import doubts_of
from elsa_rt.prompts.place_grammar import NUMBERS, WINDS, Phrase, joined, phrases_in
from elsa_rt.rules.region import Region

ANYTHING = "a sound"
"""What is listened for where a prompt names nothing but a place."""

CLOCK_DEG, ANGLE_DEG, WIND_DEG, MAIN_WIND_DEG = 30.0, 20.0, 35.0, 55.0
"""Degrees to both sides that a clock position, an angle, a compass point between two of the main
ones, and a main one cover."""

SPOKEN = {
    "front": "in front of me", "behind": "behind me", "left": "on my left",
    "right": "on my right", "above": "above me", "below": "below me", "near": "close to me",
    "far": "far away",
}  # fmt: skip
"""How the text encoder is told of a place, however it was said: these words it was trained with."""

_ORDER = ("near", "far", "front", "behind", "left", "right", "above", "below")


@dataclass(frozen=True)
class ParsedPrompt:
    """A prompt taken apart."""

    sound: str  # the prompt without its words about place
    region: Region  # where it is listened for: all space where it names no place
    text: str  # what the text encoder reads: the sound, and a place that it knows
    said: str  # the place as it was understood, e.g. "behind, left"; "" where none was named
    doubts: tuple[str, ...] = ()  # what looks like a place and was not understood


@lru_cache(maxsize=4096)
def parse_prompt(prompt: str, north_deg: float | None = None) -> ParsedPrompt:
    """Take ``prompt`` apart into what sounds and where.

    Parameters
    ----------
    north_deg : float, optional
        Azimuth of north; compass points are not understood without it.

    Notes
    -----
    A prompt with two groups of places that exclude each other ("a dog on the left and a cat on the
    right") is left whole, and said to be in ``doubts``.
    """
    prompt = " ".join(prompt.split())
    phrases = phrases_in(prompt)
    unknown = [phrase for phrase in phrases if "wind" in _kinds(phrase) and north_deg is None]
    doubts = [
        f"{prompt[phrase.start : phrase.end].strip()!r} is a compass point, and where north is was "
        "not said: give north_deg, e.g. --north-deg 90 where the microphone's left is north"
        for phrase in unknown
    ]
    clusters = _clusters(prompt, [phrase for phrase in phrases if phrase not in unknown])
    places = [_place_of(prompt, cluster, north_deg or 0.0) for cluster in clusters]
    place = intersection(*places) if places else EVERYWHERE
    if not place:
        kept = ", ".join(repr(prompt[c[0].start : c[-1].end].strip()) for c in clusters)
        doubts.append(
            f"no direction is {kept}: it is listened for everywhere; give each sound a prompt of "
            "its own"
        )
        return ParsedPrompt(prompt, Region(), prompt, "", tuple(doubts))
    used = [phrase for cluster in clusters for phrase in cluster]
    sound = _without(prompt, used) if used else prompt
    covered = [(phrase.start, phrase.end) for phrase in (*used, *unknown)]
    said = ", ".join(_said(prompt, cluster) for cluster in clusters)
    doubts += doubts_of(prompt, covered, said)
    words = _plain_words(prompt, clusters)
    text = sound if words is None else " ".join([sound, *(SPOKEN[word] for word in words)])
    return ParsedPrompt(sound, Region.union(place), text, said, tuple(doubts))


def place_spans(prompt: str) -> list[tuple[int, int]]:
    """Where in ``prompt``, whose spaces are single, words about place stand."""
    clusters = _clusters(prompt, phrases_in(prompt))
    return [(cluster[0].start, cluster[-1].end) for cluster in clusters]


def _kinds(phrase: Phrase) -> set[str]:
    return {"wind" if name in ("wind", "a", "b") else name for name in phrase.groups}


def _clusters(prompt: str, phrases: Sequence[Phrase]) -> list[list[Phrase]]:
    """Phrases with nothing but conjunctions between them."""
    found: list[list[Phrase]] = []
    for phrase in phrases:
        if found and joined(prompt[found[-1][-1].end : phrase.start]) is not None:
            found[-1].append(phrase)
        else:
            found.append([phrase])
    return found


def _place_of(prompt: str, cluster: Sequence[Phrase], north_deg: float) -> Place:
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
        start = -30.0 * _hour(groups["hour"])
        alone = "hour_to" not in groups
        end = start if alone else -30.0 * _hour(groups["hour_to"])
        return intersection(_between(end, start, CLOCK_DEG if alone else 0.0), place_of(words))
    if "lifted" in groups or "raised" in groups:
        degrees = _number(groups.get("lifted", groups.get("raised", "0")))
        degrees *= -1 if groups.get("lift") in ("down", "below") else 1
        low, high = max(-90.0, degrees - ANGLE_DEG), min(90.0, degrees + ANGLE_DEG)
        return (Region(elevation_deg=(low, high)),)
    if "around" in groups:
        return _about(_centre(groups["around"]), _number(groups["degrees"]))
    if "degrees" in groups:
        sign = -1 if "right" in words or groups.get("turn", "") == "clockwise" else 1
        start = sign * _number(groups["degrees"])
        if "degrees_to" not in groups:
            return _about(start, ANGLE_DEG)
        end = sign * _number(groups["degrees_to"])
        return _between(min(start, end), max(start, end), 0.0)
    name = next(groups[n] for n in ("wind", "a", "b") if n in groups)
    name = name.replace(" ", "").replace("-", "")
    main = name in ("north", "south", "east", "west")
    return _about(north_deg + WINDS[name], MAIN_WIND_DEG if main else WIND_DEG)


def _about(centre_deg: float, half_deg: float) -> Place:
    return (sector(centre_deg, half_deg),)


def _between(start_deg: float, end_deg: float, margin_deg: float) -> Place:
    """Counter-clockwise from ``start_deg`` to ``end_deg``."""
    width = (end_deg - start_deg) % 360
    return (sector(start_deg + width / 2, width / 2 + margin_deg),)


def _centre(word: str) -> float:
    return {"front": 0.0, "left": 90.0, "right": -90.0}.get(word, 180.0)


def _hour(text: str) -> int:
    return NUMBERS.index(text) + 1 if text in NUMBERS else int(text)


def _number(text: str) -> float:
    return float(text.replace("−", "-"))


def _plain_words(prompt: str, clusters: Sequence[Sequence[Phrase]]) -> list[str] | None:
    """The words of a place that the text encoder knows: nothing denied, united or counted."""
    phrases = [phrase for cluster in clusters for phrase in cluster]
    links = [joined(prompt[a.end : b.start]) for cluster in clusters for a, b in pairwise(cluster)]
    words = {word for phrase in phrases for word in phrase.words}
    if (
        any(phrase.denied or phrase.groups for phrase in phrases)
        or {"or", "but"} & set(links)
        or not words <= SPOKEN.keys()
        or len(place_of(words)) != 1
    ):
        return None
    return [word for word in _ORDER if word in words]


def _said(prompt: str, cluster: Sequence[Phrase]) -> str:
    """The place of a cluster for people."""
    said = ""
    for index, phrase in enumerate(cluster):
        if index:
            link = joined(prompt[cluster[index - 1].end : phrase.start])
            said += f" {link} " if link in ("or", "and", "but") else ", "
        text = prompt[phrase.start : phrase.end].strip() if phrase.groups else _named(phrase)
        said += text if phrase.groups or not phrase.denied else f"not {text}"
    return said


def _named(phrase: Phrase) -> str:
    both = set(phrase.words) == {"left", "right"}
    words = sorted(phrase.words, key=lambda word: _ORDER.index(word) if word in _ORDER else -1)
    return "left or right" if both else ", ".join(words)


def _without(prompt: str, phrases: Sequence[Phrase]) -> str:
    """``prompt`` less ``phrases`` and the marks and conjunctions that hung on them."""
    pieces, position = [], 0
    for phrase in phrases:
        pieces.append(prompt[position : phrase.start])
        position = phrase.end
    pieces.append(prompt[position:])
    # between two places there was at most a conjunction
    inner = [piece for piece in pieces[1:-1] if joined(piece) is None]
    text = " ".join([pieces[0], *inner, pieces[-1]])
    text = re.sub(r"\(\s*\)|\[\s*\]", "", text)
    text = re.sub(r"\s+(?=[.,;:!?)\]])", "", text)
    text = re.sub(r"([,;:])(?:\s*[,;:])+", r"\1", text)
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r"^[\s,;:.@/–—-]*(?:(?:and|but|or)\b)?[\s,;:–—-]*", "", text, flags=re.IGNORECASE)
    text = re.sub(r"\s*[(\[]\s*([.!?]*)$", r"\1", text)
    tail = r"[\s,;:@/–—-]*(?:\b(?:and|or|but|either))?[\s,;:–—-]*([.!?]*)$"
    text = re.sub(tail, r"\1", text, flags=re.IGNORECASE)
    return text.strip() if any(map(str.isalnum, text)) else ANYTHING
