"""Train the student and the text projection on scenes made on the fly.

    python -m export.train WORK --steps 12000

``WORK`` comes from `export.prepare`. The run leaves ``WORK/run/checkpoint.pt`` and
``WORK/run/log.jsonl``; the same command goes on from the last checkpoint.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections import deque
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset
from tqdm import tqdm

from export.captions import ANY, claims_true
from export.clips import kinds
from export.losses import (
    WEIGHTS,
    Steps,
    TagHead,
    Temperature,
    contrast_loss,
    label_loss,
    place_losses,
    tag_losses,
)
from export.scenes import SILENT, Scene, Studio
from export.student import Heard, Student
from export.text import TextProjection

BATCH = 16  # scenes
SCENE_BATCH = 4  # scenes that a worker hands over at once
RESERVOIR = 3000  # scenes that wait to be used again, turned and levelled anew
PER_SCENE = 6  # steps of each scene that meet captions
HARD = 2  # further captions for each step: the same sound elsewhere, another sound here
AVERAGING = 0.999  # of the weights that are shipped
LEARNING_RATE = 1.5e-3
WARM_UP = 300  # steps
SAVE_EVERY_S = 120.0


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
        """Captions for n sounds: a true one each, and `HARD` that share half of the truth."""
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


def augment(mel: Tensor, direction: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Turn each scene about the vertical, mirror it or not, change its level, hide some bands."""
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
    mel[:, :, 0] += torch.from_numpy(rng.normal(0, 1.0, (batch, 1, 1))).float()
    for i in range(batch):
        width, start = int(rng.integers(0, 9)), int(rng.integers(0, 60))
        if rng.random() < 0.3:
            mel[i, :, 0, start : start + width] = mel[i, :, 0].mean()
            mel[i, :, 1:, start : start + width] = 0
    return mel, torch.stack([dx, dy, direction[..., 2]], -1)


def collate(scenes: Sequence[Scene], rng: np.random.Generator) -> tuple[Tensor, Steps]:
    """Features (batch, time, 8, mels) and the truth of their steps, augmented."""
    mel = torch.from_numpy(np.stack([scene.mel for scene in scenes])).float()
    label, clip, direction, distance = (
        torch.from_numpy(np.stack(column))
        for column in zip(*(scene.truth for scene in scenes), strict=True)
    )
    mel, direction = augment(mel, direction, rng)
    return mel, Steps(label != SILENT, label, clip, direction, distance)


class Trainer:
    """Everything that a checkpoint holds, and one optimisation step."""

    def __init__(self, work: Path, total: int) -> None:
        self.captions = CaptionBank(work)
        with np.load(work / "clips.npz") as clips:
            has_tags = "logits" in clips
            self.tags = {
                name: torch.from_numpy(clips[name].astype(np.float32))
                for name in ("logits", "features")
                if has_tags
            }
        if self.tags:  # most of a feature vector is what all sounds share
            features = self.tags["features"]
            self.tags["features"] = (features - features.mean(0)) / (features.std(0) + 1e-3)
        kinds = torch.from_numpy(self.captions.kinds)
        self.wider = kinds & ~torch.eye(len(kinds), dtype=torch.bool)
        self.student = Student()
        self.projection = TextProjection(self.captions.pooled.shape[1])
        self.head = TagHead(self.student.size.width)
        self.temperature = Temperature()
        self.average = deepcopy(self.student).requires_grad_(False)
        self.average_projection = deepcopy(self.projection).requires_grad_(False)
        parts = (self.student, self.projection, self.head, self.temperature)
        parameters = [p for part in parts for p in part.parameters()]
        self.optimizer = torch.optim.AdamW(parameters, LEARNING_RATE, weight_decay=0.02)
        self.total = total
        self.step = 0

    _parts = ("student", "projection", "head", "temperature", "average", "average_projection",
              "optimizer")  # fmt: skip

    def save(self, path: Path) -> None:
        """Write a checkpoint whole or not at all."""
        state = {name: getattr(self, name).state_dict() for name in self._parts}
        state |= {"step": self.step, "size": asdict(self.student.size)}
        part = path.with_suffix(".part")
        torch.save(state, part)
        part.rename(path)

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint."""
        state = torch.load(path, weights_only=True)
        for name in self._parts:
            getattr(self, name).load_state_dict(state[name])
        self.step = state["step"]

    def train_on(self, mel: Tensor, truth: Steps, rng: np.random.Generator) -> dict[str, float]:
        """One step of optimisation; returns each loss."""
        losses = self.losses(mel, truth, rng)
        total = sum((WEIGHTS[name] * loss for name, loss in losses.items()), torch.zeros(()))
        for group in self.optimizer.param_groups:
            group["lr"] = LEARNING_RATE * schedule(self.step, self.total)
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.student.parameters(), 5.0)
        self.optimizer.step()
        self.step += 1
        decay = min(AVERAGING, self.step / (self.step + 50))
        _average(self.average, self.student, decay)
        _average(self.average_projection, self.projection, decay)
        return {name: float(loss.detach()) for name, loss in losses.items()}

    def losses(self, mel: Tensor, truth: Steps, rng: np.random.Generator) -> dict[str, Tensor]:
        """All losses of a batch by name."""
        with torch.autocast("cpu", torch.bfloat16):
            heard, _ = self.student(mel)
        heard = Heard(*(part.float() for part in heard))
        losses = place_losses(heard, truth)
        which = _choose_steps(truth.active, rng)
        sounds, label = heard.embedding[which][:, 0], truth.label[which]
        scale = self.temperature()
        phrases = self.projection(self.captions.phrases(rng))
        losses["label"] = label_loss(sounds, phrases, scale, label, self.wider)
        losses["contrast"] = self._contrast(sounds, truth, which, rng)
        if self.tags:
            clip = truth.clip[which]
            losses |= tag_losses(
                self.head,
                heard.hidden[which],
                self.tags["logits"][clip],
                self.tags["features"][clip],
            )
        return losses

    def _contrast(
        self, sounds: Tensor, truth: Steps, which: Tensor, rng: np.random.Generator
    ) -> Tensor:
        direction = truth.direction[which].double().numpy()
        azimuth = np.degrees(np.arctan2(direction[:, 1], direction[:, 0]))
        elevation = np.degrees(np.arcsin(np.clip(direction[:, 2], -1, 1)))
        label, distance = truth.label[which].numpy(), truth.distance[which].double().numpy()
        chosen = self.captions.draw(label, azimuth, elevation, distance, rng)
        true = claims_true(
            label, azimuth, elevation, distance, self.captions.claims[chosen], self.captions.kinds
        )
        texts = self.projection(self.captions.pooled[torch.from_numpy(chosen)])
        return contrast_loss(sounds, texts, self.temperature(), torch.from_numpy(true))


def schedule(step: int, total: int) -> float:
    """Share of the learning rate: rises over `WARM_UP` steps, then falls as a half cosine."""
    return min(1.0, (step + 1) / WARM_UP) * 0.5 * (1 + math.cos(math.pi * min(1, step / total)))


def _choose_steps(active: Tensor, rng: np.random.Generator) -> Tensor:
    """Mask (batch, steps) of up to `PER_SCENE` active steps in each scene."""
    lottery = torch.from_numpy(rng.random(active.shape)).masked_fill(~active, 2.0)
    limit = lottery.sort(dim=1).values[:, PER_SCENE - 1 : PER_SCENE]
    return (lottery <= limit) & active


def _average(slow: torch.nn.Module, fast: torch.nn.Module, decay: float) -> None:
    with torch.no_grad():
        for mean, now in zip(slow.parameters(), fast.parameters(), strict=True):
            mean.lerp_(now, 1 - decay)
        for held, new in zip(slow.buffers(), fast.buffers(), strict=True):
            held.copy_(new)


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
        yield collate([waiting[int(i)] for i in chosen], rng)


def main(argv: Sequence[str] | None = None) -> None:
    """Train until ``--steps``, with a checkpoint every two minutes."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("work", type=Path, help="directory that export.prepare filled")
    parser.add_argument("--steps", type=int, default=12_000)
    parser.add_argument("--workers", type=int, default=1, help="processes that make scenes")
    parser.add_argument("--threads", type=int, default=1, help="threads of the network")
    parser.add_argument("--reuse", type=int, default=4, choices=(1, 2, 4), help="of each scene")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    run = args.work / "run"
    run.mkdir(exist_ok=True)
    torch.manual_seed(args.seed)
    trainer = Trainer(args.work, args.steps)
    if (run / "checkpoint.pt").exists():
        trainer.resume(run / "checkpoint.pt")
    rng = np.random.default_rng([args.seed, trainer.step])
    feed = batches(args.work, args.seed + trainer.step, args.workers, args.reuse, rng)
    train(trainer, feed, args.steps, run, rng)


def train(
    trainer: Trainer,
    feed: Iterator[tuple[Tensor, Steps]],
    total: int,
    run: Path,
    rng: np.random.Generator,
) -> None:
    """The loop: optimise, say how it goes, save every two minutes."""
    saved = time.monotonic()
    recent: dict[str, Any] = {}
    with tqdm(total=total, initial=trainer.step, unit="step", mininterval=10) as bar:
        while trainer.step < total:
            for name, loss in trainer.train_on(*next(feed), rng).items():
                recent[name] = 0.98 * recent.get(name, loss) + 0.02 * loss
            bar.update()
            if trainer.step % 100 == 0:
                bar.set_postfix({name: f"{loss:.2f}" for name, loss in recent.items()})
                with (run / "log.jsonl").open("a") as log:
                    log.write(json.dumps({"step": trainer.step, **recent}) + "\n")
            if time.monotonic() - saved > SAVE_EVERY_S or trainer.step == total:
                trainer.save(run / "checkpoint.pt")
                saved = time.monotonic()


if __name__ == "__main__":
    main()
