"""Takes a sentence apart that names several sounds, or sounds that it does not want.

"A dog or a cat" is two sounds, each of which is listened for; "any sound but speech" is any sound,
and speech is excluded as by ``but_not`` of a rule.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from elsa_rt.prompts.alternatives import alternatives, are_joined, listed
from elsa_rt.prompts.negation import parted, refuse_absence
from elsa_rt.prompts.spatial_phrases import ANYTHING, ParsedPrompt, parse_prompt, place_spans
from elsa_rt.rules.region import Region


@dataclass(frozen=True)
class Sentence:
    """A sentence taken apart."""

    sounds: tuple[ParsedPrompt, ...]  # any of which is meant
    but_not: tuple[str, ...] = ()  # what is not, without words about place

    @property
    def doubts(self) -> tuple[str, ...]:
        """What looks like a place and was not understood, or like two sounds that are one."""
        return tuple(dict.fromkeys(doubt for sound in self.sounds for doubt in _doubts(sound)))


_ANY_SOUND = re.compile(
    r"(?:an?y? ?(?:sound|noise)s?|anything|everything|something|whatever|all sounds)(?: at all)?",
    re.IGNORECASE,
)
_BRACKETED_OR = re.compile(r"[(\[]\s*(or\b[^)\]]*)[)\]]", re.IGNORECASE)


@lru_cache(maxsize=4096)
def parse_sentence(prompt: str, north_deg: float | None = None) -> Sentence:
    """Take ``prompt`` apart into the sounds that it means and those that it does not.

    Raises
    ------
    UsageError
        It names only what must not sound, "no dog barking", or excludes what cannot be told from
        what it wants, "a dog but not my dog".
    """
    text = _BRACKETED_OR.sub(r"\1", " ".join(prompt.split()))
    refuse_absence(text)
    wanted, unwanted = parted(text)
    sounds = tuple(map(_any_sound, (parse_prompt(one, north_deg) for one in alternatives(wanted))))
    excluded = [
        parse_prompt(one, north_deg)
        for one in (alternatives(unwanted, unwanted=True) if unwanted else ())
    ]
    where = [one.region for one in excluded if one.region != Region()]
    if where and all(sound.region == Region() for sound in sounds):
        # "any sound but speech on the left": the place is that of the rule
        place = unwanted[_first_place(unwanted) :]
        sounds = tuple(parse_prompt(f"{sound.sound} {place}", north_deg) for sound in sounds)
    named = [one.sound for one in excluded if one.sound != ANYTHING]  # not its place alone
    return Sentence(_same_place(sounds), tuple(named))


def _doubts(parsed: ParsedPrompt) -> tuple[str, ...]:
    several = are_joined(parsed.sound) or listed(parsed.sound)
    if several is None or parsed.doubts:
        return parsed.doubts
    return (
        f"sounds are heard one at a time, and this names {len(several)}: for any of them say "
        f"{' or '.join(several)!r}, or give each a prompt of its own",
    )


def _any_sound(parsed: ParsedPrompt) -> ParsedPrompt:
    """``parsed``, which may mean any sound at all: "anything on the left"."""
    if not _ANY_SOUND.fullmatch(parsed.sound):
        return parsed
    return replace(parsed, sound=ANYTHING, text=ANYTHING)


def _first_place(text: str) -> int:
    return place_spans(text)[0][0]


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
