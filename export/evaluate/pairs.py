"""Two sounds at once, from two directions: what is said of them by a model of one source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.audio.ambisonics import angle_deg, rotation
from export.acoustics.noise import diffuse_noise
from export.data.clips import kinds
from export.scenes.material import SEED, Clip, TrialRoom
from export.scenes.trials import (
    RATE,
    TrialReader,
    Wet,
    full_scale,
    loudness,
    play,
    sounding,
)

PAIRS = 60
LEVELS_DB = (0.0, -5.0, -10.0)
"""Of the second sound below the first."""

FLOOR = 0.1  # RMS of the background: 20 dB below the first
APART_DEG = 45.0  # at least
MIN_S = 1.0
RIGHT_DEG = 20.0  # a direction so near to the truth is right


class Duet(NamedTuple):
    """Two sounds at the training rate; the second is the softer one."""

    level_db: float
    labels: tuple[int, int]
    directions: tuple[NDArray[np.float64], NDArray[np.float64]]
    foa: NDArray[np.float32]
    wet: tuple[Wet, Wet]  # at their levels
    floor: float


def duets(
    clips: Sequence[Clip], labels: Sequence[str], rooms: Sequence[TrialRoom], pairs: int = PAIRS
) -> Iterator[Duet]:
    """Up to ``pairs`` pairs of clips of unlike labels, each at every level.

    The rooms are drawn singly: of simulated rooms each sound has its own.
    """
    long = [clip for clip in clips if clip.samples.size >= MIN_S * RATE]
    rng = np.random.default_rng(SEED)
    related = kinds(labels)
    for _ in range(pairs if len(long) > 1 else 0):
        first, second = (long[int(i)] for i in rng.choice(len(long), 2, replace=False))
        a, b = (rooms[int(i)] for i in rng.integers(len(rooms), size=2))
        turn = rotation(rng.uniform(-180, 180), 0, 0)
        alike = related[first.label, second.label] or related[second.label, first.label]
        if alike or angle_deg(a.direction, b.direction) < APART_DEG:
            continue
        yield from _mix((first, second), (a, b), turn, rng)


def _mix(
    clips: tuple[Clip, Clip],
    rooms: tuple[TrialRoom, TrialRoom],
    turn: NDArray[np.float64],
    rng: np.random.Generator,
) -> Iterator[Duet]:
    size = min(clip.samples.size for clip in clips)
    first, second = (
        at_level(play(clip.samples[:size], room, turn), 1.0)
        for clip, room in zip(clips, rooms, strict=True)
    )
    labels = clips[0].label, clips[1].label
    directions = turn @ rooms[0].direction, turn @ rooms[1].direction
    background = background_of(first.dry.size, rng)
    for level_db in LEVELS_DB:
        softer = at_level(second, 10 ** (level_db / 20))
        yield duet_of(labels, directions, (first, softer), background, level_db)


def background_of(size: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Diffuse noise (4, size) of the level `FLOOR`."""
    return np.asarray(FLOOR * diffuse_noise(size, RATE, rng), np.float32)


def duet_of(
    labels: tuple[int, int],
    directions: tuple[NDArray[np.float64], NDArray[np.float64]],
    wet: tuple[Wet, Wet],
    background: NDArray[np.float32],
    level_db: float = 0.0,
) -> Duet:
    """Two sounds that are as loud as they shall be, in ``background``."""
    foa = full_scale(wet[0].foa + wet[1].foa + background)
    return Duet(level_db, labels, directions, foa, wet, FLOOR)


def at_level(wet: Wet, level: float) -> Wet:
    """``wet`` made so loud (see `loudness`)."""
    gain = np.float32(level / max(loudness(wet), 1e-9))
    return Wet(wet.foa * gain, wet.dry)


def judge(ear: TrialReader, duet: Duet, prompts: NDArray[np.float32]) -> dict[str, float] | None:
    """Values of one duet over the steps in which both sound; None where there is no such step.

    ``prompts`` (labels, 512) are those of all labels.
    """
    both = np.logical_and(*(sounding(wet, duet.floor, ear.bundle.step_s) for wet in duet.wet))
    embedding, direction, *_ = ear.listen(duet.foa)
    both = both[: len(embedding)]
    if not both.any():
        return None
    similarity = embedding[: both.size][both].sum(0) @ prompts.T
    said = int(similarity.argmax())
    towards = direction[: both.size][both].sum(0)
    errors = [float(angle_deg(towards, truth)) for truth in duet.directions]
    nearest = int(np.argmin(errors))
    return {
        "louder_label_top1": float(said == duet.labels[0]),
        "either_label_top1": float(said in duet.labels),
        "both_labels_in_top5": float(set(duet.labels) <= set(np.argsort(-similarity)[:5])),
        "louder_direction_deg": errors[0],
        "louder_direction_right": float(errors[0] < RIGHT_DEG),
        "either_direction_right": float(min(errors) < RIGHT_DEG),
        "label_and_direction_of_one": float(
            said == duet.labels[nearest] and errors[nearest] < RIGHT_DEG
        ),
    }


def summarise(judged: Sequence[tuple[float, dict[str, float]]]) -> dict[str, dict[str, float]]:
    """Figures by the second sound's level from (level, values) of duets."""
    table = {}
    for level_db in LEVELS_DB:
        rows = [values for level, values in judged if level == level_db]
        figures: dict[str, float] = {"pairs": len(rows)}
        for name in rows[0] if rows else ():
            column = [row[name] for row in rows]
            kind = np.median if name.endswith("_deg") else np.mean
            figures[name + "_median" * name.endswith("_deg")] = float(kind(column))
        table[f"second at {level_db:g} dB"] = figures
    return table
