"""Maps of embeddings in the plane."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE


def components(points: NDArray[np.floating], count: int = 2) -> NDArray[np.float64]:
    """Coordinates (n, count) along the first principal components of ``points`` (n, d)."""
    return np.asarray(PCA(count, svd_solver="full").fit_transform(points), np.float64)


def tsne(points: NDArray[np.floating], perplexity: float = 15.0) -> NDArray[np.float64]:
    """Places (n, 2) in which near neighbours of ``points`` (n, d) are near, the same every time.

    ``perplexity`` is about how many neighbours count, and is brought below n / 3.
    """
    few = min(perplexity, max(1.0, (len(points) - 1) / 3))
    return np.asarray(TSNE(perplexity=few, init="pca", random_state=0).fit_transform(points), float)
