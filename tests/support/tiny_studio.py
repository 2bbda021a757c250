"""A working directory for scenes: noises as clips, anechoic places whose truth is exact."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elsa_rt.audio.ambisonics import direction_from_angles, plane_wave
from export.captions.spatial import claims_of, write_captions
from export.settings import FEATURES

RATE = FEATURES.rate
LABELS, UNSEEN = ["dog", "rain", "door knock"], ["wolf"]
LEAD, LENGTH = 64, 3_200  # samples before the direct sound, and of a response
PATH_DEG = (-60.0, -30.0, 0.0, 30.0, 60.0)


def make_work(folder: Path, moving: bool = False) -> Path:
    """Clips of three labels and one unseen, places left, front and up, or one path."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(7)
    label = np.array([0, 0, 1, 1, 2, 2, 3, 0])
    cuts = [np.int16(9_000 * rng.uniform(-1, 1, RATE)) for _ in label]
    np.savez(
        folder / "clips.npz", samples=np.concatenate(cuts), label=label,
        bounds=np.cumsum([0, *map(len, cuts)]), labels=np.array(LABELS),
        unseen_labels=np.array(UNSEEN), unseen=label == 3,
        validation=np.arange(label.size) == 7,
    )  # fmt: skip
    np.savez(folder / "rooms.npz", **(path() if moving else places()))
    captions = write_captions(LABELS, 1)
    np.savez(folder / "captions.npz", texts=np.array([caption.text for caption in captions]),
             claims=claims_of(captions))  # fmt: skip
    return folder


def places() -> dict[str, Any]:
    """Four places alone; the last one is for validation."""
    directions = direction_from_angles([90, 0, 0, 180], [0, 0, 40, 0])
    return {
        "responses": anechoic(directions), "direction": directions.astype(np.float32),
        "distance": np.array([1, 2, 3, 4], np.float32), "t30": np.full(4, 0.5, np.float32),
        "floor": np.full(4, 20, np.float32), "path": np.full(4, -1),
        "validation": np.arange(4) == 3,
    }  # fmt: skip


def path() -> dict[str, Any]:
    """One source that goes from right to left."""
    directions = direction_from_angles(np.array(PATH_DEG), 0)
    return {
        "responses": anechoic(directions), "direction": directions.astype(np.float32),
        "distance": np.linspace(1, 2, 5, dtype=np.float32), "t30": np.full(5, 0.3, np.float32),
        "floor": np.full(5, 30, np.float32), "path": np.zeros(5, int),
        "validation": np.zeros(5, bool),
    }  # fmt: skip


def anechoic(directions: NDArray[np.float64]) -> NDArray[np.float16]:
    """Responses (d, 4, n) of a plane wave from each direction (d, 3)."""
    responses = np.zeros((len(directions), 4, LENGTH), np.float16)
    responses[:, :, LEAD] = plane_wave(directions)
    return responses
