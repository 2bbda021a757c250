"""Takes a prompt apart into what sounds and where: "a dog barking behind me" is a dog, behind.

`elsa_rt.prompts.place_forms` is the table of phrases. What is about a thing, "behind the door" or
"the left door", stays with the sound.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from elsa_rt.prompts.place_algebra import EVERYWHERE, intersection, place_of
from elsa_rt.prompts.place_doubts import doubts_of
from elsa_rt.prompts.place_grammar import Phrase, joined, phrases_in
from elsa_rt.prompts.place_meaning import place_in
from elsa_rt.rules.region import Region

ANYTHING = "a sound"
"""What is listened for where a prompt names nothing but a place."""

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
    places = [place_in(prompt, cluster, north_deg or 0.0) for cluster in clusters]
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
    text = re.sub(r"""\(\s*\)|\[\s*\]|<\s*>|"\s*"|“\s*”|(?<!\w)['‘]\s*['’]""", "", text)
    text = re.sub(r"\s+(?=[.,;:!?)\]])", "", text)
    text = re.sub(r"([,;:])(?:\s*[,;:])+", r"\1", text)
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r"^[\s,;:.@/–—-]*(?:(?:and|but|or)\b)?[\s,;:–—-]*", "", text, flags=re.IGNORECASE)
    text = re.sub(r"\s*[(\[]\s*([.!?]*)$", r"\1", text)
    tail = r"[\s,;:@/–—-]*(?:\b(?:and|or|but|either))?[\s,;:–—-]*([.!?]*)$"
    text = re.sub(tail, r"\1", text, flags=re.IGNORECASE)
    return text.strip() if any(map(str.isalnum, text)) else ANYTHING
