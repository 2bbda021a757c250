"""JSON of the scores of a step: most of a line, of which only three numbers of a rule change."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from elsa_rt.hearing import Score
from elsa_rt.jit.kernel import Kernel

WRITE = Kernel("elsa_rt.outputs.score_kernels", "write_scores", "b1 i1 b1 d2")

LONGEST = 24
"""Characters of a number at most."""

LARGEST = 1e12
"""Numbers beyond it, infinite ones too, are left to the general encoder."""


class ScoreText:
    """Writes scores as `Score.as_dict` says, with the text of the same rules as before."""

    def __init__(self) -> None:
        self._rules: tuple[Any, ...] = ()
        self._parts: list[str] = []

    def text(self, scores: tuple[Score, ...]) -> str:
        """The objects of ``scores``, with commas between them."""
        if not scores:
            return ""
        prompts, similarity, score, rate, rules, thresholds = zip(*scores, strict=True)
        if self._rules != (prompts, rules, thresholds):
            self._begin((prompts, rules, thresholds), scores)
        values = np.array((similarity, score, rate), np.float64)
        if np.fmax.reduce(np.abs(values[:2]), axis=None) > LARGEST or np.fmin.reduce(rate) < 0:
            return ", ".join(json.dumps(one.as_dict(), allow_nan=False) for one in scores)
        length = self._write(values)
        return self._out[:length].tobytes().decode()

    def _begin(self, rules: tuple[Any, ...], scores: tuple[Score, ...]) -> None:
        self._rules = rules
        parts: list[str] = []
        for one in scores:
            said = one.as_dict()
            behind = json.dumps({name: said[name] for name in ("rule", "threshold")},
                                allow_nan=False)  # fmt: skip
            comma = ", " if parts else ""
            parts += [
                f'{comma}{{"prompt": {json.dumps(said["prompt"])}, "similarity": ', ', "score": ',
                ', "false_alarms_per_hour": ', f", {behind[1:]}",
            ]  # fmt: skip
        text = np.frombuffer("".join(parts).encode(), np.uint8)
        bounds = np.cumsum([0, *map(len, map(str.encode, parts))])
        self._out = np.empty(text.size + 3 * LONGEST * len(scores), np.uint8)
        self._write = WRITE.bind(text, bounds, self._out)
