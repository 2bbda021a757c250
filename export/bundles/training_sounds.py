"""What a bundle hears of the training clips in simulated rooms: what its text side is fitted to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from elsa_rt.audio.ambisonics import rotation
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.files import replacing
from export.scenes.home_hours import ears_of
from export.scenes.material import Clip, TrialRoom
from export.scenes.trials import RATE, Staged, Trial, TrialReader, stage

CLIPS_PER_LABEL = 60
SPEECH = ("speech", "man speaking", "woman speaking", "child speaking")
SPEECH_PER_LABEL = 40  # a fifth of all clips are speech
ROOMS, VIEWS = 500, 2  # rooms that clips are drawn into, and those that each is heard in
LONGEST_S, FIRST_S = 3.0, 1.0
SNR_DB = (5.0, 25.0)
SEED = 5


class TrainingSounds(NamedTuple):
    """Unit embeddings (n, D), two of each clip and room: of its first second, and of all of it."""

    embedding: NDArray[np.float32]
    clip: NDArray[np.int64]  # (n,), in the working directory
    view: NDArray[np.int64]  # (n,), 0 in the first room of each clip

    def first(self) -> TrainingSounds:
        """What was heard in the first room of each clip."""
        return TrainingSounds(*(column[self.view == 0] for column in self))


def hear_training(bundle: ModelBundle, work: Path) -> TrainingSounds:
    """Hear the training clips, each in `VIEWS` rooms; kept in ``work`` for the same encoder."""
    path = work / f"training-sounds-{VIEWS}-{ears_of(bundle)}.npz"
    if not path.is_file():
        ear, rows, about = TrialReader(bundle), list[NDArray[np.float32]](), list[tuple[int, int]]()
        for view, staged in _staged(work):
            trial = ear.hear(staged)
            if trial.active.any():
                rows += [_mean(trial, FIRST_S), _mean(trial, LONGEST_S)]
                about += [(staged.about.clip, view)] * 2
        clips, views = np.array(about).T
        with replacing(path) as part, part.open("wb") as file:
            np.savez(file, embedding=np.stack(rows), clip=clips, view=views)
    with np.load(path) as stored:
        return TrainingSounds(stored["embedding"], stored["clip"], stored["view"])


def _staged(work: Path) -> Iterator[tuple[int, Staged]]:
    rng = np.random.default_rng(SEED)
    with np.load(work / "clips.npz") as stored:
        label, labels = stored["label"], [str(name) for name in stored["labels"]]
        training = ~stored["validation"] & ~stored["unseen"]
        samples, bounds = stored["samples"], stored["bounds"]
    chosen: list[int] = []
    for index, name in enumerate(labels):
        most = SPEECH_PER_LABEL if name in SPEECH else CLIPS_PER_LABEL
        chosen += rng.permutation(np.flatnonzero(training & (label == index)))[:most].tolist()
    rooms = _training_rooms(work, rng)
    for number, clip in enumerate(tqdm(chosen * VIEWS, "training sounds", unit="clip")):
        mono = samples[bounds[clip] : bounds[clip + 1]].astype(np.float32) / 32767
        spare = mono.size - int(LONGEST_S * RATE)
        if spare > 0:
            start = int(rng.integers(spare))
            mono = mono[start : start + int(LONGEST_S * RATE)]
        room, turn = rooms[int(rng.integers(len(rooms)))], rotation(rng.uniform(-180, 180), 0, 0)
        snr_db = float(rng.uniform(*SNR_DB))
        if np.any(mono):
            staged = stage(Clip(clip, int(label[clip]), mono), room, turn, snr_db, rng)
            yield number // len(chosen), staged


def _training_rooms(work: Path, rng: np.random.Generator) -> list[TrialRoom]:
    with np.load(work / "rooms.npz") as stored:
        mine = np.sort(rng.permutation(np.flatnonzero(~stored["validation"]))[:ROOMS])
        parts = [stored[name][mine] for name in ("responses", "direction", "distance")]
    return [
        TrialRoom(response.astype(np.float32), direction.astype(float), float(distance))
        for response, direction, distance in zip(*parts, strict=True)
    ]


def _mean(trial: Trial, seconds: float) -> NDArray[np.float32]:
    """The unit mean of the active steps of the first ``seconds`` of sound, by their activity."""
    steps = np.flatnonzero(trial.active)[: max(1, round(seconds / trial.step_s))]
    total = trial.activity[steps].astype(np.float32) @ trial.embedding[steps]
    return np.asarray(total / max(float(np.linalg.norm(total)), 1e-9), np.float32)
