"""What rules mean, as vectors: words taken apart, several sentences and sounds folded into one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.config import Config
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.prompts.spatial_phrases import parse_prompt
from elsa_rt.rules.region import Region
from elsa_rt.rules.rule import Rule

if TYPE_CHECKING:
    from elsa_rt.encoder.audio import AudioEncoder

Vectors = NDArray[np.float32]

EXAMPLE_SHARE = 0.5
"""Share of the examples in the vector of a rule that has words, too."""


class RuleEmbeddings(NamedTuple):
    """What p rules are listened for.

    Attributes
    ----------
    embedding : float32 (p, D), unit length; zeros for a rule that names no sound
    semantic : float32 (p, D), its words without their place, or its examples
    against : the rule (q,) and the embedding (q, D) of what it must not be
    regions : where each is listened for
    """

    embedding: Vectors
    semantic: Vectors
    against: tuple[NDArray[np.intp], Vectors]
    regions: tuple[Region, ...]


def texts_to_encode(rules: Sequence[Rule]) -> list[str]:
    """All that `embed_rules` needs encoded: each sentence, and what it says without a place."""
    said = [prompt for rule in rules for prompt in (*rule.prompts, *rule.but_not)]
    return list(dict.fromkeys([*said, *(parse_prompt(prompt).what for prompt in said)]))


def embed_rules(
    rules: Sequence[Rule],
    bundle: ModelBundle,
    encoded: dict[str, Vectors],
    encoder: AudioEncoder | None,
    config: Config,
) -> RuleEmbeddings:
    """Vectors and regions of ``rules``; ``encoded`` holds what `texts_to_encode` asks for.

    The whole sentence is asked for in its region: of all mixtures with the part that names the
    sound alone, that missed least at equal false alarms. An encoder of windows knows nothing of
    places, and a region that is given means another one than the words may: then it is the part.
    """
    count = len(rules)
    embedding, semantic = (np.zeros((count, bundle.embedding), np.float32) for _ in range(2))
    rows, excluded, regions = [], [], []
    for index, rule in enumerate(rules):
        placeless = bundle.window is not None or rule.region is not None
        parts = [encoded[parse_prompt(prompt).what] for prompt in rule.prompts]
        whole = parts if placeless else [encoded[prompt] for prompt in rule.prompts]
        if rule.examples:
            heard = _mean(_heard(rule.examples, bundle, encoder, config))
            whole = [_mix(_mean(whole), heard, EXAMPLE_SHARE) if whole else heard]
            parts = parts or [heard]
        if whole:
            embedding[index], semantic[index] = _mean(whole), _mean(parts)
        rows += [index] * len(rule.but_not)
        excluded += [encoded[parse_prompt(text).what] for text in rule.but_not]
        regions.append(region_of(rule))
    nothing = np.empty((0, bundle.embedding), np.float32)
    against = np.array(rows, np.intp), np.stack(excluded) if excluded else nothing
    return RuleEmbeddings(embedding, semantic, against, tuple(regions))


def region_of(rule: Rule) -> Region:
    """Where ``rule`` listens: as it says, or else as the words of its sentences agree on.

    Words for a distance do not count: how far sounds are is heard too roughly.
    """
    if rule.region is not None:
        return rule.region
    said = {replace(parse_prompt(prompt).region, distance_m=(0.0, inf)) for prompt in rule.prompts}
    return said.pop() if len(said) == 1 else Region()


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
