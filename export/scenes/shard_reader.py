"""Scenes read back from shards, in place of a studio that makes them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from elsa_rt.errors import UsageError
from elsa_rt.features.intensity import IntensityFeatures
from export.scenes.shard_format import read_shard
from export.scenes.shards import ABOUT
from export.scenes.studio import Rendered, Scene, analyse
from export.settings import FEATURES, STEP_S


class ShardStudio:
    """Scenes of a folder that `export.scenes.shards` filled: endless, the shards in random order.

    It stands in for `export.scenes.studio.Studio`: the generator that is given first decides the
    order of the shards.
    """

    def __init__(self, folder: Path) -> None:
        self._shards = sorted(folder.glob("scenes-*.tar"))
        if not self._shards:
            raise UsageError(
                f"reading shards: none in {folder}: write some with python -m export shards"
            )
        about = json.loads((folder / ABOUT).read_text("utf-8"))
        if (about["rate"], about["step_s"]) != (FEATURES.rate, STEP_S):
            raise UsageError(
                f"reading shards: {folder} holds {about['rate']} Hz in steps of "
                f"{about['step_s']:g} s, {FEATURES.rate} Hz in steps of {STEP_S:g} s are needed: "
                "write them anew with python -m export shards"
            )
        self.labels: list[str] = about["labels"]
        self.settings = FEATURES
        self._features = IntensityFeatures(FEATURES)
        self._scenes: Iterator[Rendered] | None = None

    def scene(self, rng: np.random.Generator) -> Scene:
        """The next scene's features and truth."""
        return analyse(self.render(rng), self._features)

    def render(self, rng: np.random.Generator) -> Rendered:
        """The next scene."""
        self._scenes = self._scenes or self._read(rng)
        return next(self._scenes)

    def _read(self, rng: np.random.Generator) -> Iterator[Rendered]:
        while True:
            for index in rng.permutation(len(self._shards)):
                yield from read_shard(self._shards[index])
