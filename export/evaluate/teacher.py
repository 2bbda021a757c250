"""How much of the teacher the student kept, on the same trials."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from export.evaluate.figures import Figure, mean, of_trials
from export.evaluate.sentences import Texts
from export.scenes.trials import LEAD_S, RATE, About, Staged


class Teacher(Protocol):
    """What is asked of a teacher; sound is at the training rate, at most ``seconds`` long."""

    seconds: float

    def embed_sound(self, foa: NDArray[np.float32]) -> Any:
        """FOA (b, 4, n) -> unit embeddings (b, 512)."""

    def embed_text(self, texts: Sequence[str]) -> Any:
        """Texts -> unit embeddings (n, 512)."""


def load_teacher(checkpoint: Path) -> Teacher:
    """The teacher of a checkpoint of `export.teacher.train`."""
    from export.teacher import load

    return load(checkpoint)


def teacher_hears(teacher: Teacher, trial: Staged) -> NDArray[np.float32]:
    """Unit embedding (512,) of the sound, from its onset on as much as the teacher takes."""
    foa = trial.foa[:, int(LEAD_S * RATE) :][:, : int(teacher.seconds * RATE)]
    return np.asarray(teacher.embed_sound(foa[None]), np.float32)[0]


def texts_of(teacher: Teacher) -> Texts:
    """The teacher's embeddings of texts."""
    return Texts(lambda texts: np.asarray(teacher.embed_text(texts), np.float32))


def agreement(
    student: NDArray[np.float32], taught: NDArray[np.float32], about: Sequence[About]
) -> list[Figure]:
    """Mean cosine of the embeddings (trials, 512) of both."""
    norms = np.linalg.norm(student, axis=1) * np.linalg.norm(taught, axis=1)
    cosine = (student * taught).sum(1) / np.maximum(norms, 1e-12)
    return of_trials(
        about, {"cosine": cosine}, {"teacher_cosine": ("cosine", mean)}, ["teacher_cosine"]
    )


def kept(figures: dict[str, float], ranks: Sequence[int]) -> dict[str, float]:
    """The student's retrieval as a share of the teacher's: R@k of both ways together."""
    shares = {}
    for k in ranks:
        names = f"sound_to_caption_r{k}", f"caption_to_sound_r{k}"
        taught = sum(figures[f"teacher_{name}"] for name in names)
        own = sum(figures[name] for name in names)
        shares[f"retrieval_kept_r{k}"] = own / taught if taught else float("nan")
    return shares
