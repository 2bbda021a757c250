"""Quantiles that are taken while listening and at a start.

Those of NumPy load `numpy.ma` when they are first called, for 8 ms: a step would wait for that.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray


def quantile(values: NDArray[np.floating[Any]], share: float) -> Any:
    """Quantile (...) along the first axis of finite ``values`` (n, ...), between two by a line."""
    at = share * (len(values) - 1)
    below, above = math.floor(at), math.ceil(at)
    low, high = np.partition(values, (below, above), axis=0)[[below, above]].astype(np.float64)
    return low * (1 - (at - below)) + high * (at - below)


def median(values: NDArray[np.floating[Any]]) -> Any:
    """Median (...) along the first axis of finite ``values`` (n, ...)."""
    return quantile(values, 0.5)
