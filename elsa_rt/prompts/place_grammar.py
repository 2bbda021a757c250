"""The phrases for a place that a prompt may hold, as a table of patterns.

Patterns are regular expressions over text whose spaces are single. Their named groups name places
by themselves: ``side``, ``end``, ``tier`` and ``bare`` hold words of `MEANS`, ``hour``,
``degrees`` and ``wind`` hold clock positions, angles and compass points.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

MEANS = {
    "left": "left", "port": "left", "right": "right", "starboard": "right",
    "front": "front", "bow": "front", "back": "behind", "rear": "behind", "stern": "behind",
    "behind": "behind", "above": "above",
    "top": "above", "upper": "above", "high": "above", "below": "below", "bottom": "below",
    "lower": "below", "low": "below", "near": "near", "close": "near", "far": "far",
}  # fmt: skip
"""Words of groups, and the places that they mean."""

NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
           "twelve")  # fmt: skip
"""Hours in words."""

WINDS = {
    name: 45.0 * index
    for index, name in enumerate(
        ("north", "northwest", "west", "southwest", "south", "southeast", "east", "northeast")
    )
}
"""Degrees counter-clockwise from north."""


def _any(*words: str) -> str:
    return f"(?:{'|'.join(words)})"


# what ends with a space, or begins with one, may be absent
_ME = (
    "(?:me|us|you|myself|yourself"
    "|the (?:robot|microphone|mic|listener|device|array|sensor|recorder))"
)
_MY = "(?:my|our|your|its|the robot['’]s)"
_THE = f"(?:(?:the|this|{_MY}) )?"
_AT = "(?:at|from|in|on|to|into|towards?|by|off to|(?:over|up|down|out|somewhere) (?:at|in|on|to))"
_SIDE = "(?P<side>left|right)"
_END = "(?P<end>front|back|rear)"
_TIER = "(?P<tier>upper|lower|top|bottom)"
_HAND = "(?:[- ]hand)?"
_FLANK = "(?: (?:side|half|part|end|edge))?"
_CENTRE = "(?:(?:the|my|this|our) )?(?:cent(?:er|re)|middle)"
_MINE = f"(?: of (?:{_ME}|{_CENTRE}|(?:the|my|this|our) room))?"
_CORNER = "(?: corner)"
_ROOF = "(?:ceiling|roof|attic|loft|rafters|sky|treetops?|upper floor|(?:floor|room|flat) above)"
_CELLAR = "(?:basement|cellar|crawl ?space|lower floor|(?:floor|room|flat) below)"
_CLOCK = "(?: ?o['’]? ?clock)"
_HOUR = "(?P<hour>1[0-2]|[1-9]|" + "|".join(NUMBERS) + ")"
_DEG = r"(?: ?(?:°|deg(?:rees?)?\b)(?! ?(?:c|f|celsius|fahrenheit|below zero)\b))"
_NUMBER = r"(?P<degrees>[-+−]?\d{1,3}(?:\.\d+)?)"
_WAY = (
    f"(?:{_DEG}? (?:to|on|off to|towards?)? ?{_THE}(?P<side>left|right){_HAND}{_FLANK}"
    "(?: of (?:me|(?:the )?front|straight ahead|cent(?:er|re)))?)"
)
_WIND = "(?P<wind>" + "|".join(
    f"{name[:5]}[- ]?{name[5:]}" if len(name) > 5 else name
    for name in sorted(WINDS, key=len, reverse=True)
) + ")"  # fmt: skip
_TIME = r"(?! ?(?:a\.?m|p\.?m|sharp|at night|in the (?:morning|afternoon|evening)|tea|news)\b)"


class Form(NamedTuple):
    """A way to name a place."""

    pattern: str
    places: str = ""  # beside those that its groups name
    follows: str = "place"  # what may come after it, see `FOLLOWS`


FORMS = tuple(
    Form(*row)
    for row in (
        # ends
        (f"in front(?: of {_ME})?|(?:(?:straight|dead|up|right|just) )?ahead(?: of {_ME})?"
         f"|(?:before|opposite|across from) {_ME}|straight on", "front"),
        (f"{_AT} {_THE}{_END}{_FLANK}{_MINE}",),
        (f"behind {_ME}|(?:at|behind|in) {_MY} backs?|(?:in|at|to) (?:the )?(?:back|rear) of {_ME}"
         f"|over {_MY} shoulders?|(?:on|at|watch) {_MY} six|astern", "behind"),
        ("(?<!left )behind", "behind", "preposition"),
        # sides
        (f"{_AT} {_THE}(?:(?:far|very|extreme) )?{_SIDE}{_HAND}{_FLANK}{_MINE}",),
        (f"{_SIDE} of (?:{_ME}|{_CENTRE})",),
        (f"{_SIDE}{_HAND} side",),
        (f"{_AT} {_THE}(?P<side>port|starboard)(?: side| bow)?{_MINE}",),
        (f"{_AT} {_THE}(?P<end>bow|stern)",),
        (f"{_AT} (?:both|either|one|the|{_MY}|opposite) sides?(?: of {_ME})?|sideways"
         f"|{_AT} (?:the )?sides?(?: of {_ME})?", "left right"),
        # both, in any order
        (f"(?:{_AT} {_THE})?(?:far )?{_END}(?:[- ]|, | and )(?:(?:to |on )?the )?{_SIDE}{_HAND}"
         f"(?:{_CORNER}|{_FLANK}){_MINE}",),
        (f"(?:{_AT} {_THE})?(?:far )?{_SIDE}{_HAND}(?:[- ]|, | and )(?:(?:to |at )?the )?{_END}"
         f"(?:{_CORNER}|{_FLANK}){_MINE}",),
        (f"{_AT} {_THE}(?:(?P<range>far|near) )?{_SIDE}{_HAND}{_CORNER}{_MINE}",),
        (f"{_AT} {_THE}{_END}{_CORNER}s?{_MINE}",),
        (f"over {_MY} {_SIDE} shoulder", "behind"),
        # heights
        (f"(?:above|over|atop|on top of) {_ME}|(?:above|over) {_MY} heads?|overhead|up above"
         "|up high|high up|high in the air|up in the air|upstairs|up there|aloft", "above"),
        (f"(?:{_AT}|above|under) (?:the|our|a|{_MY}) {_ROOF}|{_AT} {_THE}top(?: of the room)?",
         "above"),
        ("above", "above", "preposition"),
        (f"(?:below|beneath|underneath|under) {_ME}|(?:at|below|beneath|under) {_MY} feet"
         "|down below|down low|low down|downstairs|underground|down there"
         f"|(?:under|below|beneath|underneath) (?:the|our|{_MY}) (?:floor(?:boards)?|ground|feet)"
         f"|{_AT} (?:the|our|a|{_MY}) {_CELLAR}|{_AT} {_THE}bottom(?: of the room)?", "below"),
        ("below|beneath|underneath", "below", "preposition"),
        (f"(?:{_AT} {_THE})?{_TIER}[- ]{_SIDE}(?:{_CORNER}|{_FLANK}){_MINE}",),
        (f"(?P<tier>above|below)(?:,? (?:and )?(?:{_AT} )?{_THE}){_SIDE}",),
        ("(?:at|on) (?:ear|eye|head|face|shoulder|my) (?:level|height)|level with me"
         "|(?:at|near|on|along) the horizon", "level"),
        # distances
        (f"(?:near|beside|close to|next to|alongside) {_ME}|near-?by|near by|close by|up close"
         "|at close (?:hand|range)|within reach", "near"),
        (f"far (?:away|off)(?: from {_ME})?|far from {_ME}|afar|(?:at|from) (?:a|some) distance"
         "|in the distance|a long way (?:off|away)", "far"),
        # clock positions
        (f"(?:(?:at|from|towards?|to|near|on|in) )?{_THE}{_HOUR}{_CLOCK}"
         f"(?:[ ,]+(?P<tier>high|low))?(?: (?:position|direction))?{_TIME}",),
        (f"between {_THE}{_HOUR}{_CLOCK}? and (?P<hour_to>1[0-2]|[1-9]|{'|'.join(NUMBERS)}){_CLOCK}"
         f"{_TIME}",),
        # angles
        (f"(?:(?:at|from|to|towards?|about) )?{_NUMBER}{_DEG}(?:{_WAY}| azimuth)?",),
        (f"(?:(?:at|from|to|towards?) )?{_NUMBER}{_DEG}? (?P<turn>counter-?clockwise|clockwise)",),
        (f"(?:(?:at|from|to|towards?) )?(?:an? )?(?:azimuth|angle|bearing)(?: angle)?(?: of)? "
         f"{_NUMBER}{_DEG}?{_WAY}?",),
        (f"(?:(?:at|from) )?(?:an? )?elevation(?: angle)?(?: of)? "
         f"(?P<lifted>[-+−]?\\d{{1,2}}){_DEG}?"
         f"|(?:(?:at|from) )?(?P<raised>[-+−]?\\d{{1,2}}){_DEG} (?:of )?elevation",),
        (f"(?:(?:at|from) )?(?P<lifted>\\d{{1,2}}){_DEG} (?P<lift>up|above|down|below)(?:wards?)?"
         "(?: (?:the )?horizon(?:tal)?)?",),
        (f"(?:between|from) {_NUMBER}{_DEG}? (?:and|to) (?P<degrees_to>[-+−]?\\d{{1,3}})"
         f"(?:{_WAY}|{_DEG}(?: azimuth)?)",),
        (f"within {_NUMBER}{_DEG} (?:of|around|from) (?:the |my )?(?P<around>front|left|right|back"
         "|rear)",),
        # compass points
        (f"{_AT} (?:the )?(?:due )?{_WIND}(?: side)?(?: of {_ME})?|due {_WIND.replace('wind', 'a')}"
         f"|{_WIND.replace('wind', 'b')} of {_ME}",),
        # everywhere
        (f"(?:from |in )?(?:anywhere|everywhere|any direction|all directions)(?: around {_ME})?"
         f"|from (?:all|any|every) (?:sides?|directions?)|all (?:a)?round(?: {_ME})?|around {_ME}",
         "anywhere"),
        # a word alone
        (f"the (?:{_SIDE}|{_END}){_FLANK}", "", "denied"),
        ("(?P<bare>left|right|front|rear|port|starboard)(?: side)?", "", "bare"),
    )
)  # fmt: skip
"""The table. Of several that fit, the longest counts."""

LEAD = (
    "(?:(?:(?:that|which|who) )?(?:is|are|was|were|comes?|coming|heard|located|happening)"
    "(?P<isnt>n['’]t)? )?"
    "(?P<denied>(?:(?:(?:but|and|though) )?(?:not|never)(?: (?:coming|heard|located))?"
    "|(?:from |in |on )?(?:anywhere|everywhere|nowhere|any direction|(?:any|all|every) sides?)"
    "(?: else)? (?:but|except(?: for)?|other than|apart from|besides)"
    "|except(?: when| for)?|excluding|other than|apart from|nowhere near|rather than|instead of)"
    "(?: (?:it )?(?:is|comes?))? )?"
    "(?:from (?=behind|above|below|overhead|up|down|under|beneath|in front|afar|near|far"
    "|around|somewhere|right |directly|straight|diagonally|just|ahead|high|low) ?)?"
    "(?:(?:only|exactly|precisely|strictly|mostly|always|right|directly|straight|diagonally|just"
    "|immediately|somewhere|slightly|a bit|a little|way|further|roughly|about|approximately"
    "|(?P<height>high|low)(?: up| down)?|(?:very |quite |too )?(?P<reach>close|near|far)) )*"
)
"""What goes along with a phrase: "that is not right behind me", "coming from somewhere above"."""

_NOUNS_IN_ING = (
    "building|ceiling|clearing|crossing|evening|king|landing|morning|painting|railing|ring|spring"
    "|string|thing|wing"
)
_VERB = (
    rf"(?!(?:{_NOUNS_IN_ING})s?\b)\w+ing|is|are|was|were|and|or|nor|but|while|when|as|that|which"
    "|except|not|without|with|rather"
)
FOLLOWS = {
    name: re.compile(rf"\s*(?:$|[.,;:!?)\]–—@]|[-/] ?(?=\w)|- |(?:{words})\b)", re.IGNORECASE)
    for name, words in {
        "place": f"{_VERB}|who|an?|the|there|some|someone|somebody|something|it|i|at|from|in|on|to"
                 "|only|please|too",
        "preposition": f"{_VERB}|at|from|on|to",  # "behind a door" is about the door
        "bare": "and|or|nor|but|not|only|except",
        "denied": "and|or|nor|but|is|are|please",
    }.items()
}  # fmt: skip
"""What may come after a phrase that is about the listener and not about a thing."""

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


_PATTERNS = tuple(
    (form, re.compile(rf"(?<![\w'’-]){LEAD}(?:{form.pattern})(?![\w'’°]|-\w)", re.IGNORECASE))
    for form in FORMS
)
_WORD = re.compile(r"(?<![\w'’-])[\w°+−-]")
_COMPLETE = re.compile(r"\b(?:me|us|you|myself|yourself)$", re.IGNORECASE)
_ALONE_BEFORE = re.compile(r"(?:^|[,;:([@–—]|(?:^| )[-/])\s*(?:and |or |on )?$", re.IGNORECASE)
_VERB_BEFORE = re.compile(rf"(?!(?:{_NOUNS_IN_ING})\b)\b\w+ing$", re.IGNORECASE)
_NUMERIC = ("hour", "hour_to", "degrees", "degrees_to", "lifted", "raised", "lift", "turn",
            "around", "wind", "a", "b")  # fmt: skip
_NAMED = ("side", "end", "tier", "bare", "range", "height", "reach")


def phrases_in(prompt: str) -> list[Phrase]:
    """The phrases about the listener's places in ``prompt``, in order; its spaces are single."""
    longest = _longest(prompt)
    kept: list[Phrase] = []
    for phrase in reversed(longest):  # what follows may be another place: "above, on the left"
        if _is_over(prompt, phrase, kept[:1]):
            kept.insert(0, phrase)
    paths = [match.span() for match in PATH.finditer(prompt) if is_path(match)]
    found: list[Phrase] = []
    for phrase in kept:
        in_path = any(start <= phrase.start < end for start, end in paths)
        if not in_path and _stands_alone(prompt, phrase, found[-1:]):
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
    starts = [match.start() for match in _WORD.finditer(prompt)]
    found = [
        _phrase(form, match)
        for form, pattern in _PATTERNS
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
    named = [groups[name] for name in _NAMED if name in groups]
    words = dict.fromkeys([*form.places.split(), *(MEANS[word] for word in named)])
    numbers = {name: groups[name] for name in _NUMERIC if name in groups}
    denied = "denied" in groups or "isnt" in groups
    return Phrase(match.start(), match.end(), form, tuple(words), numbers, denied)


def _is_over(prompt: str, phrase: Phrase, following: Sequence[Phrase]) -> bool:
    """Whether ``phrase`` is over where it seems so, and not about a thing that comes next."""
    if _COMPLETE.search(prompt[: phrase.end]):
        return True
    if any(joined(prompt[phrase.end : after.start]) is not None for after in following):
        return True
    return FOLLOWS[phrase.form.follows].match(prompt, phrase.end) is not None


def _stands_alone(prompt: str, phrase: Phrase, before: Sequence[Phrase]) -> bool:
    """Whether a word alone is a place: after a mark, another place or the verb of a sound."""
    if phrase.form.follows not in ("bare", "denied") or phrase.denied:
        return True
    if any(joined(prompt[one.end : phrase.start]) is not None for one in before):
        return True
    text = prompt[: phrase.start].rstrip()
    if phrase.form.follows == "denied":
        return False
    marked = _ALONE_BEFORE.search(text) is not None
    return marked or (bool(_VERB_BEFORE.search(text)) and not MOTION.search(text))
