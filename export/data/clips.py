"""Clips from folders with manifests: labels unified, split by source, trimmed to what sounds."""

from __future__ import annotations

import csv
import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile
import soxr
import yaml
from numpy.typing import NDArray

VALIDATION_SHARE = 0.15
MAX_CLIP_S = 5.0
ACTIVE_BELOW_PEAK_DB = 40.0  # quieter head and tail are padding


@cache
def kept_out() -> dict[str, dict[str, str | None]]:
    """`kept_out.yaml`: labels that no training hears or reads, by set, with the tagger's class."""
    return dict(yaml.safe_load(Path(__file__).with_name("kept_out.yaml").read_text("utf-8")))


UNSEEN = frozenset(label for labels in kept_out().values() for label in labels)
"""Labels that no training hears or reads, to judge sentences about sounds that are new."""


@dataclass(frozen=True)
class Clip:
    """One recording and what is known of it."""

    path: Path
    label: str  # unified
    caption: str  # as the manifest says it, or the plain phrase of the label
    licence: str
    credit: str
    group: str  # recordings of one source share it and never straddle the split


@cache
def vocabulary() -> dict[str, list[str]]:
    """Label -> phrases, the plain one first."""
    return {label: entry["say"] for label, entry in _entries().items()}


class Wording(NamedTuple):
    """How people speak of a sound; see the head of `labels.yaml`."""

    say: Sequence[str]  # noun phrases, the plain one first
    does: Sequence[str] = ()  # "subject | verb | verb in -ing"
    also: Sequence[str] = ()  # names that fit into no sentence


def wording(label: str) -> Wording:
    """How people speak of ``label``; an unknown one is called by its name."""
    entry = _entries().get(label, {"say": [label]})
    return Wording(entry["say"], entry.get("does", ()), entry.get("also", ()))


@cache
def _entries() -> dict[str, dict[str, Any]]:
    return dict(yaml.safe_load(Path(__file__).with_name("labels.yaml").read_text("utf-8")))


@cache
def _aliases() -> dict[str, str]:
    return {alias: label for label, entry in _entries().items() for alias in entry.get("aka", [])}


def unify(label: str) -> str:
    """The vocabulary's name of a data set's label; unknown ones keep their own, spelt out."""
    return _aliases().get(label, label.replace("_", " "))


def phrases(label: str) -> list[str]:
    """How people say ``label``."""
    return vocabulary().get(label, [label])


def kinds(labels: Sequence[str]) -> NDArray[np.bool_]:
    """(labels, labels): whether the first is the second, or a kind of it."""
    names = [_entries().get(label, {}).get("is") for label in labels]
    return np.array([[b in (a, w) for b in labels] for a, w in zip(labels, names, strict=True)])


def wider(labels: Sequence[str]) -> NDArray[np.int64]:
    """The label (labels,) that each is a kind of, -1 where that is none of them."""
    names = [_entries().get(label, {}).get("is") for label in labels]
    return np.array([labels.index(name) if name in labels else -1 for name in names], np.int64)


def read_manifest(path: Path) -> list[Clip]:
    """Clips of a CSV with columns ``file,label`` and perhaps ``caption,licence,credit,source``.

    Files lie in the folder that is named like the manifest without its suffix.
    """
    folder = path.with_suffix("")
    with path.open(newline="", encoding="utf-8") as lines:
        return [_clip(folder, row) for row in csv.DictReader(lines)]


def _clip(folder: Path, row: dict[str, str]) -> Clip:
    label = unify(row["label"])
    credit = row.get("credit") or row.get("author") or ""
    return Clip(
        folder / row["file"],
        label,
        row.get("caption") or phrases(label)[0],
        row.get("licence", ""),
        credit,
        source_group(row.get("freesound_id", ""), row.get("source", ""), credit),
    )


def source_group(freesound_id: str, source: str, credit: str) -> str:
    """What recordings of one source have in common: Freesound's number, a speaker, or a file."""
    found = re.search(r"freesound\.org/(?:s|people/[^/]+/sounds)/(\d+)", f"{source} {credit}")
    if freesound_id or found:
        return f"freesound:{freesound_id or (found and found[1])}"
    speaker = re.search(r"(speaker|contributor|VCTK) ?(\w*\d\w*)", credit)
    if speaker:
        return f"{credit.split('(')[0].strip()}:{speaker[2]}"
    # takes of one recording differ by a trailing number
    return re.sub(r"[\W_]*\d*\.\w+$", "", source) or credit


def split(clips: Sequence[Clip], later: Sequence[Clip] = ()) -> tuple[list[Clip], list[Clip]]:
    """Training and validation clips: no group in both, two groups of each label in training.

    Clips that came ``later`` leave the split of the others as it was: what a model was trained on
    before they came is never among what judges it.
    """
    held = _held(clips, frozenset(), frozenset())
    held |= _held([*clips, *later], held, frozenset(clip.group for clip in clips) - held)
    everything = [*clips, *later]
    training = [clip for clip in everything if clip.group not in held]
    return training, [clip for clip in everything if clip.group in held]


def _held(clips: Sequence[Clip], held: frozenset[str], taught: frozenset[str]) -> frozenset[str]:
    """Groups for validation: ``held`` are so already, ``taught`` may not be."""
    groups: dict[str, set[str]] = defaultdict(set)
    for clip in clips:
        groups[clip.label].add(clip.group)
    found = set(held)
    for label in sorted(groups):
        every = len(groups[label])
        wanted = min(round(VALIDATION_SHARE * every + 0.2), max(0, every - 2))
        free = sorted(groups[label] - held - taught, key=_rank)
        found.update(free[: max(0, wanted - len(groups[label] & held))])
    return frozenset(found)


def _rank(group: str) -> str:
    return hashlib.sha256(group.encode()).hexdigest()


def load(path: Path, rate: int) -> NDArray[np.float32]:
    """Mono samples (n,) at ``rate`` Hz, peak 1, without silent head and tail, at most 5 s."""
    samples, native = soundfile.read(path, dtype="float32", always_2d=True)
    mono = soxr.resample(samples.mean(axis=1), native, rate)
    return trim(mono, rate)[: int(MAX_CLIP_S * rate)]


def trim(mono: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """Cut what is `ACTIVE_BELOW_PEAK_DB` below the loudest 20 ms at both ends; peak becomes 1."""
    frame = rate // 50
    padded = np.pad(mono, (0, -len(mono) % frame))
    level = np.sqrt((padded.reshape(-1, frame) ** 2).mean(axis=1))
    loud = np.flatnonzero(level > level.max(initial=0) * 10 ** (-ACTIVE_BELOW_PEAK_DB / 20))
    if not loud.size:
        return mono[:0]
    cut = padded[loud[0] * frame : (loud[-1] + 1) * frame]
    return (cut / np.abs(cut).max()).astype(np.float32)


def labels_of(clips: Iterable[Clip]) -> list[str]:
    """The labels that occur, sorted."""
    return sorted({clip.label for clip in clips})
