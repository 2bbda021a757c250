"""Level gate: rules that ask how loud it is, beside their words or in place of them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from elsa_rt.encoder.output import EncoderOutput
from elsa_rt.rules.region import Region, RegionGate
from elsa_rt.rules.rule import Rule
from elsa_rt.scoring.confirmation import RuleMapping
from elsa_rt.scoring.scorer import Match

HYSTERESIS_DB = 3.0
"""So far below the level that it asks for a rule that was loud enough stays so."""


class LevelGate:
    """Puts the level of W, as `EnergyFlow` measures it, into the scores of p rules.

    A rule without words or examples scores by its region alone: 1 inside, less at its soft edge,
    see `RegionGate`. Any rule that asks for a level scores nothing where it is not reached.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        asked = [rule.level_dbfs for rule in rules]
        self._asked = np.array([-math.inf if level is None else level for level in asked])
        self._wordless = np.array([not rule.has_meaning for rule in rules], np.bool_)
        self._places = RegionGate(
            [rule.region or Region() for rule in rules if not rule.has_meaning]
        )
        self._idle = bool(np.isneginf(self._asked).all() and not self._wordless.any())
        self.reset()

    def reset(self) -> None:
        """The next step is the first."""
        self._loud = np.zeros(self._asked.shape, np.bool_)

    def inherit(self, before: LevelGate, mapping: RuleMapping) -> None:
        """Go on with the rules that ``before`` has, too."""
        self._loud[mapping.new] = before._loud[mapping.old]

    def step(self, match: Match, sound: EncoderOutput, level_dbfs: float) -> Match:
        """``match`` with the level; ``sound`` is in the axes of the regions."""
        if self._idle:
            return match
        self._loud = level_dbfs >= self._asked - HYSTERESIS_DB * self._loud
        score, slot = match.score.copy(), match.slot.copy()
        if self._wordless.any():
            loudest = int(sound.activity.argmax())
            place = self._places.step(sound.direction[[loudest]], sound.distance_m[[loudest]])
            score[self._wordless], slot[self._wordless] = place[0], loudest
        return match._replace(score=score * self._loud, slot=slot)
