"""The words about place in a prompt, understood: "a dog barking behind me" is a dog, behind.

A phrase counts only where it is about the listener: "behind me", or "on the left" with nothing
after it that it could belong to. "Behind the door" and "the left door" stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import NamedTuple

from elsa_rt.audio.ambisonics import wrapped_deg
from elsa_rt.audio.direction_words import ALONE_DEG, ELEVATED_DEG, FAR_M, NEAR_M, REACH_DEG, SECTORS
from elsa_rt.rules.region import Region

ANYTHING = "a sound"
"""What is listened for where a prompt names nothing but a place."""

_ME = "(?:me|us|you|myself|the (?:robot|microphone|mic|listener|device))"
_MY = "(?:my|our|your)"
_AT = f"(?:at|from|in|on|to) (?:the|{_MY})"
_SIDE = "(?P<side>left|right)"
_END = "(?P<end>front|back|rear)"

_LEAD = (
    "(?:(?:(?:that|which|who) )?(?:is|are|was|were|comes?|coming|heard|located) )?"
    "(?:from )?(?:(?:right|directly|straight|diagonally|just|immediately|somewhere|slightly|a bit"
    "|a little|high|(?:very )?(?P<range>close|near|far)) )*"
)
"""What goes along with a phrase: "that is right behind me", "coming from somewhere above"."""


class _Form(NamedTuple):
    pattern: str
    place: str = ""  # beside those that are groups of the pattern
    ends: str = "place"  # the name of what may follow, see `_FOLLOWS`


_FORMS = (
    _Form(f"(?:in front|ahead)(?: of {_ME})?|(?:straight|up) ahead|before {_ME}", "front"),
    _Form(f"{_AT} {_END}(?: of {_ME})?"),
    _Form(f"behind {_ME}|(?:at|behind|in) {_MY} back|in back of {_ME}", "behind"),
    _Form(r"(?<!left )behind", "behind", "preposition"),
    _Form(f"{_AT} (?:far )?{_SIDE}(?:[- ]hand)?(?: (?:half|side))?(?: of (?:{_ME}|the room))?"),
    _Form(f"{_SIDE} of {_ME}"),
    _Form(f"(?:{_AT} )?{_END}[- ]{_SIDE}(?: side)?(?: of {_ME})?"),
    _Form(f"{_AT} (?:(?P<corner>far|near) )?(?:{_END}[- ])?{_SIDE}(?:[- ]hand)? corner"
          "(?: of the room)?"),
    _Form(_SIDE, ends="aside"),
    _Form(f"(?:above|over) {_ME}|(?:above|over) {_MY} heads?|overhead|up above|up high|high up",
          "above"),
    _Form("above", "above", "preposition"),
    _Form(f"(?:below|beneath|underneath|under) {_ME}|(?:at|below|beneath|under) {_MY} feet"
          "|down below|down low", "below"),
    _Form("below|beneath|underneath", "below", "preposition"),
    _Form(f"(?:near|beside|close to|next to) {_ME}|near-?by|near by|close by|up close"
          "|at close (?:hand|range)", "near"),
    _Form(f"far (?:away|off)(?: from {_ME})?|far from {_ME}|afar|(?:at a|in the) distance", "far"),
)  # fmt: skip

_NOUNS_IN_ING = "building|ceiling|clearing|crossing|king|landing|painting|railing|ring|string|wing"
_VERB = rf"(?!(?:{_NOUNS_IN_ING})s?\b)\w+ing|is|are|was|were|and|or|but|while|when|as|that|which"
_FOLLOWS = {
    name: re.compile(rf"\s*(?:$|[.,;:!?)]|(?:{words})\b)", re.IGNORECASE)
    for name, words in {
        "place": f"{_VERB}|who|an?|the|there|some|someone|somebody|something|it|i",
        "preposition": _VERB,  # "behind a door" is about the door
        "aside": "(?!)",  # "left" alone may be a verb
    }.items()
}
_COMPLETE = re.compile(r"\b(?:me|us|you|myself)$", re.IGNORECASE)
_BETWEEN = re.compile(r"[\s,]*(?:\b(?:and|or)\b)?[\s,]*", re.IGNORECASE)
_DENIED = re.compile(r"(?:\b(?:not|never|except|nowhere|anywhere but)|n't)\s+$", re.IGNORECASE)
_MEANS = {"front": "front", "back": "behind", "rear": "behind", "close": "near"}


class _Phrase(NamedTuple):
    start: int
    end: int
    places: frozenset[str]
    form: _Form


_COMPILED = tuple(
    (form, re.compile(rf"(?<![\w'’-]){_LEAD}(?:{form.pattern})(?![\w'’-])", re.IGNORECASE))
    for form in _FORMS
)


@dataclass(frozen=True)
class ParsedPrompt:
    """A prompt taken apart."""

    what: str  # the prompt without its words about place
    region: Region  # all space where it names no place


def parse_prompt(prompt: str) -> ParsedPrompt:
    """Take ``prompt`` apart into what sounds and where.

    A prompt whose places exclude each other ("from left or right"), or that denies one ("not
    behind me"), is left whole: it asks for more than one region can say.
    """
    prompt = " ".join(prompt.split())
    phrases = _spoken(prompt)
    places = frozenset[str]().union(*(phrase.places for phrase in phrases))
    opposed = ({"left", "right"}, {"front", "behind"}, {"above", "below"}, {"near", "far"})
    denied = any(_DENIED.search(prompt[: phrase.start]) for phrase in phrases)
    if denied or not phrases or any(pair <= places for pair in opposed):
        return ParsedPrompt(prompt, Region())
    return ParsedPrompt(_without(prompt, phrases), _region(places))


def _spoken(prompt: str) -> list[_Phrase]:
    """The phrases about the listener's places, in order."""
    found = [
        _Phrase(match.start(), match.end(), _places(form, match), form)
        for form, pattern in _COMPILED
        for match in pattern.finditer(prompt)
    ]
    longest: list[_Phrase] = []
    for phrase in sorted(found, key=lambda phrase: (phrase.start, -phrase.end)):
        if not longest or phrase.start >= longest[-1].end:
            longest.append(phrase)
    kept: list[_Phrase] = []
    for phrase in reversed(longest):  # what follows may be another place: "above, on the left"
        if _COMPLETE.search(prompt[: phrase.end]) or _ends(prompt, phrase, kept[:1]):
            kept.insert(0, phrase)
    return [
        phrase
        for index, phrase in enumerate(kept)
        if phrase.form.ends != "aside"
        or (index and _BETWEEN.fullmatch(prompt[kept[index - 1].end : phrase.start]))
    ]


def _ends(prompt: str, phrase: _Phrase, following: Sequence[_Phrase]) -> bool:
    """Whether ``phrase`` is over where it seems so."""
    if any(_BETWEEN.fullmatch(prompt[phrase.end : after.start]) for after in following):
        return True
    return _FOLLOWS[phrase.form.ends].match(prompt, phrase.end) is not None


def _places(form: _Form, match: re.Match[str]) -> frozenset[str]:
    words = [form.place, *match.groupdict().values()]
    return frozenset(_MEANS.get(word.lower(), word.lower()) for word in words if word)


def _region(places: frozenset[str]) -> Region:
    centres = {word: centre for word, centre in SECTORS if word in places}
    region = Region()
    if centres:
        # opposite pairs are excluded: two words are neighbours
        centre, half = next(iter(centres.values())), REACH_DEG
        if len(centres) == 2:
            across = 45.0 if "front" in places else 135.0
            centre, half = across if "left" in places else -across, ALONE_DEG
        region = replace(
            region, azimuth_deg=(wrapped_deg(centre - half), wrapped_deg(centre + half))
        )
    if "above" in places:
        region = replace(region, elevation_deg=(ELEVATED_DEG, 90.0))
    if "below" in places:
        region = replace(region, elevation_deg=(-90.0, -ELEVATED_DEG))
    if "near" in places:
        region = replace(region, distance_m=(0.0, NEAR_M))
    if "far" in places:
        region = replace(region, distance_m=(FAR_M, inf))
    return region


def _without(prompt: str, phrases: Sequence[_Phrase]) -> str:
    """``prompt`` less ``phrases`` and the commas and conjunctions that hung on them."""
    pieces, position = [], 0
    for phrase in phrases:
        pieces.append(prompt[position : phrase.start])
        position = phrase.end
    pieces.append(prompt[position:])
    # between two places there was at most a conjunction
    inner = [piece for piece in pieces[1:-1] if not _BETWEEN.fullmatch(piece)]
    text = " ".join([pieces[0], *inner, pieces[-1]])
    text = re.sub(r"\(\s*\)", "", text)
    text = re.sub(r"\s+(?=[.,;:!?)])", "", text)
    text = re.sub(r"([,;:])(?:\s*[,;:])+", r"\1", text)
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r"^[\s,;:.]*(?:and\b)?[\s,;:]*", "", text, flags=re.IGNORECASE)
    text = re.sub(r"[\s,;:]*(?:\b(?:and|or|but))?[\s,;:]*([.!?]*)$", r"\1", text)
    return text.strip() if any(map(str.isalnum, text)) else ANYTHING
