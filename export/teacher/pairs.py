"""What is heard where: the sounds of a batch, at their own or at other scenes' places."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from elsa_rt.errors import UsageError
from export.captions.spatial import Attributes, attributes_of
from export.scenes.casting import COMMON, RARITY
from export.teacher.examples import Example


class Pairs(NamedTuple):
    """m sounds at the places of n scenes."""

    heard: Tensor  # what the semantic plug's ears made of each
    label: Tensor  # int64 (m,)
    clip: Tensor  # int64 (m,)
    places: Tensor  # int64 (m,), below n

    def attributes(self, batch: Example) -> Attributes:
        """What captions are judged by; ``batch`` holds the n scenes."""
        there = (batch.direction, batch.distance, batch.t30, batch.floor)
        return attributes_of(self.label.numpy(), *(part[self.places].numpy() for part in there))


def pair(batch: Example, recombine: float, rng: np.random.Generator) -> Pairs:
    """The sounds of a batch; a share of them is heard at each other's places.

    So few scenes show many pairs of what and where.
    """
    count = len(batch.label)
    chosen = rng.permutation(count)[: round(recombine * count)]
    places = torch.arange(count)
    places[torch.from_numpy(chosen)] = torch.from_numpy(np.roll(chosen, 1))
    return Pairs(batch.heard, batch.label, batch.clip, places)


class DryClips:
    """Training clips as the tagger heard them without a room.

    Raises
    ------
    UsageError
        The working directory was prepared without a tagger.
    """

    def __init__(self, work: Path) -> None:
        with np.load(work / "clips.npz") as clips:
            if "features" not in clips:
                raise UsageError(
                    f"{work} knows no tags: run python -m export prepare anew with --tagger, or "
                    "set training.dry to 0"
                )
            mine = np.flatnonzero(~(clips["validation"] | clips["unseen"]))
            self._features = torch.from_numpy(clips["features"][mine].astype(np.float32))
            label = clips["label"][mine]
        self._clip, self._label = torch.from_numpy(mine), torch.from_numpy(label)
        _, kind, counts = np.unique(label, return_inverse=True, return_counts=True)
        weight = (np.minimum(counts, COMMON) ** RARITY / counts)[kind]
        self._weight = weight / weight.sum()  # labels as often as in scenes

    def join(self, pairs: Pairs, count: int, rng: np.random.Generator) -> Pairs:
        """With ``count`` of them at places of the same scenes."""
        chosen = torch.from_numpy(rng.choice(len(self._weight), count, p=self._weight))
        places = torch.from_numpy(rng.integers(int(pairs.places.max()) + 1, size=count))
        more = Pairs(self._features[chosen], self._label[chosen], self._clip[chosen], places)
        return Pairs(*(torch.cat(column) for column in zip(pairs, more, strict=True)))
