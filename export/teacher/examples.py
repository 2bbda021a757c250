"""Scenes as the teacher hears them: one clip, one main sound, one answer."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soxr
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from elsa_rt.errors import ElsaError, UsageError
from export.scenes.shard_reader import ShardStudio
from export.scenes.studio import SILENT, Studio, Truth
from export.settings import FEATURES
from export.teacher.config import Model, Training
from export.teacher.losses import Where
from export.teacher.semantic import Ears, make_ears

LAG = 4
"""Passes between two uses of a scene."""

TRIES = 200  # scenes that are made at most to find one with a main sound


class Example(NamedTuple):
    """One scene, or a batch of them with one more axis in front."""

    foa: Tensor  # float16 (4, n) at the spatial tower's rate
    heard: Tensor  # what the semantic plug's ears made of W
    label: Tensor  # int64
    clip: Tensor  # int64, its number in clips.npz
    direction: Tensor  # (3,)
    distance: Tensor  # metres
    floor: Tensor  # square metres, NaN where unknown
    t30: Tensor  # seconds, NaN where unknown

    @property
    def where(self) -> Where:
        """What the place losses compare with."""
        return Where(self.direction, self.distance, self.floor, self.t30)


class Hearing:
    """FOA at the device's rate -> what both towers take."""

    def __init__(self, settings: Model) -> None:
        self.settings = settings
        self.ears: Ears = make_ears(settings.semantic)

    def __call__(self, foa: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Of AmbiX (4, n) at `FEATURES.rate`: FOA (4, m) at the spatial tower's, and W's features.

        Raises
        ------
        UsageError
            The sound is longer than ``model.seconds``.
        """
        wanted = round(self.settings.seconds * FEATURES.rate)
        if foa.ndim != 2 or foa.shape[0] != 4 or foa.shape[1] > wanted:
            raise UsageError(
                f"the teacher hears FOA (4, n), n up to {wanted} ({self.settings.seconds} s), "
                f"{foa.shape} came in: cut it, or train with a longer model.seconds"
            )
        rate = self.settings.spatial.rate
        fitted = np.zeros((4, round(self.settings.seconds * rate)), np.float32)
        resampled = soxr.resample(foa.T, FEATURES.rate, rate).T[:, : fitted.shape[1]]
        fitted[:, : resampled.shape[1]] = resampled
        return fitted, self.ears(soxr.resample(foa[0], FEATURES.rate, self.ears.rate))


class Examples(Dataset[Example]):
    """Scene number i of one split of a working directory, or of ``shards`` for training.

    What is made is always the same; from shards comes the next scene, whatever its number.
    """

    def __init__(
        self,
        work: Path,
        hearing: Hearing,
        validation: bool,
        dominance: float,
        seed: int,
        shards: str = "",
    ) -> None:
        self.work, self.hearing, self.validation = work, hearing, validation
        self.dominance, self.seed, self.shards = dominance, seed, shards

    @cached_property
    def _studio(self) -> Studio | ShardStudio:  # made late: each process loads its own
        if not self.shards:
            return Studio(self.work, self.validation)
        studio = ShardStudio(Path(self.shards))
        with np.load(self.work / "clips.npz") as clips:
            if studio.labels != clips["labels"].tolist():
                raise UsageError(
                    f"training.shards {self.shards!r} knows other labels than {self.work}: name "
                    "the folder that export.scenes.shards wrote from it"
                )
        return studio

    def __getitem__(self, index: int) -> Example:
        rng = np.random.default_rng([self.seed, index])
        for _ in range(TRIES):
            foa, truth = self._studio.render(rng)
            steps = main_steps(truth, self.dominance)
            if steps is not None:
                return self._example(foa, truth, steps)
        raise ElsaError(
            f"none of {TRIES} scenes has a main sound in {self.dominance:.0%} of its sounding "
            "steps: lower training.dominance"
        )

    def _example(self, foa: NDArray[np.float32], truth: Truth, steps: NDArray[np.intp]) -> Example:
        spatial, heard = self.hearing(foa)
        direction = truth.direction[steps].mean(0)
        place = (truth.distance, truth.floor, truth.t30)
        distance, floor, t30 = (torch.tensor(float(column[steps].mean())) for column in place)
        return Example(
            torch.from_numpy(spatial.astype(np.float16)),
            torch.from_numpy(heard),
            torch.tensor(int(truth.label[steps[0]])),
            torch.tensor(int(truth.clip[steps[0]])),
            torch.from_numpy(direction / np.linalg.norm(direction)).float(),
            distance,
            floor,
            t30,
        )


def main_steps(truth: Truth, dominance: float) -> NDArray[np.intp] | None:
    """Steps of the clip that sounds longest; None if it holds less than its share of them."""
    sounding = truth.clip[truth.clip != SILENT]
    if not sounding.size:
        return None
    clips, counts = np.unique(sounding, return_counts=True)
    if counts.max() < dominance * sounding.size:
        return None
    return np.flatnonzero(truth.clip == clips[counts.argmax()])


def turn(batch: Example, rng: np.random.Generator) -> Example:
    """Turn each scene about the vertical, and mirror left and right or not: exact on FOA."""
    count = batch.label.shape[0]
    angle = torch.from_numpy(rng.uniform(-np.pi, np.pi, count)).float()[:, None]
    mirror = torch.from_numpy(rng.choice([-1.0, 1.0], count)).float()[:, None]
    w, y, z, x = batch.foa.float().unbind(1)
    dx, dy, dz = batch.direction.unbind(1)
    x, y = _turned(x, y, angle, mirror)
    level_x, level_y = _turned(dx[:, None], dy[:, None], angle, mirror)
    return batch._replace(
        foa=torch.stack([w, y, z, x], 1),
        direction=torch.cat([level_x, level_y, dz[:, None]], 1),
    )


def _turned(x: Tensor, y: Tensor, angle: Tensor, mirror: Tensor) -> tuple[Tensor, Tensor]:
    cosine, sine = angle.cos(), angle.sin()
    return cosine * x - sine * y, mirror * (sine * x + cosine * y)


def collate(examples: Sequence[Example]) -> Example:
    """A batch of them."""
    return Example(*(torch.stack(column) for column in zip(*examples, strict=True)))


def feed(
    examples: Examples, training: Training, first: int, rank: int = 0, world: int = 1
) -> Iterator[Example]:
    """Batches from pass ``first`` on, always the same ones; each scene comes ``reuse`` times.

    A pass takes ``batch / reuse`` new scenes, and with them those that were new `LAG`, 2 `LAG`, ...
    passes before; what is older than the start is made first. Processes share the scenes out.
    """
    fresh = training.batch // training.reuse
    numbers = range(first * fresh * world + rank, sys.maxsize, world)
    loader = DataLoader(
        examples, fresh, sampler=numbers, num_workers=training.workers, collate_fn=collate
    )
    held: deque[Example] = deque(maxlen=(training.reuse - 1) * LAG + 1)
    for group in loader:
        held.append(group)
        if len(held) == held.maxlen:
            yield Example(*(torch.cat(c) for c in zip(*list(held)[::LAG], strict=True)))
