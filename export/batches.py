"""Batches of scenes: made by other processes, kept for a while, turned anew at each use."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from export.losses import Steps
from export.scenes import SILENT, Scene, Studio

BATCH = 16  # scenes
SCENE_BATCH = 4  # scenes that a worker hands over at once
RESERVOIR = 1500  # scenes that wait to be used again: 0.8 MB each
HIDDEN_SHARE = 0.4  # of the scenes lose some bands
HIDDEN_BANDS = 17  # at most this many less one


class SceneStream(IterableDataset[list[Scene]]):
    """Endless scenes, other ones in every worker and after every resume."""

    def __init__(self, work: Path, seed: int) -> None:
        self.work, self.seed = work, seed

    def __iter__(self) -> Iterator[list[Scene]]:
        torch.set_num_threads(1)
        info = torch.utils.data.get_worker_info()
        rng = np.random.default_rng([self.seed, info.id if info else 0])
        studio = Studio(self.work, validation=False)
        while True:
            yield [studio.scene(rng) for _ in range(SCENE_BATCH)]


def augment(mel: Tensor, direction: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Turn each scene about the vertical, mirror it sideways or upside down or not, hide bands."""
    batch = mel.shape[0]
    angle = torch.from_numpy(rng.uniform(-np.pi, np.pi, batch)).float()
    cosine, sine = angle.cos(), angle.sin()
    mirror = torch.from_numpy(rng.choice([-1.0, 1.0], batch)).float()

    def turn(x: Tensor, y: Tensor, shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        c, s, m = cosine.view(shape), sine.view(shape), mirror.view(shape)
        return c * x - s * y, m * (s * x + c * y)

    mel = mel.clone()
    for x in (1, 4):
        mel[:, :, x], mel[:, :, x + 1] = turn(mel[:, :, x], mel[:, :, x + 1], (-1, 1, 1))
    dx, dy = turn(direction[..., 0], direction[..., 1], (-1, 1))
    tip = torch.from_numpy(rng.choice([-1.0, 1.0], batch)).float()
    mel[:, :, [3, 6]] *= tip.view(-1, 1, 1, 1)
    for i in np.flatnonzero(rng.random(batch) < HIDDEN_SHARE):
        width = int(rng.integers(1, HIDDEN_BANDS))
        start = int(rng.integers(mel.shape[3] - width))
        mel[i, :, 0, start : start + width] = mel[i, :, 0].mean()
        mel[i, :, 1:, start : start + width] = 0
    return mel, torch.stack([dx, dy, tip[:, None] * direction[..., 2]], -1)


def stack(scenes: Sequence[Scene]) -> tuple[Tensor, Steps]:
    """Features (batch, time, 8, mels) and the truth of their steps."""
    mel = torch.from_numpy(np.stack([scene.mel for scene in scenes])).float()
    label, clip, direction, distance, t30, floor = (
        torch.from_numpy(np.stack(column))
        for column in zip(*(scene.truth for scene in scenes), strict=True)
    )
    return mel, Steps(label != SILENT, label, clip, direction, distance, t30, floor)


def augmented(scenes: Sequence[Scene], rng: np.random.Generator) -> tuple[Tensor, Steps]:
    """The same, each scene turned and hidden anew."""
    mel, truth = stack(scenes)
    mel, direction = augment(mel, truth.direction, rng)
    return mel, truth._replace(direction=direction)


def batches(
    work: Path, seed: int, workers: int, reuse: int, rng: np.random.Generator
) -> Iterator[tuple[Tensor, Steps]]:
    """Endless batches; each scene is used about ``reuse`` times from a reservoir."""
    loader = DataLoader(SceneStream(work, seed), None, num_workers=workers, prefetch_factor=4)
    waiting: deque[Scene] = deque(maxlen=RESERVOIR)
    fresh = iter(loader)
    while True:
        wanted = BATCH if len(waiting) < 16 * BATCH else BATCH // reuse
        for _ in range(wanted // SCENE_BATCH):
            waiting.extend(next(fresh))
        chosen = rng.integers(0, len(waiting), BATCH)
        yield augmented([waiting[int(i)] for i in chosen], rng)
