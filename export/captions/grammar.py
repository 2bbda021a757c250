"""The grammar of captions: `grammar.yaml` put to words by a small expander.

A claim is what a caption says, as indices: azimuth, elevation, distance, reverberation, size into
the lists of the same names in `grammar.yaml`, `ANY` where it says nothing of that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from export.data.clips import Wording

ANY = -1
"""An attribute that a caption does not mention."""

ATTRIBUTES = ("azimuth", "elevation", "distance", "reverberation", "size")
"""What a caption may claim beside its label, in the order of claims."""

Rules = Mapping[str, Sequence[str]]
_NAME = re.compile(r"\{(\w+)\}")


@cache
def rules() -> dict[str, Any]:
    """`grammar.yaml`, read once."""
    return dict(yaml.safe_load(Path(__file__).with_name("grammar.yaml").read_text("utf-8")))


@cache
def anything() -> Wording:
    """How a sound is called of which only the place is said."""
    return Wording(**rules()["anything"])


def say(
    wording: Wording, place: Sequence[int], rng: np.random.Generator, typed: bool = True
) -> str:
    """One sentence about a sound so called, with everything that ``place`` (5,) claims.

    ``typed`` brings questions, orders and hurried words of users in; else it is a statement.
    """
    known = _sound_rules(wording, rng) | _place_rules(tuple(place))
    kind = "placed" if "at" in known else "plain"
    forms = [*rules()[kind], *(rules()[f"{kind} typed"] if typed else [])]
    able = [form for form in forms if known.keys() >= set(_NAME.findall(form))]
    return _expand(_pick(able, rng), known, rng)


def _expand(form: str, known: Rules, rng: np.random.Generator) -> str:
    return _NAME.sub(lambda name: _expand(_pick(known[name[1]], rng), known, rng), form)


def _pick(ways: Sequence[str], rng: np.random.Generator) -> str:
    return ways[int(rng.integers(len(ways)))]


def _sound_rules(wording: Wording, rng: np.random.Generator) -> dict[str, Sequence[str]]:
    """Names of sentences that stand for the sound itself; one clause is chosen for all of them."""
    known: dict[str, Sequence[str]] = {
        "thing": wording.say,
        "the": [definite(thing) for thing in wording.say],
        "loose": [*wording.say, *wording.also],
    }
    if wording.does:
        subject, verb, doing = _pick(wording.does, rng).split(" | ")
        to_be = "is" if verb.split()[0].endswith("s") else "are"
        known |= {
            "clause": [f"{subject} {verb}"],
            "present": [f"{subject} {to_be} {doing}"],
            "question": [f"{to_be} {subject} {doing}"],
        }
        if not subject.startswith("the "):
            known["exists"] = [f"there {to_be} {subject} {doing}"]
    return known


def definite(thing: str) -> str:
    """The sound once it is known: "a dog" -> "the dog", "rain" -> "the rain", "someone" stays."""
    if re.match(r"(the|some(one|thing)|any(thing)?|\w+'s)\b", thing):
        return thing
    return "the " + re.sub(r"^an? ", "", thing)


@cache
def _place_rules(place: tuple[int, ...]) -> dict[str, Sequence[str]]:
    """`at`, and where the place has them `from` and `bare`, with the words they are made of."""
    claimed = dict(zip(ATTRIBUTES, place, strict=True))
    known: dict[str, Sequence[str]] = {}
    for attribute, word in claimed.items():
        if word != ANY:
            ways = rules()[attribute][word]
            known |= {f"{attribute[0]}_{form}": said for form, said in ways.items()}
    if "r_with" in known:  # "in a large hall, in a room that echoes" would name two rooms
        known["r_with_plain"] = [said for said in known["r_with"] if not said.startswith("in ")]
    where = rules()["places"].get(_key(claimed, ATTRIBUTES[:3]), {})
    rooms = rules()["rooms"].get(_key(claimed, ATTRIBUTES[3:]))
    if rooms:
        known["room"] = rooms
        # only what stands in a whole sentence bears a room behind it
        where = {"at": [f"{way} {{room}}" for way in where.get("at", [])] or ["{room}"]}
    return known | where


def _key(claimed: Mapping[str, int], among: Sequence[str]) -> str:
    return " ".join(attribute for attribute in among if claimed[attribute] != ANY)
