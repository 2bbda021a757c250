"""Doubts about places: phrases that look like a place and were not understood."""

from __future__ import annotations

import re
from collections.abc import Sequence

from elsa_rt.prompts.place_grammar import PATH, is_path
from elsa_rt.prompts.place_words import WIND

_LOOKS = re.compile(
    r"(?<![\w'’-])(?:(?:in |at |to |on |from )?(?:the )?)?"
    r"(?P<word>left(?:wards?|most)?|right(?:wards?|most)?|rear(?:wards?)?|front|back(?:wards?)?"
    r"|behind|fore|leeward|windward|above|below|beneath|underneath|overhead|ahead|upstairs|downstairs|sideways|port|starboard|azimuth|elevation"
    rf"|(?:1[0-2]|[1-9]) ?o['’]? ?clock|\w+ o['’]? ?clock|[-+−]?\d{{1,3}} ?(?:°|degrees?|deg)"
    rf"(?! ?(?:c|f|celsius|fahrenheit)\b)|\d{{1,2}}:[0-5]\d|{WIND}(?:wards?)?|[lr]hs"
    r"|(?:at|near|on) (?:floor|ground|knee|waist) (?:level|height)|(?:way|far) up"
    r"|(?:under|on top of)(?= (?:the|an?|my|our|your|this|that|his|her|their) \w))"
    r"(?:['’]s)?(?![\w'’])(?!-\w)",
    re.IGNORECASE,
)
"""Words that may name a direction."""

_THING = re.compile(
    r"^\s+(?!and\b|or\b|but\b|of\b|to\b|from\b|is\b|are\b|was\b|in\b|on\b|at\b|while\b|when\b|with\b"
    r"|side\b|as\b|then\b|the\b|an?\b|me\b|us\b|you\b|my\b)[a-z]",
    re.IGNORECASE,
)
"""A noun after an adjective: the word is about a thing, "the left door"."""

_ADJECTIVES = re.compile(
    rf"^(?:left|right|rear|front|back|port|starboard|overhead|upstairs|downstairs|{WIND})$",
    re.IGNORECASE,
)
_IDIOMS = re.compile(
    r"\b(?:all right|right (?:away|now)|left ?over|left behind|right-handed|left-handed|come back"
    r"|(?:going|coming|playing|talking|talks?|holding|fe?ed|cutting|laid|laying|answering|calling"
    r"|snap(?:s|ping)|spring(?:s|ing)|bounc(?:es|ing)|driving|falling)"
    r" back|back and forth|back(?:ing)? up|back to back|back (?:home|again)"
    r"|(?:some|any|no|every)(?:one|body|thing) left|(?:has|have|had|just) left|left (?:the|a|an|my"
    r"|your|his|her|their|our|it|him|them|me|us|on|alone|open|running|unattended|home)"
    r"|that['’]s right|(?:am|is|are|be) right|copy right|in the right|in front of the (?:camera|tv)"
    r"|below (?:zero|freezing)|above all|above average|see above|front row|ahead of time"
    r"|go ahead)\b",
    re.IGNORECASE,
)
"""Where such words mean something else."""

_COMPOUND = re.compile(
    r"(?<![\w'’-])(?:(?:front|rear|back|behind|upper|lower|top|bottom)-(?:left|right)"
    r"|(?:left|right)-(?:front|rear|back|behind))\b(?!-)",
    re.IGNORECASE,
)
"""Two directions in one word at the beginning: "rear-left bird", but not "the rear-left door"."""

_TIME = re.compile(
    r"^\s*(?:a\.?m\b|p\.?m\b|at night|in the (?:morning|afternoon|evening)|news|tea)",
    re.IGNORECASE,
)
_SOME_SIDE = re.compile(
    r"(?<![\w'’-])(?:on|at|from|to) (?:the|my|a|another|that|this) [\w'’]+(?: [\w'’]+)? sides?\b",
    re.IGNORECASE,
)
"""A side of something: "on the driver's side"."""

_NOT_THERE = re.compile(
    r"\b(?:anywhere|everywhere|(?:any|all) (?:directions?|sides?))(?: else)?"
    r" (?:but|except(?: for| from)?|other than|apart from) (?:from |in |at )?(?:the |my |an? )?\w+",
    re.IGNORECASE,
)
"""All places but one: "from anywhere except the kitchen"."""


def doubts_of(prompt: str, covered: Sequence[tuple[int, int]], said: str) -> list[str]:
    """What of ``prompt`` looks like a place beside what is ``covered``: spans that were understood.

    Each is a sentence for the user, with the place that was understood, ``said``, and a cure.
    """
    idioms = [match.span() for match in _IDIOMS.finditer(prompt)]
    found, after = [], 0
    for path in PATH.finditer(prompt):
        if not is_path(path):
            continue
        found.append(
            f"{path[0].strip()!r} is a movement, which is not listened for: it is heard wherever "
            "it is"
        )
        covered = [*covered, path.span()]
    for side in (*_SOME_SIDE.finditer(prompt), *_NOT_THERE.finditer(prompt)):
        if not any(start < side.end() and side.start() < end for start, end in covered):
            found.append(_not_understood(side[0], said))
            covered = [*covered, side.span()]
    compound = _COMPOUND.match(prompt)
    if compound and not _within(compound.span(), covered):
        found.append(_not_understood(compound[0], said))
    for match in _LOOKS.finditer(prompt):
        start, end = match.span("word")
        rest, word = prompt[end:], match["word"]
        if start < after or _within((start, end), covered) or _within((start, end), idioms):
            continue
        first = not start and word.lower() in ("left", "right")  # of nothing: "left rear glass"
        if _ADJECTIVES.match(word) and _THING.match(rest) and not first:
            continue
        after = end
        found.append(_doubt(match, rest, said))
    return found


def _doubt(match: re.Match[str], rest: str, said: str) -> str:
    phrase = (match[0] + _object(rest)).strip()
    timed = "clock" in match["word"].lower() and _TIME.match(rest)
    if timed or ":" in match["word"]:
        return (
            f"{phrase!r} is a time of day, which prompts do not know: give the rule a schedule, "
            'e.g. schedule: "15:00-16:00"'
        )
    if _object(rest):
        return (
            f"{phrase!r} is a place beside a thing, and where that is is not known: "
            f'{_heard_where(said)}; say where it is from the microphone, e.g. "on the left", or '
            "give the rule a region"
        )
    return _not_understood(phrase, said)


def _not_understood(phrase: str, said: str) -> str:
    return f"{phrase!r} was not understood as a place: {cure_of(said)}"


def cure_of(said: str) -> str:
    """Where a prompt is listened for whose place was understood as ``said``, and the cure."""
    return (
        f'{_heard_where(said)}; say it as in "behind me", "on the left", "at 3 o\'clock", or give '
        "the rule a region"
    )


def _heard_where(said: str) -> str:
    return f"only {said!r} was understood" if said else "it is listened for everywhere"


def _object(rest: str) -> str:
    """The thing that a preposition is about, with its article: " the fence"."""
    match = re.match(r"(?: of)? (?:the|a|an|my|our|your|this|that|his|her|their) \w+", rest)
    return match[0] if match else ""


def _within(span: tuple[int, int], spans: Sequence[tuple[int, int]]) -> bool:
    return any(start <= span[0] and span[1] <= end for start, end in spans)
