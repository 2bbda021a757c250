"""Finds the phrases of `elsa_rt.prompts.place_forms` that are about the listener's places.

A phrase counts only where it is about the listener: "behind me", or "on the left" with nothing
after it that it could belong to.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from elsa_rt.prompts.place_forms import FOLLOWS, FORMS, LEAD, NAMED, NOUNS_IN_ING, NUMERIC, Form
from elsa_rt.prompts.place_words import MEANS

BETWEEN = re.compile(
    r"[\s,;/(&-]*(?:\b(?P<word>and|or|nor|but|though|as well as|plus)\b)?[\s,]*(?:\beither\b )?",
    re.IGNORECASE,
)
"""What joins two phrases to one place."""

MOTION = re.compile(
    r"\b(?:turn|pass|mov|go|com|driv|walk|runn|fly|swerv|veer|bear|look|fac|point|steer|head"
    r"|roll|travell?|pann|swing|slid|lean|keep|cross|creep|rac|leav)(?:ing|s|es)$",
    re.IGNORECASE,
)
"""After such a verb a bare "left" is where something goes."""


PATH = re.compile(
    r"\b(?:from )?(?:the )?(left|right|front|back|rear|behind|above|below|top|bottom)"
    r" (?:to|towards?) (?:the |my )?(left|right|front|back|rear|behind|above|below|top|bottom)\b",
    re.IGNORECASE,
)
"""A movement: "from left to right"."""


class Phrase(NamedTuple):
    """A phrase about a place."""

    start: int
    end: int
    form: Form
    words: tuple[str, ...]  # places in words of `MEANS`' values, "level" or "anywhere"
    groups: dict[str, str]  # its groups that hold numbers
    denied: bool


HINTS = re.compile(
    r"\b(?:left|right|front|back|rear|port|starboard|bow|stern|ahead|straight|opposite|before|across"
    r"|astern|aft|abeam|side|shoulder|over|atop|top|aloft|high|upp?e?r?|ceiling|roof|attic|loft"
    r"|rafters|sky|tree|floor|room|flat|basement|cellar|crawl|feet|ground|down|lower?|bottom|level"
    r"|height|horizon|near|beside|close|next|alongside|reach|far|distan|away|way|az|el|angle|bearing"
    r"|between|within|out|off|corner|watch|ears?\b|path|tail|heel|head|face|arms?\b|forward|adjacent"
    r"|afar|north|south|east|west|any|every|nowhere|all|a?round"
    r"|lhs|rhs|zero|one|two|thr|four|five|six|seven|eight|nine|ten|twelve|thir|fif|twenty|fort|hundred"
    r"|[ns]?[ns][ew]\b|[ew][ns][ew]\b)"
    r"|behind|above|below|beneath|under|clock|°|deg|\d",
    re.IGNORECASE,
)
"""One of these is in every phrase of `FORMS`, and in few other prompts: a hundred patterns need not
be compiled for a prompt without."""

_BEFORE = r"(?<![\w-])(?<!\w['’])"  # a phrase does not begin within a word
_WORD = re.compile(rf"{_BEFORE}[\w°+−-]")
_COMPLETE = re.compile(r"\b(?:me|us|you|myself|yourself)$", re.IGNORECASE)
_ALONE_BEFORE = re.compile(
    r"""(?:^|[,;:([<"“«'‘@–—]|(?:^| )[-/])\s*(?:and |or |on )?$""", re.IGNORECASE
)
_VERB_BEFORE = re.compile(rf"(?!(?:{NOUNS_IN_ING})\b)\b\w+ing$", re.IGNORECASE)


@cache
def _patterns() -> tuple[tuple[Form, re.Pattern[str]], ...]:
    """The compiled table; made with the first prompt, not with the import."""
    return tuple(
        (form, re.compile(rf"{_BEFORE}{LEAD}(?:{form.pattern})(?!\w|['’]\w|°|-\w)", re.IGNORECASE))
        for form in FORMS
    )


def phrases_in(prompt: str) -> list[Phrase]:
    """The phrases about the listener's places in ``prompt``, in order; its spaces are single."""
    longest = _longest(prompt)
    kept: list[Phrase] = []
    for phrase in reversed(longest):  # what follows may be another place: "above, on the left"
        if _is_over(prompt, phrase, kept[:1]):
            kept.insert(0, phrase)
    paths = [match.span() for match in PATH.finditer(prompt) if is_path(match)]
    found: list[Phrase] = []
    left_out: Phrase | None = None
    for index, phrase in enumerate(kept):
        in_path = any(start <= phrase.start < end for start, end in paths)
        # "a voice left, right": a word alone is no more a place than the one that it is joined to
        with_it = left_out and joined(prompt[left_out.end : phrase.start]) is not None
        bare = phrase.form.follows == "bare"
        alone = _stands_alone(prompt, phrase, found[-1:]) or _is_paired(
            prompt, phrase, kept[index + 1 : index + 2]
        )
        if in_path or (bare and with_it) or not alone:
            left_out = phrase
        else:
            found.append(phrase)
    return found


def is_path(match: re.Match[str]) -> bool:
    """Whether a match of `PATH` leads from a place to its opposite, and is no place itself."""
    one, other = (MEANS[match[group].lower()] for group in (1, 2))
    return {one, other} in ({"left", "right"}, {"front", "behind"}, {"above", "below"})


def joined(between: str) -> str | None:
    """How the text ``between`` two phrases joins them: "or", "and", "but", "," or nothing.

    None where it does not: the phrases are about two things.
    """
    match = BETWEEN.fullmatch(between)
    if match is None:
        return None
    word = (match["word"] or "").lower()
    word = {"nor": "or", "though": "but", "as well as": "and", "plus": "and"}.get(word, word)
    return word or ("," if {",", "/"} & set(between) else "")


def _longest(prompt: str) -> list[Phrase]:
    """Phrases that may be about a place, none within another."""
    if not HINTS.search(prompt):
        return []
    starts = [match.start() for match in _WORD.finditer(prompt)]
    found = [
        _phrase(form, match)
        for form, pattern in _patterns()
        for start in starts
        if (match := pattern.match(prompt, start))
    ]
    longest: list[Phrase] = []
    for phrase in sorted(found, key=lambda phrase: (phrase.start, -phrase.end)):
        if not longest or phrase.start >= longest[-1].end:
            longest.append(phrase)
    return longest


def _phrase(form: Form, match: re.Match[str]) -> Phrase:
    groups = {name: text.lower() for name, text in match.groupdict().items() if text}
    named = [groups[name] for name in NAMED if name in groups]
    words = dict.fromkeys([*form.places.split(), *(MEANS[word] for word in named)])
    numbers = {name: groups[name] for name in NUMERIC if name in groups}
    denied = "denied" in groups or "isnt" in groups
    return Phrase(match.start(), match.end(), form, tuple(words), numbers, denied)


def _is_over(prompt: str, phrase: Phrase, following: Sequence[Phrase]) -> bool:
    """Whether ``phrase`` is over where it seems so, and not about a thing that comes next."""
    if _COMPLETE.search(prompt[: phrase.end]):
        return True
    if any(joined(prompt[phrase.end : after.start]) is not None for after in following):
        return True
    return FOLLOWS[phrase.form.follows].match(prompt, phrase.end) is not None


def _is_paired(prompt: str, phrase: Phrase, following: Sequence[Phrase]) -> bool:
    """Whether two words alone are places together: "a dog left or right"."""
    if MOTION.search(prompt[: phrase.start].rstrip()):
        return False
    return any(
        {phrase.form.follows, other.form.follows} == {"bare"}
        and joined(prompt[phrase.end : other.start]) in ("and", "or")
        and FOLLOWS["end"].match(prompt, other.end)
        for other in following
    )


def _stands_alone(prompt: str, phrase: Phrase, before: Sequence[Phrase]) -> bool:
    """Whether a word alone is a place: after a mark, another place or the verb of a sound."""
    if phrase.form.follows not in ("bare", "denied") or phrase.denied:
        return True
    if any(joined(prompt[one.end : phrase.start]) is not None for one in before):
        return True
    text = prompt[: phrase.start].rstrip()
    marked = _ALONE_BEFORE.search(text) is not None
    if phrase.form.follows == "denied":  # "the left: a dog", and no more than that
        return marked and FOLLOWS["end"].match(prompt, phrase.end) is not None
    return marked or (bool(_VERB_BEFORE.search(text)) and not MOTION.search(text))
