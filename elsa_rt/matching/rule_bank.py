"""Rules as a prompt bank: the mean of what a rule's prompts say, in its region."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from elsa_rt.config import Config
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.errors import UsageError
from elsa_rt.matching.prompts import PromptBank
from elsa_rt.matching.regions import Region
from elsa_rt.matching.rule import Rule


def encode_rules(bundle: ModelBundle, rules: Sequence[Rule], config: Config) -> PromptBank:
    """A bank with a row for each of ``rules``; one without words has zeros."""
    words = tuple(dict.fromkeys(prompt for rule in rules for prompt in rule.prompts))
    unheard = [rule.id for rule in rules if rule.examples and not rule.prompts]
    if unheard:
        raise UsageError(f"rule {unheard[0]}: examples without a prompt: add a prompt")
    bank = PromptBank.encode(bundle, words, config) if words else PromptBank.empty(bundle)
    place = {word: index for index, word in enumerate(words)}
    embedding = np.zeros((len(rules), bundle.embedding), np.float32)
    regions = []
    for index, rule in enumerate(rules):
        own = [place[word] for word in rule.prompts]
        if own:
            mean = bank.embedding[own].mean(axis=0)
            embedding[index] = mean / np.linalg.norm(mean)
        said = bank.regions[own[0]] if bank.regions and own else Region()
        regions.append(rule.region or said)
    embedding.flags.writeable = False
    labels = tuple(rule.label for rule in rules)
    return replace(bank, prompts=labels, embedding=embedding, regions=tuple(regions))
