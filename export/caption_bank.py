"""The captions of a working directory, ready to be drawn from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from export.captions import ANY, claims_true
from export.clips import kinds


class CaptionBank:
    """The pooled captions of `export.prepare` with what they claim, ready to be drawn from."""

    def __init__(self, work: Path) -> None:
        with np.load(work / "captions.npz") as captions:
            self.claims = captions["claims"]
            self.pooled = torch.from_numpy(captions["pooled"].astype(np.float32))
        with np.load(work / "clips.npz") as clips:
            self.kinds = kinds([str(label) for label in clips["labels"]])
        plain = (self.claims[:, 1:] == ANY).all(1)
        self.labels = int(self.claims[:, 0].max()) + 1
        self.plain_of = [
            np.flatnonzero(plain & (self.claims[:, 0] == label)) for label in range(self.labels)
        ]
        self.nothing = np.flatnonzero(self.claims[:, 0] == ANY)
        self._of = [np.flatnonzero(self.claims[:, 0] == label) for label in range(self.labels)]

    def phrases(self, rng: np.random.Generator) -> Tensor:
        """One plain pooled phrase of every label (labels, width)."""
        return self.pooled[[int(rng.choice(mine)) for mine in self.plain_of]]

    def draw(
        self,
        label: NDArray[np.int64],
        azimuth: NDArray[np.float64],
        elevation: NDArray[np.float64],
        distance: NDArray[np.float64],
        rng: np.random.Generator,
    ) -> NDArray[np.int64]:
        """Captions (3 n,) for n sounds: with each true one go two that share half of its
        truth, the same sound elsewhere and another sound here.
        """
        chosen = []
        for i in range(label.size):
            mine = self._of[label[i]] if rng.random() < 0.9 else self.nothing
            one = slice(i, i + 1)
            holds = claims_true(
                label[one], azimuth[one], elevation[one], distance[one],
                self.claims[mine], self.kinds,
            )[0]  # fmt: skip
            true = int(rng.choice(mine[holds]))
            chosen.append(true)
            chosen.append(int(rng.choice(mine)))
            others = self._of[int(rng.integers(self.labels))]
            same_place = others[(self.claims[others, 1:] == self.claims[true, 1:]).all(1)]
            chosen.append(int(rng.choice(same_place)))
        return np.array(chosen)
