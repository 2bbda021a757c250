"""What the student remembers of many scenes, kept: what the last stage of training learns from."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm import tqdm

from elsa_rt.files import replacing
from export.captions.spatial import Attributes, attributes_of
from export.scenes.studio import Studio
from export.student.batches import SCENE_BATCH, Feed, SceneStream, augmented, some_steps, stack
from export.student.model import Student
from export.towers.losses import TargetSteps

TURNS = 2  # a scene is heard so often, turned and masked anew
SCENES_PER_PASS = 16  # scenes
PER_FILE = 62  # times as many
VALIDATION_SEED = 17


class Memories(NamedTuple):
    """Steps (n,) in which something sounds: what is remembered, and what is so."""

    sound: NDArray[np.float16]  # (n, sound)
    place: NDArray[np.float16]  # (n, place)
    heard: NDArray[np.float32]  # (n, 4): direction and log of the distance, as the student has them
    label: NDArray[np.int64]
    clip: NDArray[np.int64]
    truth: NDArray[np.float32]  # (n, 6): true direction, distance, T30, floor

    def attributes(self, rows: NDArray[np.int64]) -> Attributes:
        """What is so of ``rows``, as captions word it."""
        truth = self.truth[rows]
        return attributes_of(self.label[rows], truth[:, :3], *truth[:, 3:].T)

    def embed(self, student: Student, rows: NDArray[np.int64], device: torch.device) -> Tensor:
        """The student's embeddings (r, 512) of ``rows``."""
        sound, place, heard = (
            torch.from_numpy(part[rows].astype(np.float32)).to(device)
            for part in (self.sound, self.place, self.heard)
        )
        return student.embed(sound, place, heard[:, :3], heard[:, 3:])


def gather(
    feed: Feed, student: Student, scenes: int, folder: Path, workers: int, seed: int
) -> Memories:
    """Memories of about ``scenes`` new scenes; files that ``folder`` holds already are kept."""
    folder.mkdir(exist_ok=True)
    batches = -(-scenes // SCENES_PER_PASS)
    starts = range(0, batches, PER_FILE)
    files = {folder / f"{i:05d}-{min(i + PER_FILE, batches):05d}.npz": i for i in starts}
    todo = {path: start for path, start in files.items() if not path.exists()}
    if todo:
        first = min(todo.values())
        loader = DataLoader(
            SceneStream(feed, seed + first), None, num_workers=workers, prefetch_factor=4
        )
        rng, fresh = np.random.default_rng([seed, first]), iter(loader)
        for path, start in tqdm(todo.items(), desc="memories", unit="file"):
            parts = []
            for _ in range(start, min(start + PER_FILE, batches)):
                some = [
                    scene for _ in range(SCENES_PER_PASS // SCENE_BATCH) for scene in next(fresh)
                ]
                parts += [_remember(student, *augmented(some, rng), rng) for _ in range(TURNS)]
            _save(path, _joined(parts))
    return _joined([_load(path) for path in files])


def validation(work: Path, student: Student, scenes: int) -> Memories:
    """The same of validation clips in validation rooms, as they are."""
    studio, rng = Studio(work, validation=True), np.random.default_rng(VALIDATION_SEED)
    parts = []
    for _ in range(-(-scenes // SCENES_PER_PASS)):
        some = [studio.scene(rng) for _ in range(SCENES_PER_PASS)]
        parts.append(_remember(student, *stack(some), rng))
    return _joined(parts)


@torch.inference_mode()
def _remember(
    student: Student, mel: Tensor, truth: TargetSteps, rng: np.random.Generator
) -> Memories:
    device = next(student.parameters()).device
    heard, _ = student(mel.to(device))
    scene, step = np.nonzero(some_steps(truth.active.numpy(), rng))
    direction, distance, sound, place = (
        part.float().cpu().numpy()[scene, step]
        for part in (heard.direction[:, :, 0], heard.distance, heard.sound, heard.place)
    )
    label, clip, towards, *numbers = (
        part.numpy()[scene, step]
        for part in (
            truth.label, truth.clip, truth.direction, truth.distance, truth.t30, truth.floor
        )
    )  # fmt: skip
    return Memories(
        sound.astype(np.float16),
        place.astype(np.float16),
        np.concatenate([direction, distance], 1),
        label,
        clip,
        np.column_stack([towards, *numbers]).astype(np.float32),
    )


def _save(path: Path, memories: Memories) -> None:
    with replacing(path) as part, part.open("wb") as file:
        np.savez(file, **memories._asdict())


def _load(path: Path) -> Memories:
    with np.load(path) as stored:
        return Memories(**stored)


def _joined(parts: list[Memories]) -> Memories:
    return Memories(*(np.concatenate(column) for column in zip(*parts, strict=True)))
