"""Takes apart what "or" joins: "a dog or cat barking" is a dog barking, and a cat barking."""

from __future__ import annotations

import re

from elsa_rt.prompts.place_words import MEANS
from elsa_rt.prompts.spatial_phrases import place_spans

_OR = re.compile(
    r"(?:,? \b(?:or|nor)\b(?: else)?|,? \band/or\b| [/|]| ?;"
    r"|,(?= [^,]*(?:,[^,]*)*,? (?:or|nor) )) ",
    re.IGNORECASE,
)
_AND = re.compile(rf"(?:{_OR.pattern}|,? \band\b(?: not)? |, (?:and )?(?:not )?)", re.IGNORECASE)
"""In what is not wanted "and" joins as "or" does: "anything but speech and music"."""

_FIXED = re.compile(
    r"\b(?:more or less|sooner or later|trick or treat|now or never|(?:yes|true) or \w+"
    r"|or (?:so|not|two|three|more|something|whatever|anything|similar|the like)"
    r"|(?:big|small|large|loud|quiet|soft|low|high|old|young|heavy|light|long|short|fast|slow|male"
    r"|female|hot|cold|near|distant|near by|one|two|three|once|several|first) or \w+"
    r"|rock and roll|drum and bass|rhythm and blues|up and down|back and forth|more and more)\b",
    re.IGNORECASE,
)
"""An "or", or an "and", that joins no sounds."""

_ARTICLE = re.compile(
    r"^(?:an?|the|some|my|our|your|his|her|their|someone|somebody)\b", re.IGNORECASE
)
_PERSON = re.compile(r"^(?:someone|somebody|anyone|anybody)$", re.IGNORECASE)
_DOING = re.compile(
    r"^(?P<who>.*?\w.*?) (?P<doing>(?!(?:morning|evening|ceiling|king)\b)\w+ing\b.*)$",
    re.IGNORECASE,
)
_BARE_DOING = re.compile(r"^\w+ing\b", re.IGNORECASE)
_SHORT = re.compile(r"^(?:an?|the|some|my|our)? ?[\w'’-]+(?: [\w'’-]+)?$", re.IGNORECASE)
_KIND = re.compile(r"^(?:an? |the )?(?P<kind>[\w'’-]+)$", re.IGNORECASE)
_NAMED = re.compile(r"^(?:an? |the )?[\w'’-]+ (?P<thing>[\w-]+)$", re.IGNORECASE)
_THINGS = re.compile(r"^(?:alarm|detector|engine|horn|music|siren|voice)s?$", re.IGNORECASE)
"""Things that have kinds: "fire or smoke alarm"."""

_BOTH = re.compile(
    r"^(?P<one>(?:an?|the|someone|somebody) .+) and (?P<other>(?:an?|the|someone|somebody) .+)$",
    re.IGNORECASE,
)

_SLASH = re.compile(
    r"^((?:an? |the )?(?!(?:on|open|up|in)/)[a-z]{3,})/([a-z]{3,}(?: \w+)?)$", re.IGNORECASE
)
_BARE_NOUN = re.compile(r"^(?:an? |the )?(?!\w+ing\b)[a-z'’-]+$", re.IGNORECASE)

_PLACES = frozenset((*MEANS, "center", "centre", "middle"))


def alternatives(text: str, *, unwanted: bool = False) -> list[str]:
    """The sounds that "or" joins in ``text``, each with the words that it shares with the others.

    Of sounds that are ``unwanted`` "and" and commas do, too.
    """
    closed = [*place_spans(text), *(match.span() for match in _FIXED.finditer(text))]
    either = re.match(r"either ", text, flags=re.IGNORECASE)
    begin = either.end() if either and not any(start == 0 for start, _ in closed) else 0
    cuts = [
        match
        for match in (_AND if unwanted else _OR).finditer(text)
        if not any(start < match.end() and match.start() < end for start, end in closed)
    ]
    joins = re.compile(r"\bn?or\b|[/|;]" + (r"|\band\b|," if unwanted else ""), re.IGNORECASE)
    if not any(joins.search(match[0]) for match in cuts):
        return [text]
    starts = [begin, *(match.end() for match in cuts)]
    ends = [*(match.start() for match in cuts), len(text)]
    parts = [text[a:b].strip(" ,") for a, b in zip(starts, ends, strict=True)]
    if not all(map(_is_sound, parts)):
        return [text]
    return _completed(parts)


def excluded_of(wanted: str, unwanted: str) -> str:
    """``unwanted`` with what it leaves out: "a dog barking but not howling" is no dog howling."""
    doing = _DOING.match(wanted)
    who = doing["who"] if doing else wanted
    named = doing is not None or _ARTICLE.match(wanted)
    return f"{who} {unwanted}" if named and _BARE_DOING.match(unwanted) else unwanted


def are_joined(sound: str) -> tuple[str, str] | None:
    """The two sounds of "a dog and a cat", or None; "a man and a woman talking" is one."""
    match = _BOTH.match(sound)
    if match is None:
        return None
    one, other = match["one"], match["other"]
    return (one, other) if bool(_DOING.match(one)) is bool(_DOING.match(other)) else None


def listed(sound: str) -> list[str] | None:
    """The sounds of "a dog/cat" or of "dog, cat, bird", which stand beside each other, or None."""
    slash = _SLASH.match(sound)
    parts = list(slash.groups()) if slash else sound.split(", ")
    if len(parts) < (2 if slash else 3) or not all(map(_is_sound, parts)):
        return None
    return parts if slash or all(map(_BARE_NOUN.match, parts)) else None


def _is_sound(part: str) -> bool:
    """Whether ``part`` may be a sound: it has letters, and is more than a word for a place."""
    bare = _ARTICLE.sub("", part).strip().lower()
    return any(map(str.isalpha, part)) and bare not in _PLACES


def _completed(parts: list[str]) -> list[str]:
    """``parts`` with what some have and others leave out: article, who, thing, what it does."""
    first, last = _DOING.match(parts[0]), _DOING.match(parts[-1])
    article = _ARTICLE.match(parts[0])
    thing = _shared_thing([*parts[:-1], last["who"] if last else parts[-1]])
    found = []
    for part in parts:
        if first and _BARE_DOING.match(part):
            part = f"{first['who']} {part}"  # "a baby laughing or crying"
            found.append(part)
            continue
        if thing and _KIND.match(part):
            part = f"{part} {thing}"  # "a fire or smoke alarm"
        if last and _leaves_out(part, last["who"]):
            part = f"{part} {last['doing']}"  # "a dog or a wolf howling"
        found.append(_with_article(part) if article and article[0].lower() in ("a", "an") else part)
    return found


def _with_article(part: str) -> str:
    many = re.match(r"(?:people|children|men|women|\w*[^s]s)\b", part)
    if many or _ARTICLE.match(part) or any(start == 0 for start, _ in place_spans(part)):
        return part
    return f"{'an' if part[0].lower() in 'aeiou' else 'a'} {part}"


def _leaves_out(part: str, who: str) -> bool:
    """Whether ``part`` leaves out what the last does, of whom ``who`` is said."""
    done = _DOING.match(part) or _BARE_DOING.match(part) or place_spans(part)
    alike = bool(_PERSON.match(part)) or not _PERSON.match(who)  # not "a dog or someone knocking"
    as_long = len(_ARTICLE.sub("", part).split()) == len(_ARTICLE.sub("", who).split())
    both = _ARTICLE.match(part) and _ARTICLE.match(who)  # else not "smoke alarm or glass breaking"
    return not done and alike and _SHORT.match(part) is not None and bool(both or as_long)


def _shared_thing(parts: list[str]) -> str | None:
    """The last word of the last of ``parts`` if the others are kinds of it."""
    named = _NAMED.match(parts[-1])
    if named is None or not all(map(_KIND.match, parts[:-1])):
        return None
    whose = all(part.endswith(("'s", "’s")) for part in parts[:-1])
    one, other = (_ARTICLE.match(part) is not None for part in (parts[0], parts[-1]))
    kinds = one and not other  # "a car or train horn", but not "a car or a train horn"
    known = not one and not other and _THINGS.match(named["thing"]) is not None
    return named["thing"] if whose or kinds or known else None
