"""Measure two sounds at once, with one slot and with two, and what one sound loses by the second.

    python -m export evaluate-pairs BUNDLE WORK [--pairs 60] [--rooms rooms.csv]

Pairs are of validation clips of unlike labels, equally loud, 60 degrees and more apart, in diffuse
noise 20 dB below; "alone" is the ceiling: each of them by itself. A sound is right when its label
is the first among those of all labels, by its plain phrase, over the steps in which both sound and
are 45 degrees and more apart. With two slots each step gives its slots to the sounds that they
point at. "Alike" are pairs of one label; "crossing" pairs turn towards each other, meet, and go on.
"One sound" are single clips at 20 and 10 dB SNR, "turning" the same on a circle; "nothing" is noise
alone.
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
from export.evaluate.moving import STILL, Scene, Turn, alike, crossing, directions, turning
from export.evaluate.pairs import APART_DEG, RIGHT_DEG, duets
from export.scenes.material import SEED, Clips, TrialRoom, read_clips, read_rooms, simulated_rooms
from export.scenes.trials import RATE, Staged, full_scale, sounding, staged

Floats = NDArray[np.float32]

PAIR_DEG = 60.0  # apart at least
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
    """Embeddings (2, D) of two sounds at ``truth`` (steps, 2, 3), summed up, and errors of their
    directions in each of ``steps``, in degrees, NaN where none was given to a sound: (steps, 2).
    """
    embedding = np.zeros((2, heard[0].embedding.shape[1]), np.float32)
    errors = np.full((len(steps), 2), np.nan)
    for row, step in enumerate(steps.tolist()):
        output = heard[step]
        slots = np.flatnonzero(output.activity > 0).tolist() or [0]
        near = output.direction[slots] @ truth[step].T  # (slots, 2)
        if len(slots) == 2:
            straight = near[0, 0] + near[1, 1] >= near[0, 1] + near[1, 0]
            owner = [0, 1] if straight else [1, 0]
        else:
            owner = [int(near[0].argmax())]
        for slot, sound in zip(slots, owner, strict=True):
            embedding[sound] += float(output.activity[slot]) * output.embedding[slot]
            errors[row, sound] = angle_deg(output.direction[slot], truth[step, sound])
    return embedding, errors


def judge_pair(reader: SlotReader, scene: Scene, prompts: Floats) -> dict[str, float] | None:
    """Figures of one pair; None where the two never sound together."""
    duet, step_s = scene.duet, reader.bundle.step_s
    heard = reader.hear(duet.foa)
    truth = scene.truth(step_s, len(heard))
    steps = _together(scene, step_s, len(heard))
    if not steps.size:
        return None
    embedding, errors = of_sounds(heard, steps, truth)
    right = [
        bool(vector.any()) and int((prompts @ vector).argmax()) == label
        for vector, label in zip(embedding, duet.labels, strict=True)
    ]
    off = [float(np.median(e[~np.isnan(e)])) if (~np.isnan(e)).any() else 180.0 for e in errors.T]
    placed = [one and error < RIGHT_DEG for one, error in zip(right, off, strict=True)]
    return {
        "each": float(np.mean(right)),
        "both": float(all(right)),
        "both_placed": float(all(placed)),
        "label_and_direction_of_one": float(any(placed)),
        "both_directions": float(max(off) < RIGHT_DEG),
        "two_told": float(np.mean([(heard[i].activity > TRACKED).sum() == 2 for i in steps])),
    }


def _together(scene: Scene, step_s: float, heard: int) -> NDArray[np.intp]:
    """Steps of ``heard`` in which both sound, `APART_DEG` and more apart."""
    both = np.logical_and(*(sounding(wet, scene.duet.floor, step_s) for wet in scene.duet.wet))
    truth = scene.truth(step_s, min(heard, both.size))
    apart = (truth[:, 0] * truth[:, 1]).sum(1) <= np.cos(np.radians(APART_DEG))
    return np.flatnonzero(both[: len(truth)] & apart)


def judge_alone(reader: SlotReader, scene: Scene, prompts: Floats) -> dict[str, float] | None:
    """The ceiling of a pair: each sound by itself, over the same steps."""
    right = []
    for wet, label in zip(scene.duet.wet, scene.duet.labels, strict=True):
        heard = reader.hear(full_scale(wet.foa))
        steps = _together(scene, reader.bundle.step_s, len(heard))
        if not steps.size:
            return None
        total = np.sum([heard[i].embedding[0] for i in steps], axis=0)
        right.append(int((prompts @ total).argmax()) == label)
    return {"each": float(np.mean(right)), "both": float(all(right))}


def judge_single(
    reader: SlotReader, trial: Staged, prompts: Floats, turn: Turn = STILL
) -> dict[str, float] | None:
    """Figures of one sound by itself, as its most active slot tells it."""
    heard = reader.hear(trial.foa)
    active = sounding(trial.wet, trial.floor, reader.bundle.step_s)
    steps = np.flatnonzero(active[: len(heard)])
    if not steps.size:
        return None
    best = [int(heard[i].activity.argmax()) for i in steps]
    total = np.sum([heard[i].embedding[k] for i, k in zip(steps, best, strict=True)], axis=0)
    middle_s = (steps + 0.5) * reader.bundle.step_s
    truth = directions(trial.about.direction, turn.angle(middle_s))
    errors = [
        angle_deg(heard[i].direction[k], true)
        for i, k, true in zip(steps, best, truth, strict=True)
    ]
    return {
        "label": float(int((prompts @ total).argmax()) == trial.about.label),
        "direction_deg": float(np.mean(errors)),
        "two_told": float(np.mean([(heard[i].activity > TRACKED).sum() == 2 for i in steps])),
    }


def measure(bundle: ModelBundle, clips: Clips, rooms: Sequence[TrialRoom], pairs: int) -> dict[
    str, dict[str, float]
]:  # fmt: skip
    """All figures, by what is heard and with how many slots."""
    prompts = reader_of(bundle, clips.labels).prompts
    readers = {f"{count} slot{'s' * (count > 1)}": SlotReader(bundle, count) for count in (1, 2)}
    scenes = {
        "pairs": list(_pairs(clips, rooms, pairs)),
        "alike": list(alike(clips.known, rooms, pairs)),
        "crossing": list(crossing(clips.known, rooms, pairs)),
    }
    singles = [(trial, STILL) for trial in staged(clips.known[::EVERY], rooms)]
    round_about = [turning(trial) for trial, _ in singles]
    noise = diffuse_noise(int(NOTHING_S * RATE), RATE, np.random.default_rng(SEED))
    first = readers["1 slot"]
    table = {
        f"{kind}, alone": _mean([judge_alone(first, scene, prompts) for scene in chosen])
        for kind, chosen in scenes.items()
    }
    for name, reader in readers.items():
        for kind, chosen in scenes.items():
            table[f"{kind}, {name}"] = _mean([judge_pair(reader, one, prompts) for one in chosen])
        for kind, trials in (("one sound", singles), ("turning", round_about)):
            judged = [judge_single(reader, trial, prompts, turn) for trial, turn in trials]
            table[f"{kind}, {name}"] = _mean(judged)
        heard = reader.hear(full_scale(noise.astype(np.float32)))
        told = [(output.activity > TRACKED).sum() for output in heard]
        table[f"nothing, {name}"] = {
            "one_told": float(np.mean(np.equal(told, 1))),
            "two_told": float(np.mean(np.equal(told, 2))),
        }
    return table


def _pairs(clips: Clips, rooms: Sequence[TrialRoom], pairs: int) -> Iterator[Scene]:
    """Pairs that are equally loud and far enough apart; more are drawn than are needed."""
    found = 0
    for duet in duets(clips.known, clips.labels, rooms, 4 * pairs):
        if found < pairs and not duet.level_db and angle_deg(*duet.directions) >= PAIR_DEG:
            found += 1
            yield Scene(duet)


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
