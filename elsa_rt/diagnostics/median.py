"""Medians that are taken while listening.

`numpy.median` and `numpy.quantile` load `numpy.ma` when they are first called, and a step of the
stream would wait for that.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def median(values: NDArray[np.floating[Any]]) -> Any:
    """Median along the first axis of finite ``values`` (n, ...)."""
    ordered, half = np.sort(values, axis=0), len(values) // 2
    return ordered[half] if len(values) % 2 else (ordered[half - 1] + ordered[half]) / 2
