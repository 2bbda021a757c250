"""Characters that the terminal view is drawn with, and their replacements in plain ASCII."""

from __future__ import annotations

from typing import NamedTuple


class Signs(NamedTuple):
    """One set of characters."""

    bar: str
    empty: str
    mark: str  # the threshold in a bar
    rule: str  # lines between parts
    sound: str
    faint: str  # a sound that is not heard at present
    trail: str
    spread: str  # the rim within the uncertainty of a direction
    flow: str
    end: str  # where a line was cut
    braille: bool


UNICODE = Signs("━", "─", "┃", "─", "●", "○", "∙", "•", "◦", "…", True)
ASCII = Signs("=", "-", "|", "-", "O", "o", ".", "*", ",", "~", False)

_PLAIN = str.maketrans({"±": "+-", "°": "", "…": "~"})


def in_ascii(text: str) -> str:
    """``text`` without what ASCII has not; letters of other languages become ``?``."""
    return text.translate(_PLAIN).encode("ascii", "replace").decode("ascii")


def signs_for(encoding: str) -> Signs:
    """The characters that ``encoding`` can carry."""
    try:
        "".join(str(sign) for sign in UNICODE).encode(encoding)
        "⠿".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return UNICODE
