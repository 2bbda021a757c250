"""Measure how a bundle hears quiet microphones: the same sounds, turned down.

    python -m export evaluate-levels BUNDLE WORK [--clips 70]

Validation clips in simulated rooms at 20 dB SNR, at a peak of 10 dB below full scale and by so much
less. A sound is right when its label is the first, or among the first five, of all labels of
training, by its plain phrase, over its active steps.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from elsa_rt.audio.ambisonics import angle_deg
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.errors import ElsaError, UsageError
from export.evaluate.hearing import reader_of
from export.scenes.material import SEED, Clip, TrialRoom, read_clips, simulated_rooms
from export.scenes.trials import Staged, Trial, TrialReader, staged

DOWN_DB = (0.0, 20.0, 40.0, 60.0, 80.0)
SNR_DB = 20.0
CLIPS = 70


class Heard(NamedTuple):
    """What became of one sound at one level."""

    first: bool  # its label
    five: bool
    active: float  # share of its steps that are told as active
    off_deg: float  # median over them


def judge(trial: Trial, prompts: NDArray[np.float32]) -> Heard:
    """``prompts`` (labels, D) are the phrases of the labels of training."""
    vector = (trial.embedding * trial.activity[:, None])[trial.active].sum(0)
    order = (-(prompts @ vector)).argsort()[:5]
    off = angle_deg(trial.direction[trial.active], trial.about.direction)
    told = float((trial.activity[trial.active] > 0.5).mean())
    first = bool(order[0] == trial.about.label)
    return Heard(first, trial.about.label in order, told, float(np.median(off)))


def turned_down(trial: Staged, down_db: float) -> Staged:
    """The same sound from a microphone that is so much quieter, noise and all."""
    return trial._replace(foa=np.float32(10 ** (-down_db / 20)) * trial.foa)


class Material(NamedTuple):
    """What a bundle is measured with."""

    bundle: ModelBundle
    clips: list[Clip]
    rooms: list[TrialRoom]
    prompts: NDArray[np.float32]  # (labels, D): the plain phrase of each label of training


def measure(given: Material) -> dict[float, list[Heard]]:
    """Each clip at each of `DOWN_DB`."""
    ear = TrialReader(given.bundle)
    found: dict[float, list[Heard]] = {down: [] for down in DOWN_DB}
    for trial in trials(given):
        heard = [ear.hear(turned_down(trial, down)) for down in DOWN_DB]
        if heard[0].active.any():
            for down, one in zip(DOWN_DB, heard, strict=True):
                found[down].append(judge(one, given.prompts))
    return found


def trials(given: Material) -> Iterator[Staged]:
    """Every clip in a room, with a bar of progress."""
    yield from tqdm(
        staged(given.clips, given.rooms, (SNR_DB,)), "clips", len(given.clips), disable=None
    )


def line(heard: Sequence[Heard]) -> str:
    """Cells of a Markdown line."""
    first, five, active, off = (np.array(column) for column in zip(*heard, strict=True))
    return f"{first.mean():.2f} | {five.mean():.2f} | {active.mean():.2f} | {np.median(off):.1f}°"


def material(tool: str, about: str, argv: Sequence[str] | None) -> Material:
    """What the command line of ``tool`` asks for: BUNDLE WORK [--clips N]."""
    parser = argparse.ArgumentParser(f"python -m export {tool}", description=about)
    parser.add_argument("bundle", type=Path, metavar="BUNDLE")
    parser.add_argument("work", type=Path, metavar="WORK", help="directory of export prepare")
    parser.add_argument("--clips", type=int, default=CLIPS, help="(default: %(default)s)")
    args = parser.parse_args(argv)
    if args.clips < 1:
        raise UsageError(f"--clips {args.clips}: at least one is needed")
    bundle, clips = ModelBundle.load(args.bundle), read_clips(args.work, 1)
    order = np.random.default_rng(SEED).permutation(len(clips.known))[: args.clips]
    prompts = reader_of(bundle, clips.labels[: clips.trained]).prompts
    return Material(bundle, [clips.known[i] for i in order], simulated_rooms(args.work), prompts)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    try:
        found = measure(material("evaluate-levels", __doc__.split("\n")[0], argv))
    except ElsaError as problem:
        print(f"export evaluate-levels: {problem}", file=sys.stderr)
        return problem.exit_code
    print("| turned down by | label first | among five | told as active | direction, median |")
    print("|--:|--:|--:|--:|--:|")
    for down, heard in found.items():
        print(f"| {down:g} dB | {line(heard)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
