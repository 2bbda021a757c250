"""Words for places, numbers and compass points, and what they mean."""

from __future__ import annotations

import re

MEANS = {
    "left": "left", "port": "left", "right": "right", "starboard": "right", "lhs": "left",
    "rhs": "right", "forward": "front", "backward": "behind",
    "front": "front", "bow": "front", "back": "behind", "rear": "behind", "stern": "behind",
    "quarter": "behind", "behind": "behind", "above": "above", "up": "above",
    "top": "above", "upper": "above", "high": "above", "below": "below", "bottom": "below",
    "lower": "below", "low": "below", "down": "below", "near": "near", "close": "near",
    "far": "far",
}  # fmt: skip
"""Words of phrases, and the places that they mean."""

_UNITS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_VALUES = {
    **{word: float(value) for value, word in enumerate(_UNITS)},
    **{word: 10.0 * value for value, word in enumerate(_TENS, 2)},
    "hundred": 100.0,
}
_BELOW_100 = f"(?:(?:{'|'.join(_TENS)})(?:[- ](?:{'|'.join(_UNITS[1:10])}))?|{'|'.join(_UNITS)})"

HOUR = f"(?:1[0-2]|[1-9]|{'|'.join(_UNITS[1:13])})"
"""Pattern of the hours of a clock."""

COUNT = (
    rf"(?:\d+(?:\.\d+)?|(?:(?:an?|one|two|three) )?hundred(?:(?: and)?[- ]{_BELOW_100})?"
    rf"|{_BELOW_100})"
)
"""Pattern of a number."""

ANGLE = (
    r"(?:[-+−]|(?:minus|plus|negative) )?"
    r"(?:(?:360|3[0-5]\d|[12]\d\d|\d?\d)(?!\d)(?:\.\d+)?"
    rf"|(?:(?:an?|one|two|three) )?hundred(?:(?: and)?[- ]{_BELOW_100})?|{_BELOW_100})"
)
"""Pattern of a number of degrees, 360 at most."""

WINDS = {
    name: 22.5 * index
    for index, name in enumerate((
        "north", "northnorthwest", "northwest", "westnorthwest",
        "west", "westsouthwest", "southwest", "southsouthwest",
        "south", "southsoutheast", "southeast", "eastsoutheast",
        "east", "eastnortheast", "northeast", "northnortheast",
    ))
}  # fmt: skip
"""Degrees counter-clockwise from north."""

_MAIN_WINDS = re.compile("north|south|east|west")
_LETTERS = {"n": "north", "s": "south", "e": "east", "w": "west"}

WIND = (
    "(?:"
    + "|".join("[- ]?".join(_MAIN_WINDS.findall(name)) for name in sorted(WINDS, key=len)[::-1])
    + "|(?-i:N?N[EW]|S?S[EW]|E[NS]E|W[NS]W))"
)
"""Pattern of compass points; of their letters in capitals alone."""

METRES = {
    "cm": 0.01, "centimeter": 0.01, "centimetre": 0.01, "m": 1.0, "meter": 1.0, "metre": 1.0,
    "km": 1e3, "kilometer": 1e3, "kilometre": 1e3, "inche": 0.0254, "inch": 0.0254, "ft": 0.3048,
    "foot": 0.3048, "feet": 0.3048, "yard": 0.9144, "yd": 0.9144, "mile": 1609.0, "pace": 0.75,
    "step": 0.75,
}  # fmt: skip
"""Units of distance."""

UNIT = f"(?:{'|'.join(sorted(METRES, key=len)[::-1])})s?"
"""Pattern of a unit of distance."""


def number_of(text: str) -> float:
    """The number of a text that `ANGLE`, `COUNT` or `HOUR` matches: "minus forty-five" is -45."""
    text = text.lower().replace("−", "-")
    match = re.match(r"(-|\+|minus|plus|negative)?\s*(.*)", text)
    assert match is not None
    sign = -1.0 if match[1] in ("-", "minus", "negative") else 1.0
    if match[2][0].isdigit():
        return sign * float(match[2])
    total = 0.0
    for word in re.split(r"[- ]", match[2]):
        value = _VALUES.get(word, 0.0)
        total = max(1.0, total) * value if word == "hundred" else total + value
    return sign * total


def wind_of(text: str) -> tuple[str, float]:
    """The name of a compass point that `WIND` matches, and its degrees from north, to the left."""
    name = text.lower().replace(" ", "").replace("-", "")
    if name not in WINDS:
        name = "".join(_LETTERS[letter] for letter in name)
    return name, WINDS[name]


def metres_of(count: str, unit: str) -> float:
    """A distance that `COUNT` and `UNIT` match."""
    return number_of(count) * METRES[unit.lower() if unit.lower() in METRES else unit.lower()[:-1]]
