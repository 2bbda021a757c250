"""What the text side knows by name: the tagger's classes and the labels of training, as people say.

`tags.yaml` has the wordings of the classes, `labels.yaml` those of the labels, `paraphrases.yaml`
what other people may say, to judge by.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

import yaml

from export.data.clips import wording

Kind = Literal["label", "tag"]


class Entry(NamedTuple):
    """One sound with a name, and what people call it."""

    name: str
    kind: Kind
    wordings: tuple[str, ...]


@cache
def tag_wordings() -> dict[str, tuple[str, ...]]:
    """Each of the tagger's classes with the wordings of `tags.yaml`."""
    read = yaml.safe_load(Path(__file__).with_name("tags.yaml").read_text("utf-8"))
    return {name: tuple(wordings) for name, wordings in read.items()}


@cache
def paraphrases() -> dict[str, tuple[str, ...]]:
    """Each label of `paraphrases.yaml` with sentences that nothing is trained on."""
    read = yaml.safe_load(Path(__file__).with_name("paraphrases.yaml").read_text("utf-8"))
    return {label: tuple(sentences) for label, sentences in read.items()}


def tag_captions(name: str) -> tuple[str, ...]:
    """Captions of a class: its name as a list ("bark or woof") and the wordings of `tags.yaml`."""
    said = name.lower().replace(", and ", ", ").replace(" (", ", ").replace(")", "").split(", ")
    clean = " or ".join(dict.fromkeys(part.strip() for part in said))
    return tuple(dict.fromkeys([clean, *tag_wordings().get(name, ())]))


def label_captions(label: str) -> tuple[str, ...]:
    """A label's name, phrases and clauses, without a place."""
    words = wording(label)
    clauses = (" ".join(clause.split(" | ")[:2]) for clause in words.does)
    return tuple(dict.fromkeys([label, *words.say, *words.also, *clauses]))


def entries(labels: Sequence[str], tags: Sequence[str]) -> list[Entry]:
    """The labels of training, then the tagger's classes in their order."""
    return [
        *(Entry(label, "label", label_captions(label)) for label in labels),
        *(Entry(tag, "tag", tag_captions(tag)) for tag in tags),
    ]
