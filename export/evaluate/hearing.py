"""All trials of a set of rooms, rendered once and heard by every bundle and the teacher."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from elsa_rt.audio.ambisonics import angles_from_direction, rotation
from elsa_rt.audio.direction_words import ELEVATED_DEG, STEEP_DEG
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.encoder.text import encode_texts
from export.data.clips import phrases
from export.evaluate.pairs import duets, judge
from export.evaluate.sentences import Texts
from export.evaluate.teacher import Teacher, teacher_hears
from export.scenes.material import SEED, Clip, Clips, TrialRoom
from export.scenes.trials import SNRS_DB, Staged, Trial, TrialReader, stage, staged

RAISED_EVERY = 4  # clips: one is heard from above or below where rooms have no such places
LEVEL_DEG = 10.0  # rooms all of whose sources lie within this of the horizon have none


@dataclass
class TrialOutput:
    """What one bundle said in one set of rooms."""

    known: list[Trial] = field(default_factory=list)  # clips of labels of training
    unseen: list[Trial] = field(default_factory=list)  # of labels kept from it
    raised: list[Trial] = field(default_factory=list)  # from above and below
    duets: list[tuple[float, dict[str, float]]] = field(default_factory=list)  # level, values
    taught: list[NDArray[np.float32]] = field(default_factory=list)  # of `known`, by the teacher


class Reader:
    """Texts as a bundle or a teacher reads them, with the plain phrase of every label."""

    def __init__(self, texts: Texts, labels: Sequence[str]) -> None:
        self.texts = texts
        self.prompts = texts([phrases(label)[0] for label in labels])  # (labels, 512)


def reader_of(bundle: ModelBundle, labels: Sequence[str]) -> Reader:
    """The device's own text encoder."""
    return Reader(Texts(lambda texts: encode_texts(bundle, texts, 1).embedding), labels)


def hear_all(
    ears: Sequence[TrialReader],
    readers: Sequence[Reader],
    clips: Clips,
    rooms: Sequence[TrialRoom],
    teacher: Teacher | None,
    title: str,
) -> list[TrialOutput]:
    """What every bundle says; the teacher hears the trials of known labels only."""
    everything = [TrialOutput() for _ in ears]

    def each(trials: Iterable[Staged], kind: str, count: int) -> None:
        for trial in tqdm(
            trials, f"{title}, {kind}", count, unit="trial", leave=False, disable=None
        ):
            answer = teacher_hears(teacher, trial) if teacher and kind == "known" else None
            for ear, heard in zip(ears, everything, strict=True):
                said = ear.hear(trial)
                if said.active.any():
                    getattr(heard, kind).append(said)
                    heard.taught.extend([] if answer is None else [answer])

    each(staged(clips.known, rooms), "known", len(clips.known) * len(SNRS_DB))
    each(staged(clips.unseen, rooms), "unseen", len(clips.unseen) * len(SNRS_DB))
    if all(abs(height_deg(room)) < LEVEL_DEG for room in rooms):
        some = clips.known[::RAISED_EVERY]
        each(raised(some, rooms), "raised", len(some))
    hear_duets(ears, readers, clips, rooms, everything, f"{title}, pairs")
    return everything


def hear_duets(
    ears: Sequence[TrialReader],
    readers: Sequence[Reader],
    clips: Clips,
    rooms: Sequence[TrialRoom],
    everything: Sequence[TrialOutput],
    title: str,
) -> None:
    """Let every bundle hear two sounds at once."""
    for duet in tqdm(
        duets(clips.known, clips.labels, rooms), title, unit="pair", leave=False, disable=None
    ):
        for ear, reader, heard in zip(ears, readers, everything, strict=True):
            values = judge(ear, duet, reader.prompts)
            if values:
                heard.duets.append((duet.level_db, values))


def height_deg(room: TrialRoom) -> float:
    """Elevation of the room's source."""
    return angles_from_direction(room.direction)[1]


def raised(clips: Sequence[Clip], rooms: Sequence[TrialRoom]) -> Iterator[Staged]:
    """Clips from above and below: level responses turned as a whole, their floors with them."""
    for i, clip in enumerate(clips):
        rng = np.random.default_rng([SEED, clip.number, 1])
        room = rooms[int(rng.integers(len(rooms)))]
        azimuth, _ = angles_from_direction(room.direction)
        nose = (-1) ** (i // len(SNRS_DB)) * rng.uniform(ELEVATED_DEG + 5, STEEP_DEG)
        # the source comes to the front, up or down with the nose, and then anywhere
        turn = rotation(rng.uniform(-180, 180), -nose, 0) @ rotation(-azimuth, 0, 0)
        yield stage(clip, room, turn, SNRS_DB[i % len(SNRS_DB)], rng)
