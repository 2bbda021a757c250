"""A map of embeddings in the plane (van der Maaten and Hinton, 2008), exact, for some hundreds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ITERATIONS = 600
EXAGGERATED = 150  # of them with all attraction taken fourfold
LEARNING_RATE = 100.0


def components(points: NDArray[np.floating], count: int = 2) -> NDArray[np.float64]:
    """Coordinates (n, count) along the first principal components of ``points`` (n, d)."""
    centred = np.asarray(points, float) - np.mean(points, axis=0)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    return u[:, :count] * s[:count]


def tsne(points: NDArray[np.floating], perplexity: float = 15.0) -> NDArray[np.float64]:
    """Places (n, 2) in which near neighbours of ``points`` (n, d) are near; without chance.

    ``perplexity`` is about how many neighbours count, and is brought below n / 3.
    """
    n = len(points)
    squares = (np.asarray(points, float) ** 2).sum(1)
    apart = np.maximum(squares[:, None] + squares - 2 * points @ points.T, 0)
    wanted = _affinities(apart, min(perplexity, max(1.0, (n - 1) / 3)))
    place = components(points)
    place *= 1e-2 / max(float(place[:, 0].std()), 1e-12)
    velocity, gain = np.zeros_like(place), np.ones_like(place)
    for iteration in range(ITERATIONS):
        early = iteration < EXAGGERATED
        slope = _slope(place, wanted * (4 if early else 1))
        gain = np.where(slope * velocity < 0, gain + 0.2, np.maximum(gain * 0.8, 0.01))
        velocity = (0.5 if early else 0.8) * velocity - LEARNING_RATE * gain * slope
        place = place + velocity
    return place


def _slope(place: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    squares = (place**2).sum(1)
    kernel = 1 / (1 + np.maximum(squares[:, None] + squares - 2 * place @ place.T, 0))
    np.fill_diagonal(kernel, 0)
    force = (wanted - kernel / kernel.sum()) * kernel
    return 4 * (force.sum(1)[:, None] * place - force @ place)


def _affinities(apart: NDArray[np.float64], perplexity: float) -> NDArray[np.float64]:
    """Symmetric probabilities (n, n) whose rows have ``perplexity`` neighbours before joining."""
    n = len(apart)
    low, high = np.zeros(n), np.full(n, np.inf)
    sharpness = np.full(n, 1 / max(float(np.median(apart)), 1e-12))
    offset = apart + np.diag(np.full(n, np.inf))
    offset = offset - offset.min(1, keepdims=True)
    for _ in range(50):
        weights = np.exp(-offset * sharpness[:, None])
        rows = weights / weights.sum(1, keepdims=True)
        entropy = -(rows * np.log(np.maximum(rows, 1e-300))).sum(1)
        flat = entropy > np.log(perplexity)
        low, high = np.where(flat, sharpness, low), np.where(flat, high, sharpness)
        sharpness = np.where(np.isinf(high), sharpness * 2, (low + np.minimum(high, 1e300)) / 2)
    return (rows + rows.T) / (2 * n)
