"""Platt's fit: from how a sound resembles a prompt to how likely the prompt is right."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

PRIOR = 0.1
"""How often one of a user's prompts is what sounds, given that something does."""


def platt(z: NDArray[np.floating], true: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and bias of ``sigmoid(slope z + bias)``, the classes weighted to `PRIOR`.

    ``true`` says of each of ``z`` whether the prompt was right; there must be both.
    """
    weight = np.where(true, PRIOR / true.sum(), (1 - PRIOR) / (~true).sum())

    def loss(parameters: NDArray[np.float64]) -> float:
        logit = parameters[0] * z + parameters[1]
        return float((weight * np.logaddexp(0, np.where(true, -logit, logit))).sum())

    slope, bias = minimize(loss, np.array([1.0, -2.0]), method="Nelder-Mead").x
    return float(slope), float(bias)
