"""How far the directions of a bundle are off: `NOISE` of `elsa_rt.tracking.tracker`.

    python -m export evaluate-tracks WORK [--rooms rooms.csv] [--bundle BUNDLE] [--clips 90]

Validation clips of ``WORK`` (see `export.prepare`) sound in simulated and in measured rooms, and a
listener hears them. The error of each step is split into what lasts throughout a clip and what
changes from step to step, and the tracks' directions and their stated uncertainty are judged.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from elsa_rt.audio.ambisonics import direction_from_angles
from elsa_rt.audio.block import Block
from elsa_rt.encoder.audio import AudioEncoder
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.errors import ElsaError
from elsa_rt.listener import Listener
from elsa_rt.prompts.bank import PromptBank
from elsa_rt.tracking.direction_filter import angle_between, logarithm
from export.scenes.material import Clip, TrialRoom, read_clips, read_rooms, simulated_rooms
from export.scenes.trials import RATE, Staged, sounding, staged

STRAY_DEG = 25.0
"""Errors beyond are of another kind: a reflection, or the background. They are left out where the
error is split, not where tracks are judged."""

MIN_STEPS = 8
DIFFUSENESS = (0.0, 0.4, 0.6, 0.8, 1.0)


class Step(NamedTuple):
    """One step in which a track follows the sound."""

    trial: int
    diffuseness: float
    off_rad: NDArray[np.float64]  # (3,) in the tangent plane of the true direction
    raw_deg: float
    track_deg: float
    stated_deg: float


def hear(listener: Listener, trial: Staged, number: int) -> Iterator[Step]:
    """The steps of ``trial`` in which its sound is loud and followed."""
    step_s = listener.bundle.step_s
    active = sounding(trial.wet, trial.floor, step_s)
    true = trial.about.direction
    hearings = [*listener.push(Block(trial.foa, RATE)), *listener.finish()]
    for heard, sounds in zip(hearings, active, strict=False):
        for track in heard.tracks:
            if sounds and track.last_s == heard.time_s:
                found = direction_from_angles(track.azimuth_deg, track.elevation_deg)
                yield Step(
                    number,
                    heard.diffuseness,
                    np.array(logarithm(true, heard.direction)),
                    float(np.degrees(angle_between(true, heard.direction))),
                    float(np.degrees(angle_between(true, found))),
                    track.uncertainty_deg,
                )


def errors(steps: Sequence[Step]) -> str:
    """Cells of a Markdown line: how far directions are off, and what is stated of it."""
    raw, track, stated = (
        np.array([getattr(step, name) for step in steps])
        for name in ("raw_deg", "track_deg", "stated_deg")
    )
    middle = " | ".join(f"{np.median(degrees):.1f}°" for degrees in (raw, track, stated))
    within, twice = (np.mean(track <= factor * stated) for factor in (1, 2))
    return f"{len(steps)} | {middle} | {within:.0%} | {twice:.0%}"


def by_thirds(steps: Sequence[Step]) -> Iterator[str]:
    """Cells of Markdown lines, one for each third of the steps by what is stated: the root mean
    square of what is stated and of the error, and the share of errors beyond `STRAY_DEG`, which
    are left out of it.
    """
    ordered = sorted(steps, key=lambda step: step.stated_deg)
    for third in np.array_split(np.arange(len(ordered)), 3):
        stated, off = (
            np.array([getattr(ordered[i], name) for i in third])
            for name in ("stated_deg", "track_deg")
        )
        near = off < STRAY_DEG
        if not near.any():
            continue
        told, true = (float(np.sqrt((x[near] ** 2).mean())) for x in (stated, off))
        yield f"{told:.1f}° | {true:.1f}° | {told / true:.2f} | {1 - near.mean():.1%}"


def split(steps: Sequence[Step]) -> tuple[float, float]:
    """What lasts throughout a trial, and what changes, degrees in each axis."""
    lasting, changing = [], []
    for number in {step.trial for step in steps}:
        own = [step.off_rad for step in steps if step.trial == number and step.raw_deg < STRAY_DEG]
        if len(own) >= MIN_STEPS:
            lasting.append((np.mean(own, axis=0) ** 2).sum() / 2)
            changing.append(np.var(own, axis=0).sum() / 2)
    if not lasting:
        return float("nan"), float("nan")
    return float(np.degrees(np.mean(lasting) ** 0.5)), float(np.degrees(np.mean(changing) ** 0.5))


def measure(bundle: ModelBundle, clips: Sequence[Clip], rooms: Sequence[TrialRoom]) -> list[Step]:
    """Every followed step of ``clips`` in ``rooms``."""
    encoder = AudioEncoder(bundle)
    listener = Listener(PromptBank.empty(bundle), encoder=encoder, on_notice=lambda _: None)
    trials = tqdm(enumerate(staged(clips, rooms)), "trials", 2 * len(clips), disable=None)
    return [step for number, trial in trials for step in hear(listener, trial, number)]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(
        "python -m export evaluate-tracks", description=__doc__.split("\n")[0]
    )
    parser.add_argument("work", type=Path, metavar="WORK", help="directory of export.prepare")
    parser.add_argument("--rooms", type=Path, help="CSV of measured responses")
    parser.add_argument("--bundle", type=Path, help="(default: the bundled model)")
    parser.add_argument("--clips", type=int, default=90, help="that count (default: %(default)s)")
    args = parser.parse_args(argv)
    try:
        bundle, known = ModelBundle.load(args.bundle), read_clips(args.work).known
        sets = {"simulated": simulated_rooms(args.work)}
        if args.rooms:
            sets["measured"] = read_rooms(args.rooms)
    except ElsaError as problem:
        print(f"export evaluate-tracks: {problem}", file=sys.stderr)
        return problem.exit_code
    clips = known[:: max(1, len(known) // args.clips)][: args.clips]
    found = {name: measure(bundle, clips, rooms) for name, rooms in sets.items()}
    print("| rooms | steps | of the model | of tracks | stated | within | twice |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for name, steps in found.items():
        print(f"| {name} | {errors(steps)} |")
    print("\n| rooms | third | stated | error | ratio | beyond 25° |\n|---|---|--:|--:|--:|--:|")
    for name, steps in found.items():
        for third, line in zip(("surest", "middle", "least sure"), by_thirds(steps), strict=False):
            print(f"| {name} | {third} | {line} |")
    print("\n| rooms | diffuseness | lasting | changing |\n|---|--:|--:|--:|")
    for name, steps in found.items():
        for low, high in pairwise(DIFFUSENESS):
            lasting, changing = split([s for s in steps if low <= s.diffuseness < high])
            print(f"| {name} | {low:g} to {high:g} | {lasting:.1f}° | {changing:.1f}° |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
