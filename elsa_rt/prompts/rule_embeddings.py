"""Vectors of rules: sentences split into sound and place, ensembles and examples averaged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.config import Config
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.prompts.plain_name import plain_name
from elsa_rt.prompts.sentences import Sentence, parse_sentence
from elsa_rt.prompts.spatial_phrases import ANYTHING, ParsedPrompt, parse_prompt
from elsa_rt.rules.region import Region
from elsa_rt.rules.rule import Rule

if TYPE_CHECKING:
    from elsa_rt.encoder.audio import AudioEncoder

Vectors = NDArray[np.float32]

EXAMPLE_SHARE = 0.5
"""Share of the examples in the vector of a rule that has words, too."""


class RuleEmbeddings(NamedTuple):
    """What p rules are listened for, in v >= p sounds: "a dog or a cat" is two.

    Attributes
    ----------
    embedding : float32 (v, D), unit length; zeros for a rule that names no sound
        Detectors of its words, see `elsa_rt.encoder.text.EncodedTexts`, and its examples.
    semantic : float32 (v, D), the same of its words without their place, or its examples
    named : float32 (v, D), embeddings in place of detectors, to be compared with other texts
    against : the sound (q,) and the embedding (q, D) of what it must not be
    regions : where each of the v is listened for
    owner : int (v,), rising: the rule that each belongs to
    anything : those of the v that mean any sound at all; their vectors are zero
    said : bare names that the words of each of the v may be, see `plain_name`
    """

    embedding: Vectors
    semantic: Vectors
    named: Vectors
    against: tuple[NDArray[np.intp], Vectors]
    regions: tuple[Region, ...]
    owner: NDArray[np.intp]
    anything: tuple[int, ...] = ()
    said: tuple[tuple[str, ...], ...] = ()

    def of(self, rule: int) -> NDArray[np.intp]:
        """The sounds of a rule."""
        return np.flatnonzero(self.owner == rule)

    def subset(self, rules: Sequence[int]) -> RuleEmbeddings:
        """The same for some of the rules, in their order here."""
        kept = np.flatnonzero(np.isin(self.owner, rules))
        sounds, excluded = self.against
        against = np.isin(sounds, kept)
        return RuleEmbeddings(
            self.embedding[kept],
            self.semantic[kept],
            self.named[kept],
            (np.searchsorted(kept, sounds[against]), excluded[against]),
            tuple(self.regions[sound] for sound in kept),
            np.searchsorted(rules, self.owner[kept]),
            said=tuple(self.said[sound] for sound in kept) if self.said else (),
        )


class _Sound(NamedTuple):
    """One sound of a rule, before its texts are encoded."""

    whole: tuple[str, ...]  # texts for the embedding: an ensemble
    parts: tuple[str, ...]  # the same without a place
    region: Region


def texts_to_encode(rules: Sequence[Rule], config: Config) -> list[str]:
    """All that `embed_rules` needs encoded: each sound with its place and without it."""
    sounds = [sound for rule in rules for sound in _sounds(rule, config)]
    texts = [text for sound in sounds for text in (*sound.whole, *sound.parts)]
    texts += [text for rule in rules for text in excluded_by(rule, config)]
    return list(dict.fromkeys(texts))


def embed_rules(
    rules: Sequence[Rule],
    bundle: ModelBundle,
    detectors: dict[str, Vectors],
    embeddings: dict[str, Vectors],
    encoder: AudioEncoder | None,
    config: Config,
) -> RuleEmbeddings:
    """Vectors and regions of ``rules``; ``detectors`` and ``embeddings`` are of `texts_to_encode`.

    The whole sentence is asked for in its region: of all mixtures with the part that names the
    sound alone, that missed least at equal false alarms. CLAP's text knows nothing of
    places, and a region that is given means another one than the words may: then it is the part.
    """
    embedding, semantic, named = list[Vectors](), list[Vectors](), list[Vectors]()
    anything = list[int]()
    rows, excluded, regions, owner = [], list[Vectors](), list[Region](), list[int]()
    said = list[tuple[str, ...]]()
    for index, rule in enumerate(rules):
        placeless = not bundle.reads_places or rule.region is not None
        heard = None
        if rule.examples:
            heard = _mean(_heard(rule.examples, bundle, encoder, config))
        against = [detectors[text] for text in excluded_by(rule, config)]
        for sound in _sounds(rule, config):
            parts = [detectors[text] for text in sound.parts]
            plain = [embeddings[text] for text in sound.parts]
            whole = parts if placeless else [detectors[text] for text in sound.whole]
            if heard is not None:
                whole = [_mix(_mean(whole), heard, EXAMPLE_SHARE) if whole else heard]
                parts, plain = parts or [heard], plain or [heard]
            nothing = np.zeros(bundle.embedding, np.float32)
            if heard is None and set(sound.parts) == {ANYTHING}:
                anything.append(len(owner))
                whole = parts = plain = []
            rows += [len(owner)] * len(against)
            excluded += against
            embedding.append(_mean(whole) if whole else nothing)
            semantic.append(_mean(parts) if parts else nothing)
            named.append(_mean(plain) if plain else nothing)
            regions.append(sound.region)
            said.append(tuple(plain_name(text) for text in sound.parts))
            owner.append(index)
    none = np.empty((0, bundle.embedding), np.float32)
    return RuleEmbeddings(
        np.stack(embedding) if embedding else none,
        np.stack(semantic) if semantic else none.copy(),
        np.stack(named) if named else none.copy(),
        (np.array(rows, np.intp), np.stack(excluded) if excluded else none),
        tuple(regions),
        np.array(owner, np.intp),
        tuple(anything),
        tuple(said),
    )


def excluded_by(rule: Rule, config: Config) -> list[str]:
    """What ``rule`` must not be: its ``but_not``, and what its sentences exclude."""
    given = [parse_prompt(text, config.north_deg).sound for text in rule.but_not]
    said = [text for one in _sentences(rule, config) for text in one.but_not]
    return list(dict.fromkeys([*given, *said]))


def region_of(rule: Rule, config: Config) -> Region:
    """Where ``rule`` listens: of several sounds, where any of them is."""
    return Region.union(sound.region for sound in _sounds(rule, config))


def _sounds(rule: Rule, config: Config) -> list[_Sound]:
    """The sounds of ``rule``: its sentences are one, ways to say the same, but for "or"."""
    sentences = _sentences(rule, config)
    alone = [one.sounds[0] for one in sentences if len(one.sounds) == 1]
    groups: list[Sequence[ParsedPrompt]] = [alone] if alone or not sentences else []
    groups += [[sound] for one in sentences if len(one.sounds) > 1 for sound in one.sounds]
    return [
        _Sound(
            tuple(sound.text for sound in group),
            tuple(sound.sound for sound in group),
            rule.region or _common_region(group),
        )
        for group in groups
    ]


def _sentences(rule: Rule, config: Config) -> list[Sentence]:
    return [parse_sentence(prompt, config.north_deg) for prompt in rule.prompts]


def _common_region(sounds: Sequence[ParsedPrompt]) -> Region:
    """The place that all ``sounds`` name; all space where they differ.

    Words for a distance do not count: how far sounds are is heard too roughly.
    """
    said = {_without_distance(sound.region) for sound in sounds}
    return said.pop() if len(said) == 1 else Region()


def _without_distance(region: Region) -> Region:
    if not region.asks_distance:
        return region
    return Region.union(replace(part, distance_m=(0.0, inf)) for part in region.parts)


def _heard(
    examples: Sequence[str], bundle: ModelBundle, encoder: AudioEncoder | None, config: Config
) -> list[Vectors]:
    from elsa_rt.encoder.audio import AudioEncoder
    from elsa_rt.prompts.examples import embed_example

    encoder = encoder or AudioEncoder(bundle, config)
    return [embed_example(path, encoder) for path in examples]


def _mix(one: Vectors, other: Vectors, share: float) -> Vectors:
    return _unit((1 - share) * one + share * other)


def _mean(vectors: Sequence[Vectors]) -> Vectors:
    return _unit(np.mean(vectors, axis=0))


def _unit(vector: Vectors) -> Vectors:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9), np.float32)
