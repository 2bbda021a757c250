"""Notices about the words for places in prompts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from elsa_rt.config import Config
from elsa_rt.prompts.checks import quoted
from elsa_rt.prompts.place_doubts import cure_of
from elsa_rt.prompts.sentences import Sentence, parse_sentence
from elsa_rt.rules.rule import Rule

PLACED = 0.7
"""Share of certainty from which on the text encoder takes a sound without its place for a place.
Of 1,869 wordings of the training labels 0 are, of 1,667 of the tagger's classes 2, of 233
paraphrases 2 ("in the server room", "the bedside clock")."""


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
        taken = [sound.said for sound in sentence.sounds if placed[sound.sound] >= PLACED]
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
