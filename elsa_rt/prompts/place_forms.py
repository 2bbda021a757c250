"""The table of phrases for a place that a prompt may hold.

Patterns are regular expressions over text whose spaces are single. Their named groups name places
by themselves: ``side``, ``end``, ``tier``, ``bare``, ``height`` and ``reach`` hold words of
`elsa_rt.prompts.place_words.MEANS`; those of `NUMERIC` hold clock positions, angles, compass points
and distances.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from elsa_rt.prompts.place_words import ANGLE, COUNT, HOUR, UNIT, WIND

# what ends with a space, or begins with one, may be absent
_ME = (
    "(?:me|us|you|myself|yourself"
    "|the (?:robot|microphone|mic|listener|device|array|sensor|recorder)"
    "|my (?:position|location|spot)|where (?:i|we) (?:am|are|stand|sit)(?: (?:standing|sitting))?)"
)
_MY = "(?:my|our|your|its|the robot['’]s)"
_THE = f"(?:(?:the|this|{_MY}) )?"
_AT = "(?:at|from|in|on|to|into|towards?|by|off to|(?:over|up|down|out|somewhere) (?:at|in|on|to))"
_SIDE = "(?P<side>left|right)(?:most|wards?)?"
_END = "(?P<end>front|back|rear)"
_TIER = "(?P<tier>upper|lower|top|bottom)"
_HAND = "(?:[- ]?hand)?"
_FLANK = "(?: (?:side|half|part|end|edge|flank|quarter|quadrant|third|portion|hemisphere|wall))?"
_CENTRE = "(?:(?:the|my|this|our) )?(?:cent(?:er|re)|middle)"
_MINE = f"(?: of (?:{_ME}|{_CENTRE}|(?:the|my|this|our) room))?"
_VERY = "(?:(?:far|very|extreme|hard|immediate|direct|exact) )?"
_CORNER = "(?: corner)"
_ROOF = "(?:ceiling|roof|attic|loft|rafters|sky|treetops?|upper floor|(?:floor|room|flat) above)"
_CELLAR = "(?:basement|cellar|crawl ?space|lower floor|(?:floor|room|flat) below)"
_LIMB = "(?:ears?|shoulder|elbow|arm|hand|leg|foot|hip|knee|flank)"
_CLOCK = "(?:[- ]?o['’]?[- ]?clock)"
_HOUR = f"(?P<hour>{HOUR})"
_HOUR_TO = f"(?P<hour_to>{HOUR})"
_DEG = r"(?: ?(?:°|deg(?:rees?)?\b)(?! ?(?:c|f|celsius|fahrenheit|below zero)\b))"
_ANGLE = f"(?P<degrees>{ANGLE})"
_ANGLE_TO = f"(?P<degrees_to>{ANGLE})"
_TO_ANGLE = "(?:(?:at|from|to|towards?|about) )?"
_WAY = (
    f"(?:{_DEG}? (?:to|on|off to|towards?)? ?{_THE}{_SIDE}{_HAND}{_FLANK}"
    "(?: of (?:me|(?:the )?front|straight ahead|cent(?:er|re)))?)"
)
_WIND = f"(?P<wind>{WIND})"
_METRES = f"(?P<count>{COUNT}) ?(?P<unit>{UNIT})"
_BOUND = "(?:(?P<bound>within|under|less than|closer than|at most|up to|over|more than|at least) )?"
_TIME = r"(?! ?(?:a\.?m|p\.?m|sharp|at night|in the (?:morning|afternoon|evening)|tea|news)\b)"

NUMERIC = ("hour", "hour_to", "degrees", "degrees_to", "lifted", "raised", "lift", "turn",
           "around", "wind", "a", "b", "count", "unit", "bound")  # fmt: skip
"""Groups that hold numbers, or words that go along with them."""

NAMED = ("side", "end", "tier", "bare", "range", "height", "reach")
"""Groups that hold words of `elsa_rt.prompts.place_words.MEANS`."""


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
         f"|(?:before|opposite|across from|forward of) {_ME}|straight on|front and cent(?:er|re)"
         "|(?:up|out) front"
         f"|in {_MY} (?:way|path)", "front"),
        (f"{_AT} {_THE}{_VERY}{_END}{_FLANK}{_MINE}",),
        (f"behind {_ME}|(?:at|behind|in) {_MY} backs?|(?:in|at|to) (?:the )?(?:back|rear) of {_ME}"
         f"|over {_MY} shoulders?|(?:at|on|hard on) {_MY} (?:heels?|tail)"
         f"|(?:on|at|watch) {_MY} six|(?:astern|aft)(?: of {_ME})?", "behind"),
        ("(?<!left )behind", "behind", "preposition"),
        # sides
        (f"{_AT} {_THE}{_VERY}{_SIDE}{_HAND}{_FLANK}{_MINE}",),
        (f"{_SIDE} of (?:{_ME}|{_CENTRE})",),
        (f"{_SIDE}{_HAND} side",),
        (f"(?:at|by|in|near|beside|next to|close to|on) {_MY} {_SIDE} {_LIMB}", "near"),
        (f"{_AT} {_THE}(?P<side>port|starboard)(?: side| beam)?{_MINE}",),
        (f"{_AT} {_THE}(?P<end>bow|stern)",),
        (f"(?:{_AT}|off) {_THE}(?P<side>port|starboard) (?P<end>bow|quarter)",),
        (f"{_AT} (?:both|either|one|the|{_MY}|opposite)(?: of)?(?: the| {_MY})? sides?"
         f"(?: of {_ME})?|sideways|abeam|{_AT} (?:the )?sides?(?: of {_ME})?", "left right"),
        # both, in any order
        (f"(?:{_AT} {_THE})?(?:far )?{_END}(?:[- /]|, | and )(?:(?:to |on )?the )?{_SIDE}{_HAND}"
         f"(?:{_CORNER}|{_FLANK}){_MINE}",),
        (f"(?:{_AT} {_THE})?(?:far )?{_SIDE}{_HAND}(?:[- /]|, | and )(?:(?:to |at )?the )?{_END}"
         f"(?:{_CORNER}|{_FLANK}){_MINE}",),
        (f"{_AT} {_THE}(?:(?P<range>far|near) )?{_SIDE}{_HAND}{_CORNER}{_MINE}",),
        (f"{_AT} {_THE}{_END}{_CORNER}s?{_MINE}",),
        (f"(?:half ?way )?between {_THE}{_SIDE} and {_THE}{_END}",),
        (f"(?:half ?way )?between {_THE}{_END} and {_THE}{_SIDE}",),
        (f"over {_MY} {_SIDE} shoulder", "behind"),
        (f"(?P<end>behind)[-/]{_SIDE}{_MINE}",),
        (f"{_SIDE}[-/](?P<end>behind)(?: {_ME})?",),
        (f"(?:{_AT} {_THE})?(?P<end>forward|backward)[- /]{_SIDE}{_MINE}",),
        (f"{_AT} {_THE}(?P<side>[lr]hs)(?: of {_ME})?",),
        # heights
        (f"(?:above|over|atop|on top of) {_ME}|(?:above|over) {_MY} heads?|overhead|up above"
         "|up high|high up|high in the air|up in the air|upstairs|up there|aloft", "above"),
        (f"(?:{_AT}|above|under) (?:the|our|a|{_MY}) {_ROOF}|{_AT} {_THE}top(?: of the room)?",
         "above"),
        ("above", "above", "preposition"),
        (f"(?:below|beneath|underneath|under) {_ME}|(?:at|below|beneath|under) {_MY} feet"
         "|down below|down low|low down|downstairs|(?<!the )underground|down there"
         f"|(?:under|below|beneath|underneath) (?:the|our|{_MY}) (?:floor(?:boards)?|ground|feet)"
         f"|{_AT} (?:the|our|a|{_MY}) {_CELLAR}|{_AT} {_THE}bottom(?: of the room)?", "below"),
        ("below|beneath|underneath", "below", "preposition"),
        (f"(?:{_AT} {_THE})?{_TIER}[- ]{_SIDE}(?:{_CORNER}|{_FLANK}){_MINE}",),
        (f"(?P<tier>above|below)(?:,? (?:and )?(?:{_AT} )?{_THE}){_SIDE}",),
        (f"(?P<tier>above|below)[-/]{_SIDE}{_MINE}",),
        (f"{_SIDE}[-/](?P<tier>above|below)(?: {_ME})?",),
        (f"(?P<tier>up|down),? and (?:{_AT} )?{_THE}{_SIDE}",),
        (f"{_AT} {_THE}{_SIDE},? and (?P<tier>up|down)",),
        ("(?:at|on) (?:ear|eye|head|face|shoulder|my) (?:level|height)|level with me"
         "|(?:at|near|on|along) the horizon", "level"),
        # distances
        (f"(?:near|beside|close to|next to|alongside|adjacent to) {_ME}|near-?by|near by|close by"
         "|up close|alongside|at close (?:hand|range)|within (?:easy )?reach"
         "|(?:at|within) (?:an )?arm['’]?s[- ](?:length|reach)"
         f"|(?:by|at|near|beside|next to|close to) {_MY} (?:head|face|ears?|elbow)", "near"),
        (f"far (?:away|off)(?: from {_ME})?|far from {_ME}|afar|(?:at|from) (?:a|some) distance"
         "|in the distance|a long way (?:off|away)", "far"),
        (f"(?:(?:at|from|about|around|roughly|some) )*{_BOUND}{_METRES} (?:away|off|distant|out"
         f"|(?:from|of) {_ME})(?: from {_ME})?",),
        (f"(?P<bound>within|closer than) {_METRES}(?: (?:of|from) {_ME})?",),
        (f"{_BOUND}{_METRES}", "", "none"),  # "two metres behind me"
        # clock positions
        (f"(?:(?:at|from|towards?|to|near|on|in) )?{_THE}{_HOUR}{_CLOCK}"
         f"(?:[ ,]+(?P<tier>high|low))?(?: (?:position|direction))?{_TIME}",),
        (f"(?:between|from) {_THE}{_HOUR}{_CLOCK}? (?:and|to) {_THE}{_HOUR_TO}{_CLOCK}{_TIME}",),
        (f"(?:at|on|to|from|watch) {_MY} (?!one\\b|six\\b){_HOUR}", "", "end"),
        # angles
        (f"{_TO_ANGLE}{_ANGLE}{_DEG}(?:{_WAY}| azimuth)?",),
        (f"{_TO_ANGLE}{_ANGLE}{_DEG}? (?P<turn>counter-?clockwise|clockwise)",),
        (f"{_TO_ANGLE}(?:an? )?(?:azimuth|az|angle|bearing)(?: angle)?(?: of)?[ =:]*"
         f"{_ANGLE}{_DEG}?{_WAY}?",),
        (f"(?:(?:at|from) )?(?:an? )?(?:elevation|el)(?: angle)?(?: of)?[ =:]*"
         f"(?P<lifted>{ANGLE}){_DEG}?"
         f"|(?:(?:at|from) )?(?P<raised>{ANGLE}){_DEG} (?:of )?elevation",),
        (f"(?:(?:at|from) )?(?P<lifted>{ANGLE}){_DEG} (?P<lift>up|above|down|below)(?:wards?)?"
         "(?: (?:the )?horizon(?:tal)?)?",),
        (f"(?:between|from) {_ANGLE}{_DEG}? (?:and|to) {_ANGLE_TO}(?:{_WAY}|{_DEG}(?: azimuth)?)",),
        (f"(?:(?:at|in|from) )?{_ANGLE}{_DEG}?(?: to | ?[-–…] ?){_ANGLE_TO}{_DEG}"
         f"(?:{_WAY}| azimuth)?",),
        (f"within {_ANGLE}{_DEG} (?:of|around|from) (?:the |my )?(?P<around>front|left|right|back"
         "|rear)",),
        # compass points
        (f"{_AT} (?:the )?(?:due )?{_WIND}(?:ern)?(?:{_CORNER}|{_FLANK})(?: of {_ME}| of the room)?"
         f"|due {_WIND.replace('wind', 'a')}|{_WIND.replace('wind', 'b')} of {_ME}",),
        # everywhere
        (f"(?:from |in )?(?:anywhere|everywhere|any direction|all directions)(?: around {_ME})?"
         "(?! (?:else )?(?:but|except|other than|apart from)\\b)"
         f"|from (?:all|any|every) (?:sides?|directions?)|all (?:a)?round(?: {_ME})?|around {_ME}",
         "anywhere"),
        # a word alone
        (f"(?:the|{_MY}) (?:{_SIDE}|{_END}){_FLANK}", "", "denied"),
        ("(?P<bare>left|right|front|rear|port|starboard|[lr]hs)(?:wards?)?(?: side)?", "", "bare"),
    )
)  # fmt: skip
"""The table. Of several that fit, the longest counts."""

LEAD = (
    "(?:(?:(?:(?:that|which|who) )?(?:is|are|was|were|comes?|coming|heard|located|happening)"
    "(?P<isnt>n['’]t)?|(?:that|which|who)['’]s(?: (?:coming|heard|located))?) )?"
    "(?P<denied>(?:(?:(?:but|and|though) )?(?:not|never)(?: (?:coming|heard|located))?"
    "|(?:from |in |on )?(?:anywhere|everywhere|nowhere|any direction|(?:any|all|every) sides?)"
    "(?: else)? (?:but|except(?: for)?|other than|apart from|besides)"
    "|except(?: when| for)?|excluding|other than|apart from|nowhere near|rather than|instead of"
    "|unless|neither)(?: it['’]s| (?:it )?(?:is|comes?))? )?"
    "(?:from (?=behind|above|below|overhead|up|down|under|beneath|in front|afar|near|far"
    "|around|somewhere|right |directly|straight|diagonally|just|ahead|high|low) ?)?"
    "(?:(?:only|exactly|precisely|strictly|mostly|always|right|directly|straight|diagonally|just"
    "|immediately|somewhere|slightly|a bit|a little|way|further|more|hard|off-?cent(?:er|re)"
    "|roughly|about|approximately|(?P<height>high|low)(?: up| down)?"
    "|(?:very |quite |too )?(?P<reach>close|near|far)) )*"
)
"""What goes along with a phrase: "that is not right behind me", "coming from somewhere above"."""

NOUNS_IN_ING = (
    "building|ceiling|clearing|crossing|evening|king|landing|morning|painting|railing|ring|spring"
    "|string|thing|wing"
)
_VERB = (
    rf"(?!(?:{NOUNS_IN_ING})s?\b)\w+ing|is|are|was|were|and|or|nor|but|while|when|as|that|which"
    "|except|not|without|with|rather"
)
_MARK = r"""$|[.,;:!?)\]>"”»'’–—@]"""
FOLLOWS = {
    name: re.compile(rf"\s*(?:{_MARK}|[-/] ?(?=\w)|- |(?:{words})\b)", re.IGNORECASE)
    for name, words in {
        "place": f"{_VERB}|who|an?|the|there|some|someone|somebody|something|it|i|at|from|in|on|to"
                 "|only|please|too",
        "preposition": f"{_VERB}|at|from|in|on|to",  # "behind a door" is about the door
        "bare": "and|or|nor|but|not|only|except",
        "denied": "and|or|nor|but|is|are|please",
    }.items()
} | {"end": re.compile(rf"\s*(?:{_MARK})"), "none": re.compile("(?!)")}  # fmt: skip
"""What may come after a phrase that is about the listener and not about a thing."""
