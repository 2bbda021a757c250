"""What is to be said of prompts that mean nothing to the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from elsa_rt.config import Config
from elsa_rt.prompts.checks import quoted
from elsa_rt.prompts.sentences import parse_sentence
from elsa_rt.prompts.spatial_phrases import ANYTHING
from elsa_rt.rules.rule import Rule

UNKNOWN = 0.5
"""A sentence that is less like every name of the text encoder means nothing to the model. Of 244
paraphrases of sounds 8 % are, of 20 sentences about anything but sounds 13."""


class NearestName(NamedTuple):
    """The name of the text encoder that a text is the likest to."""

    name: str
    likeness: float  # -1..1


def name_notices(
    rules: Sequence[Rule], config: Config, nearest: Mapping[str, NearestName]
) -> Iterator[str]:
    """A notice for each of ``rules`` all of whose sentences mean nothing to the model.

    None of rules with examples, which say by themselves what is meant.

    Parameters
    ----------
    nearest : mapping of texts to names
        Of every sound without its place; empty where the bundle has no names.
    """
    for rule in rules:
        sentences = [parse_sentence(prompt, config.north_deg) for prompt in rule.prompts]
        sounds = [sound.sound for sentence in sentences for sound in sentence.sounds]
        if rule.examples or not sounds or not nearest or ANYTHING in sounds:
            continue
        best = max((nearest[sound] for sound in sounds), key=lambda one: one.likeness)
        if best.likeness < UNKNOWN:
            yield (
                f"the prompt {quoted(rule.label)}: the model does not know what this is, the "
                f"nearest name is {best.name!r}: say what makes the sound or how it sounds, or "
                "give a recording of it with --example"
            )
