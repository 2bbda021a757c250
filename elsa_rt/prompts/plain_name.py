"""The bare name of a sound in a prompt: "the sound of a car_horn" names a "car horn"."""

from __future__ import annotations

import re

_NAME = re.compile(
    r"(?:(?:alert|tell|warn) me (?:when|if) (?:you hear|there is|there are) )?"
    r"(?:(?:this is )?(?:the |a |an )?(?:sounds?|noises?) of )?"
    r"(?:the |an? )?(?P<name>.+?)(?: (?:sounds?|noises?))?[.!]*",
)


def plain_name(text: str) -> str:
    """``text`` in small letters, without articles and words that only say that it is a sound."""
    words = " ".join(re.split(r"[\s_-]+", text.strip().lower()))
    match = _NAME.fullmatch(words)
    return match["name"] if match else words
