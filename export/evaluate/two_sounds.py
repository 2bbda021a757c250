"""Measure two sounds at once, with one slot and with two, and what one sound loses by the second.

    python -m export evaluate-pairs BUNDLE WORK [--pairs 60] [--rooms rooms.csv]

Pairs are of validation clips of unlike labels, equally loud, 60 degrees and more apart, in diffuse
noise 20 dB below; "alone" is the ceiling: each of them by itself. A sound is right when its label
is the first among those of all labels, by its plain phrase, over the steps in which both sound.
With two slots each step gives its slots to the sounds that they point at. "One sound" are single
clips at 20 and 10 dB SNR; "nothing" is noise alone.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from elsa_rt.audio.ambisonics import angle_deg
from elsa_rt.config import Config
from elsa_rt.encoder.audio import AudioEncoder
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.encoder.output import TRACKED, EncoderOutput
from elsa_rt.errors import ElsaError
from elsa_rt.features.intensity import IntensityFeatures
from export.acoustics.noise import diffuse_noise
from export.evaluate.hearing import reader_of
from export.evaluate.pairs import RIGHT_DEG, Duet, duets
from export.scenes.material import SEED, Clips, TrialRoom, read_clips, read_rooms, simulated_rooms
from export.scenes.trials import RATE, Staged, full_scale, sounding, staged

Floats = NDArray[np.float32]

APART_DEG = 60.0
EVERY = 9  # of the validation clips are heard alone
NOTHING_S = 60.0


class SlotReader:
    """A bundle as the device runs it with ``sounds`` slots, at the rate of the training code."""

    def __init__(self, bundle: ModelBundle, sounds: int) -> None:
        self.bundle = bundle
        self._features = IntensityFeatures(bundle.features)
        self._stream = AudioEncoder(bundle, Config(threads=1, sounds=sounds)).streams().lanes[0]

    def hear(self, foa: Floats) -> list[EncoderOutput]:
        """Every whole step of ``foa`` (4, n), from a fresh start."""
        self._features.reset()
        self._stream.reset()
        return self._stream.step(self._features.step(foa), foa)


def of_sounds(
    heard: Sequence[EncoderOutput], steps: NDArray[np.intp], truth: NDArray[np.float64]
) -> tuple[Floats, NDArray[np.float64]]:
    """Embeddings (2, D) and directions (2, 3) of two sounds at ``truth`` (2, 3), summed up."""
    embedding = np.zeros((2, heard[0].embedding.shape[1]), np.float32)
    towards = np.zeros((2, 3))
    for step in steps.tolist():
        output = heard[step]
        slots = np.flatnonzero(output.activity > 0).tolist() or [0]
        near = output.direction[slots] @ truth.T  # (slots, 2)
        if len(slots) == 2:
            straight = near[0, 0] + near[1, 1] >= near[0, 1] + near[1, 0]
            owner = [0, 1] if straight else [1, 0]
        else:
            owner = [int(near[0].argmax())]
        for slot, sound in zip(slots, owner, strict=True):
            weight = float(output.activity[slot])
            embedding[sound] += weight * output.embedding[slot]
            towards[sound] += weight * output.direction[slot]
    return embedding, towards


def judge_pair(reader: SlotReader, duet: Duet, prompts: Floats) -> dict[str, float] | None:
    """Figures of one pair; None where the two never sound together."""
    both = np.logical_and(*(sounding(wet, duet.floor, reader.bundle.step_s) for wet in duet.wet))
    heard = reader.hear(duet.foa)
    steps = np.flatnonzero(both[: len(heard)])
    if not steps.size:
        return None
    truth = np.stack(duet.directions)
    embedding, towards = of_sounds(heard, steps, truth)
    right = [
        bool(vector.any()) and int((prompts @ vector).argmax()) == label
        for vector, label in zip(embedding, duet.labels, strict=True)
    ]
    errors = [angle_deg(a, b) if a.any() else 180.0 for a, b in zip(towards, truth, strict=True)]
    placed = [one and error < RIGHT_DEG for one, error in zip(right, errors, strict=True)]
    return {
        "each": float(np.mean(right)),
        "both": float(all(right)),
        "both_placed": float(all(placed)),
        "label_and_direction_of_one": float(any(placed)),
        "both_directions": float(max(errors) < RIGHT_DEG),
        "two_told": float(np.mean([(heard[i].activity > TRACKED).sum() == 2 for i in steps])),
    }


def judge_alone(reader: SlotReader, duet: Duet, prompts: Floats) -> dict[str, float]:
    """The ceiling of a pair: each sound by itself, over the same steps."""
    both = np.logical_and(*(sounding(wet, duet.floor, reader.bundle.step_s) for wet in duet.wet))
    right = []
    for wet, label in zip(duet.wet, duet.labels, strict=True):
        heard = reader.hear(full_scale(wet.foa))
        steps = np.flatnonzero(both[: len(heard)])
        total = np.sum([heard[i].embedding[0] for i in steps], axis=0)
        right.append(int((prompts @ total).argmax()) == label)
    return {"each": float(np.mean(right)), "both": float(all(right))}


def judge_single(reader: SlotReader, trial: Staged, prompts: Floats) -> dict[str, float] | None:
    """Figures of one sound by itself, as its most active slot tells it."""
    heard = reader.hear(trial.foa)
    active = sounding(trial.wet, trial.floor, reader.bundle.step_s)
    steps = np.flatnonzero(active[: len(heard)])
    if not steps.size:
        return None
    best = [int(heard[i].activity.argmax()) for i in steps]
    total = np.sum([heard[i].embedding[k] for i, k in zip(steps, best, strict=True)], axis=0)
    towards = np.sum([heard[i].direction[k] for i, k in zip(steps, best, strict=True)], axis=0)
    return {
        "label": float(int((prompts @ total).argmax()) == trial.about.label),
        "direction_deg": float(angle_deg(towards, trial.about.direction)),
        "two_told": float(np.mean([(heard[i].activity > TRACKED).sum() == 2 for i in steps])),
    }


def measure(bundle: ModelBundle, clips: Clips, rooms: Sequence[TrialRoom], pairs: int) -> dict[
    str, dict[str, float]
]:  # fmt: skip
    """All figures, by what is heard and with how many slots."""
    prompts = reader_of(bundle, clips.labels).prompts
    readers = {f"{count} slot{'s' * (count > 1)}": SlotReader(bundle, count) for count in (1, 2)}
    first = readers["1 slot"]
    chosen = list(_pairs(clips, rooms, pairs))
    table = {"pairs, alone": _mean([judge_alone(first, duet, prompts) for duet in chosen])}
    singles = list(staged(clips.known[::EVERY], rooms))
    noise = diffuse_noise(int(NOTHING_S * RATE), RATE, np.random.default_rng(SEED))
    for name, reader in readers.items():
        table[f"pairs, {name}"] = _mean([judge_pair(reader, duet, prompts) for duet in chosen])
        alone = [judge_single(reader, trial, prompts) for trial in singles]
        table[f"one sound, {name}"] = _mean(alone)
        heard = reader.hear(full_scale(noise.astype(np.float32)))
        told = float(np.mean([(output.activity > TRACKED).sum() == 2 for output in heard]))
        table[f"nothing, {name}"] = {"two_told": told}
    return table


def _pairs(clips: Clips, rooms: Sequence[TrialRoom], pairs: int) -> Iterator[Duet]:
    """Pairs that are equally loud and far enough apart; more are drawn than are needed."""
    found = 0
    for duet in duets(clips.known, clips.labels, rooms, 4 * pairs):
        if found < pairs and not duet.level_db and angle_deg(*duet.directions) >= APART_DEG:
            found += 1
            yield duet


def _mean(rows: Sequence[dict[str, float] | None]) -> dict[str, float]:
    kept = [row for row in rows if row]
    found = {name: float(np.mean([row[name] for row in kept])) for name in (kept or [{}])[0]}
    return {"trials": float(len(kept))} | found


def markdown(table: dict[str, dict[str, float]]) -> str:
    """A row for what is heard, a column for each figure."""
    names = list(dict.fromkeys(name for row in table.values() for name in row))
    lines = [f"| | {' | '.join(name.replace('_', ' ') for name in names)} |"]
    lines.append("|---|" + "--:|" * len(names))
    for about, row in table.items():
        cells = (f"{row[name]:.3g}" if name in row else "–" for name in names)
        lines.append(f"| {about} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser("export evaluate-pairs", description=__doc__.split("\n")[0])
    parser.add_argument("bundle", type=Path, metavar="BUNDLE")
    parser.add_argument("work", type=Path, metavar="WORK", help="directory of export prepare")
    parser.add_argument("--rooms", type=Path, help="CSV of measured responses, in place of rooms")
    parser.add_argument("--pairs", type=int, default=60, help="(default: 60)")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    args = parser.parse_args(argv)
    try:
        rooms = read_rooms(args.rooms) if args.rooms else simulated_rooms(args.work)
        table = measure(ModelBundle.load(args.bundle), read_clips(args.work), rooms, args.pairs)
    except ElsaError as problem:
        print(f"export evaluate-pairs: {problem}", file=sys.stderr)
        return problem.exit_code
    print(markdown(table))
    if args.json:
        args.json.write_text(json.dumps(table, indent=2), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
