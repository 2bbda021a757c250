"""Notices about the words for places in prompts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from elsa_rt.config import Config
from elsa_rt.prompts.checks import quoted
from elsa_rt.prompts.place_doubts import cure_of
from elsa_rt.prompts.sentences import Sentence, parse_sentence
from elsa_rt.rules.rule import Rule

PLACED = 0.65
"""Share of certainty from which on the text encoder takes a sound without its place for a place."""

ACOUSTICS = re.compile(r"\b(?:distant|reverberation|echoing|background)\b", re.IGNORECASE)
"""Words of distance and rooms, which the text encoder puts near those of place."""


def is_placed(text: str, certainty: float) -> bool:
    """Whether the text encoder takes ``text`` for a place, by its ``certainty`` 0..1 of that."""
    return certainty >= PLACED and not ACOUSTICS.search(text)


def place_notices(
    rules: Sequence[Rule], config: Config, placed: Mapping[str, float]
) -> Iterator[str]:
    """What the user should know of the places in the prompts of ``rules``.

    Nothing of a rule whose region is given: that overrides the words.

    Parameters
    ----------
    placed : mapping of texts to how surely the text encoder takes them for a place
        0..1, or NaN where it does not tell; of every sound without its place.
    """
    for prompt in (prompt for rule in rules if rule.region is None for prompt in rule.prompts):
        sentence = parse_sentence(prompt, config.north_deg)
        for said in _of_sentence(sentence, placed):
            yield f"the prompt {quoted(prompt)}{said}"


def _of_sentence(sentence: Sentence, placed: Mapping[str, float]) -> Iterator[str]:
    yield from (f": {doubt}" for doubt in sentence.doubts)
    if not sentence.doubts:
        taken = [
            sound.said for sound in sentence.sounds if is_placed(sound.sound, placed[sound.sound])
        ]
        for said in dict.fromkeys(taken):
            yield (
                " names a place to the text encoder, which was not understood as one: "
                f"{cure_of(said)}"
            )
    if any(sound.region.asks_distance for sound in sentence.sounds):
        yield (
            " names a distance, which is heard too roughly: it is not checked; give the rule a "
            "region with a distance if it should be"
        )
