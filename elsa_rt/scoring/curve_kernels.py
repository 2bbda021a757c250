"""The compiled kernel of the scores of a step. It validates nothing: `scorer` does."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from elsa_rt.jit.numba_compiler import compiled
from elsa_rt.scoring.logits import MAX_SCORE

Doubles = NDArray[np.float64]


@compiled
def reached(
    knots: Doubles, log_rates: Doubles, tail_scale: Doubles, logit: NDArray[np.float32],
    score: NDArray[np.float32], rate: NDArray[np.float32],
) -> int:  # fmt: skip
    """Write score (p,) and false alarms an hour (p,) of logits (p,); see `FalseAlarmCurves`."""
    last = knots.shape[1] - 1
    for rule in range(logit.size):
        x, row, rates = np.float64(logit[rule]), knots[rule], log_rates[rule]
        if math.isnan(rates[0]):
            score[rule] = min(0.5 * (1 + math.tanh(0.5 * x)), MAX_SCORE)
            rate[rule] = np.nan
            continue
        at = 0
        while at < last - 1 and row[at + 1] <= x:
            at += 1
        wide = row[at + 1] - row[at]
        share = min(max((x - row[at]) / wide, 0.0), 1.0) if wide > 0 else 0.0
        found = rates[at] + share * (rates[at + 1] - rates[at])
        found += max(row[0] - x, 0.0) - max(x - row[last], 0.0) / tail_scale[rule]
        score[rule] = min(1 / (1 + math.sqrt(math.exp(found))), MAX_SCORE)
        rate[rule] = math.exp(min(found, rates[0]))
    return 0
