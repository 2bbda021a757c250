"""Batches of scenes: made by other processes, kept for a while, turned anew at each use."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from elsa_rt.features.intensity import IntensityFeatures
from export.scenes.shard_reader import ShardStudio
from export.scenes.studio import SILENT, Rendered, Scene, Studio, analyse
from export.settings import FEATURES
from export.teacher import Teacher, load
from export.towers.losses import TargetSteps

BATCH = 16  # scenes
SCENE_BATCH = 4  # scenes that a worker hands over at once
RESERVOIR = 1500  # scenes that wait to be used again: 0.8 MB each
PER_SCENE = 8  # steps of each that meet captions
HIDDEN_SHARE = 0.4  # of the scenes lose some bands
HIDDEN_BANDS = 17  # at most this many less one


class Feed(NamedTuple):
    """Where scenes come from."""

    work: Path
    shards: Path | None = None  # scenes written before, in place of new ones
    teacher: Path | None = None  # checkpoint whose embeddings go along


class SceneStream(IterableDataset[list[Scene]]):
    """Endless scenes, other ones in every worker and after every resume."""

    def __init__(self, feed: Feed, seed: int) -> None:
        self.feed, self.seed = feed, seed

    def __iter__(self) -> Iterator[list[Scene]]:
        torch.set_num_threads(1)
        info = torch.utils.data.get_worker_info()
        rng = np.random.default_rng([self.seed, info.id if info else 0])
        work, shards, teacher = self.feed
        studio = ShardStudio(shards) if shards else Studio(work, validation=False)
        taught = load(teacher) if teacher else None
        features = IntensityFeatures(FEATURES)
        while True:
            yield [_scene(studio.render(rng), features, taught) for _ in range(SCENE_BATCH)]


def _scene(rendered: Rendered, features: IntensityFeatures, teacher: Teacher | None) -> Scene:
    scene = analyse(rendered, features)
    if teacher is None:
        return scene
    return scene._replace(taught=teacher.embed_sound(rendered.foa[None])[0].numpy())


def turn_scenes(mel: Tensor, direction: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Turn each scene about the vertical, mirror it sideways, upside down, both or not at all."""
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
    return mel, torch.stack([dx, dy, tip[:, None] * direction[..., 2]], -1)


def hide_bands(mel: Tensor, rng: np.random.Generator) -> Tensor:
    """Features in which some scenes have lost neighbouring bands."""
    mel = mel.clone()
    for i in np.flatnonzero(rng.random(mel.shape[0]) < HIDDEN_SHARE):
        width = int(rng.integers(1, HIDDEN_BANDS))
        start = int(rng.integers(mel.shape[3] - width))
        mel[i, :, 0, start : start + width] = mel[i, :, 0].mean()
        mel[i, :, 1:, start : start + width] = 0
    return mel


def stack(scenes: Sequence[Scene]) -> tuple[Tensor, TargetSteps]:
    """Features (batch, time, 8, mels) and the truth of their steps."""
    mel = torch.from_numpy(np.stack([scene.mel for scene in scenes])).float()
    label, clip, direction, distance, t30, floor = (
        torch.from_numpy(np.stack(column))
        for column in zip(*(scene.truth for scene in scenes), strict=True)
    )
    taught = torch.from_numpy(np.stack([scene.taught for scene in scenes]))
    return mel, TargetSteps(label != SILENT, label, clip, direction, distance, t30, floor, taught)


def some_steps(active: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Up to `PER_SCENE` of the ``active`` steps (batch, steps) of each scene."""
    lottery = np.where(active, rng.random(active.shape), 2.0)
    limit = np.sort(lottery, axis=1)[:, PER_SCENE - 1 : PER_SCENE]
    return (lottery <= limit) & active


def augmented(scenes: Sequence[Scene], rng: np.random.Generator) -> tuple[Tensor, TargetSteps]:
    """The same with bands hidden and, where no teacher spoke of its place, turned anew."""
    mel, truth = stack(scenes)
    if not truth.taught.numel():
        mel, direction = turn_scenes(mel, truth.direction, rng)
        truth = truth._replace(direction=direction)
    return hide_bands(mel, rng), truth


def batches(
    feed: Feed, seed: int, workers: int, reuse: int, rng: np.random.Generator, size: int = BATCH
) -> Iterator[tuple[Tensor, TargetSteps]]:
    """Endless batches of ``size`` scenes; each is used about ``reuse`` times from a reservoir."""
    loader = DataLoader(SceneStream(feed, seed), None, num_workers=workers, prefetch_factor=4)
    waiting: deque[Scene] = deque(maxlen=RESERVOIR)
    fresh = iter(loader)
    while True:
        wanted = size if len(waiting) < 16 * size else size // reuse
        for _ in range(wanted // SCENE_BATCH):
            waiting.extend(next(fresh))
        chosen = rng.integers(0, len(waiting), size)
        yield augmented([waiting[int(i)] for i in chosen], rng)
