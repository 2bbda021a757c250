"""What is measured with: rooms, and clips that share no recording with training."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from elsa_rt.audio.ambisonics import direction_from_angles
from elsa_rt.errors import SourceError, UsageError
from export.settings import FEATURES

CLIPS_PER_LABEL = 5
UNSEEN_PER_LABEL = 12
SIMULATED_ROOMS = 200
SYNTHESIS = "synthesis"
"""Group of clips that the training code makes up: no recording is shared through it."""

SEED = 11


class TrialRoom(NamedTuple):
    """A response with its truth; NaN where that is not known."""

    response: NDArray[np.float32]  # (4, n) AmbiX at the training rate
    direction: NDArray[np.float64]
    distance_m: float
    t30_s: float = float("nan")
    floor_m2: float = float("nan")


class Clip(NamedTuple):
    """A dry sound."""

    number: int  # in the working directory
    label: int  # in `Clips.labels`
    samples: NDArray[np.float32]  # (n,) at the training rate


class Clips(NamedTuple):
    """What is heard in the trials, and all labels: those of training, then those kept from it."""

    labels: list[str]
    trained: int  # labels of training
    known: list[Clip]  # validation clips of these
    unseen: list[Clip]  # clips of the other labels


def read_rooms(manifest: Path) -> list[TrialRoom]:
    """Measured responses of a CSV with file, azimuth_deg, elevation_deg, distance_m."""
    rooms = []
    try:
        with manifest.open(newline="", encoding="utf-8") as lines:
            for row in csv.DictReader(lines):
                path = manifest.with_suffix("") / row["file"]
                samples, native = soundfile.read(path, dtype="float32")
                angles = float(row["azimuth_deg"]), float(row["elevation_deg"])
                rooms.append(
                    TrialRoom(
                        soxr.resample(samples, native, FEATURES.rate).T,
                        direction_from_angles(*angles),
                        float(row["distance_m"]),
                    )
                )
    except (OSError, KeyError, ValueError, soundfile.LibsndfileError) as error:
        raise UsageError(
            f"reading the rooms of {manifest}: {error!r}: a CSV of file, azimuth_deg, "
            "elevation_deg, distance_m is needed, and a folder of that name with the files"
        ) from None
    if not rooms:
        raise UsageError(f"reading the rooms of {manifest}: it lists none")
    return rooms


def simulated_rooms(work: Path, count: int = SIMULATED_ROOMS) -> list[TrialRoom]:
    """Validation rooms of `export.prepare`, ``count`` at most."""
    with np.load(_part(work, "rooms.npz")) as rooms:
        mine = np.flatnonzero(rooms["validation"])[:count]
        if not mine.size:
            raise UsageError(f"{work}/rooms.npz holds no validation room: prepare more --rooms")
        unknown = np.full(mine.size, np.nan)
        parts = [rooms[name][mine] for name in ("responses", "direction", "distance")]
        parts += [rooms[name][mine] if name in rooms else unknown for name in ("t30", "floor")]
    return [
        TrialRoom(response.astype(np.float32), direction.astype(float), *map(float, numbers))
        for response, direction, *numbers in zip(*parts, strict=True)
    ]


def read_clips(work: Path, per_label: int = CLIPS_PER_LABEL) -> Clips:
    """Up to ``per_label`` validation clips of each label, and clips of the unseen labels,
    without those of a speaker or a recording that training heard under another label.
    """
    rng = np.random.default_rng(SEED)
    with np.load(_part(work, "clips.npz")) as stored:
        labels = [str(label) for label in stored["labels"]]
        trained = len(labels)
        if "unseen_labels" in stored:
            labels += [str(label) for label in stored["unseen_labels"]]
        samples, bounds, label_of = stored["samples"], stored["bounds"], stored["label"]
        training, group = _training(stored), _groups(stored)
    heard = {name for name, known in zip(group, training, strict=True) if known}
    new = np.array([name not in heard for name in group])

    def some(label: int) -> list[Clip]:
        mine = rng.permutation(np.flatnonzero(~training & new & (label_of == label)))
        most = per_label if label < trained else UNSEEN_PER_LABEL
        return [
            Clip(int(i), label, samples[bounds[i] : bounds[i + 1]].astype(np.float32) / 32767)
            for i in mine[:most]
        ]

    known = [clip for label in range(trained) for clip in some(label)]
    unseen = [clip for label in range(trained, len(labels)) for clip in some(label)]
    if not known:
        raise UsageError(f"{work}/clips.npz holds no validation clip: prepare more clips")
    return Clips(labels, trained, known, unseen)


def check_apart(work: Path) -> str:
    """Say that no validation clip shares its recording with training.

    Raises
    ------
    SourceError
        One does: the message names recordings that are on both sides.
    """
    with np.load(_part(work, "clips.npz")) as stored:
        held, training = stored["validation"], _training(stored)
        samples, bounds = stored["samples"], stored["bounds"]
        used = np.flatnonzero(held | training)
        group = np.array(_groups(stored))[used]
        sound = [hash(samples[bounds[i] : bounds[i + 1]].tobytes()) for i in used]
    shared = on_both_sides(group.tolist(), held[used]) - {SYNTHESIS}
    copies = on_both_sides(sound, held[used])
    if shared or copies:
        copied = [name for name, key in zip(group, sound, strict=True) if key in copies]
        names = sorted(map(str, shared)) or sorted(set(copied))
        raise SourceError(
            f"checking the clips of {work}: in training and in validation, too, is what comes "
            f"from {', '.join(names[:5])} ({len(names)} in all): prepare the clips again"
        )
    return (
        f"No recording of the {int(held.sum())} validation clips is among those of the "
        f"{int(training.sum())} clips of training."
    )


def _training(stored: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_]:
    unseen = stored.get("unseen", False)
    return np.asarray(~stored["validation"] & ~np.asarray(unseen))


def _groups(stored: Mapping[str, NDArray[Any]]) -> list[str]:
    return [str(json.loads(str(about))["group"]) for about in stored["about"]]


def on_both_sides(keys: Sequence[object], held: Iterable[bool]) -> set[object]:
    """The keys that occur among held and other items."""
    sides: dict[bool, set[object]] = {True: set(), False: set()}
    for key, side in zip(keys, held, strict=True):
        sides[bool(side)].add(key)
    return sides[True] & sides[False]


def _part(work: Path, name: str) -> Path:
    path = work / name
    if not path.is_file():
        raise UsageError(f"reading {path}: there is no such file: run python -m export prepare")
    return path
