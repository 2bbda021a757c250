"""Takes a sentence apart that names several sounds, or sounds that it does not want.

"A dog or a cat" is two sounds, each of which is listened for; "any sound but speech" is any sound,
and speech is excluded as by ``but_not`` of a rule.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from elsa_rt.errors import UsageError
from elsa_rt.prompts.spatial_phrases import ANYTHING, ParsedPrompt, parse_prompt, place_spans
from elsa_rt.rules.region import Region


@dataclass(frozen=True)
class Sentence:
    """A sentence taken apart."""

    sounds: tuple[ParsedPrompt, ...]  # any of which is meant
    but_not: tuple[str, ...] = ()  # what is not, without words about place

    @property
    def doubts(self) -> tuple[str, ...]:
        """What looks like a place and was not understood as one."""
        return tuple(dict.fromkeys(doubt for sound in self.sounds for doubt in sound.doubts))


_ANY = (
    r"(?:any(?:thing| ?(?:other )?(?:sounds?|noises?))|every(?:thing| (?:sound|noise))"
    r"|all (?:other )?(?:sounds|noises)|(?:a |some )?(?:sounds?|noises?)|something|whatever)"
)
_ANY_SOUND = re.compile(
    r"(?:an?y? ?(?:sound|noise)s?|anything|everything|something|whatever|all sounds)(?: at all)?",
    re.IGNORECASE,
)
_NOT = (
    r"(?:,? ?\b(?:but not|and not|not|except(?: for)?|excluding|other than|apart from|besides"
    r"|rather than|instead of|without|unless it(?: i|['’])s|which (?:is|are)(?: not|n['’]t)"
    r"|(?:that|which)(?: is| are|['’]s)?(?: not| no|n['’]t)|that (?:is|are)n['’]t))"
)
_ANY_BUT = re.compile(
    rf"^(?P<any>{_ANY}) ?(?:(?:at all|else) ?)?(?:{_NOT}|\bbut) (?:from )?(?P<rest>.+)$",
    re.IGNORECASE,
)
_BUT_NOT = re.compile(rf"^(?P<sound>.+?){_NOT} (?P<rest>.+)$", re.IGNORECASE)
_ONLY_NOT = re.compile(r"^not (?P<rest>.+)$", re.IGNORECASE)
_ABSENT = re.compile(r"^(?:no|without|never|nothing but no) (?P<rest>\w.*)$", re.IGNORECASE)
_OR = re.compile(
    r"(?:,? \bor\b(?: else)?|,? \band/or\b| /|,(?= [^,]*(?:,[^,]*)*,? or )) ", re.IGNORECASE
)
_FIXED = re.compile(
    r"\b(?:more or less|sooner or later|trick or treat|now or never|or so|(?:yes|true) or \w+"
    r"|(?:big|small|large|loud|quiet|soft|low|high|old|young|heavy|light|long|short|fast|slow|male"
    r"|female|near|distant|near by|one|two|three|once|several|first) or \w+)\b",
    re.IGNORECASE,
)
"""An "or" that joins no sounds."""

_ARTICLE = re.compile(
    r"^(?:an?|the|some|my|our|your|his|her|their|someone|somebody)\b", re.IGNORECASE
)
_DOING = re.compile(
    r"^(?P<who>.*?\w.*?) (?P<doing>(?!(?:morning|evening|ceiling|king)\b)\w+ing\b.*)$",
    re.IGNORECASE,
)
_BARE_DOING = re.compile(r"^\w+ing\b", re.IGNORECASE)


@lru_cache(maxsize=4096)
def parse_sentence(prompt: str, north_deg: float | None = None) -> Sentence:
    """Take ``prompt`` apart into the sounds that it means and those that it does not.

    Raises
    ------
    UsageError
        It names only what must not sound: "no dog barking".
    """
    text = " ".join(prompt.split())
    absent = _ABSENT.match(text)
    if absent and not _is_place(text, absent.start("rest")):
        raise UsageError(
            f"the prompt {prompt!r} says only what must not sound, and nobody can hear that: name "
            f'the sounds that you want, e.g. "any sound but {absent["rest"]}", or in a rule '
            f"prompt: a sound, but_not: {absent['rest']}"
        )
    wanted, unwanted = _without_unwanted(text)
    sounds = tuple(map(_any_sound, (parse_prompt(one, north_deg) for one in _alternatives(wanted))))
    excluded = [parse_prompt(one, north_deg) for one in _alternatives(unwanted)] if unwanted else []
    where = [one.region for one in excluded if one.region != Region()]
    if where and all(sound.region == Region() for sound in sounds):
        # "any sound but speech on the left": the place is that of the rule
        place = unwanted[_first_place(unwanted) :]
        sounds = tuple(parse_prompt(f"{sound.sound} {place}", north_deg) for sound in sounds)
    return Sentence(_same_place(sounds), tuple(one.sound for one in excluded))


def _any_sound(parsed: ParsedPrompt) -> ParsedPrompt:
    """``parsed``, which may mean any sound at all: "anything on the left"."""
    if not _ANY_SOUND.fullmatch(parsed.sound):
        return parsed
    return replace(parsed, sound=ANYTHING, text=ANYTHING)


def _without_unwanted(text: str) -> tuple[str, str]:
    """What is wanted and what is not; the second is empty where nothing is excluded."""
    for pattern in (_ONLY_NOT, _ANY_BUT, _BUT_NOT):
        match = pattern.match(text)
        if match is None or _is_place(text, match.start("rest")):
            continue
        if pattern is not _BUT_NOT:
            return ANYTHING, match["rest"]
        wanted, unwanted = match["sound"].rstrip(" ,"), match["rest"]
        if _BARE_DOING.match(unwanted) and (doing := _DOING.match(wanted)):
            unwanted = f"{doing['who']} {unwanted}"  # "a dog barking but not howling"
        return wanted, unwanted
    return text, ""


def _is_place(text: str, at: int) -> bool:
    """Whether words about place reach over ``at``, or begin there: "not behind me"."""
    return any(start <= at < end for start, end in place_spans(text))


def _first_place(text: str) -> int:
    return place_spans(text)[0][0]


def _alternatives(text: str) -> list[str]:
    """The sounds that "or" joins, each with the words that it shares with the others."""
    text = re.sub(r"^either ", "", text, flags=re.IGNORECASE)
    closed = [*place_spans(text), *(match.span() for match in _FIXED.finditer(text))]
    cuts = [
        match
        for match in _OR.finditer(text)
        if not any(start < match.end() and match.start() < end for start, end in closed)
    ]
    if not any("or" in match[0].lower() or "/" in match[0] for match in cuts):
        return [text]
    starts = [0, *(match.end() for match in cuts)]
    ends = [*(match.start() for match in cuts), len(text)]
    parts = [text[a:b].strip(" ,") for a, b in zip(starts, ends, strict=True)]
    if not all(any(map(str.isalpha, part)) for part in parts):
        return [text]
    return _completed(parts)


def _completed(parts: list[str]) -> list[str]:
    """``parts`` with what some have and others leave out: article, who, what it does."""
    first, last = _DOING.match(parts[0]), _DOING.match(parts[-1])
    article = _ARTICLE.match(parts[0])
    found = []
    for part in parts:
        if first and _BARE_DOING.match(part):
            part = f"{first['who']} {part}"  # "a baby laughing or crying"
        elif last and not (_DOING.match(part) or _BARE_DOING.match(part) or place_spans(part)):
            part = f"{part} {last['doing']}"  # "a dog or a wolf howling"
        if article and not _ARTICLE.match(part) and article[0].lower() in ("a", "an"):
            part = f"{'an' if part[0].lower() in 'aeiou' else 'a'} {part}"
        found.append(part)
    return found


def _same_place(sounds: Sequence[ParsedPrompt]) -> tuple[ParsedPrompt, ...]:
    """``sounds``, all at the place of the last where the others name none."""
    last = sounds[-1]
    if last.region == Region() or any(sound.region != Region() for sound in sounds[:-1]):
        return tuple(sounds)
    tail = last.text.removeprefix(last.sound)
    return tuple(
        replace(sound, region=last.region, said=last.said, text=sound.sound + tail)
        for sound in sounds
    )
