"""Score and false alarms an hour of log odds, as a part of compiled kernels."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from elsa_rt.jit.numba_compiler import compiled
from elsa_rt.scoring.logits import MAX_SCORE

Doubles = NDArray[np.float64]


@compiled
def reached(x: float, row: Doubles, rates: Doubles, tail_scale: float) -> tuple[float, float]:
    """Score and false alarms an hour of ``x``; see `FalseAlarmCurves`."""
    if math.isnan(rates[0]):
        return min(0.5 * (1 + math.tanh(0.5 * x)), MAX_SCORE), np.nan
    last, at = row.size - 1, 0
    while at < last - 1 and row[at + 1] <= x:
        at += 1
    wide = row[at + 1] - row[at]
    share = min(max((x - row[at]) / wide, 0.0), 1.0) if wide > 0 else 0.0
    found = rates[at] + share * (rates[at + 1] - rates[at])
    found += max(row[0] - x, 0.0) - max(x - row[last], 0.0) / tail_scale
    return min(1 / (1 + math.sqrt(math.exp(found))), MAX_SCORE), math.exp(min(found, rates[0]))
