"""How well a turning sound is followed: errors of directions before and after smoothing.

    python -m tests.bench.tracks [--runs 200]

A sound goes round a tilted great circle. Its measured directions are off in two ways, degrees in
each axis: independently from step to step, and lastingly, as rooms bend directions (an
autoregression with 0.95 from step to step; for a sound that stands still the same throughout).
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.audio.ambisonics import direction_from_angles
from elsa_rt.encoder.output import EncoderOutput
from elsa_rt.tracking.direction_filter import angle_between, logarithm
from elsa_rt.tracking.tracker import Tracker

STEP_S = 0.08
SECONDS = 8.0
SETTLED_S = 1.0
DIFFUSENESS, SCATTER = 0.5, 0.12
KEPT = 0.95
SPEEDS_DEG_S = (0.0, 10.0, 30.0, 60.0, 90.0)
ERRORS_DEG = ((5.0, 0.0), (2.5, 5.0))  # independent, lasting


class Run(NamedTuple):
    """One sound, step by step after `SETTLED_S`."""

    raw_deg: NDArray[np.float64]  # angle from the true to the measured direction
    smooth_deg: NDArray[np.float64]  # and to that of the track
    behind_deg: NDArray[np.float64]  # part of it against the way that the sound goes
    stated_deg: NDArray[np.float64]
    speed_deg_s: NDArray[np.float64]
    tracks: int  # told of


class Figures(NamedTuple):
    """What several runs come to."""

    raw_deg: float  # root mean square
    smooth_deg: float
    stated_deg: float
    within: float  # share of steps whose error is at most what is stated
    within_twice: float
    lag_deg: float  # mean
    speed_deg_s: float  # median
    tracks: float  # mean

    @classmethod
    def of(cls, runs: Sequence[Run]) -> Figures:
        """Of all steps of ``runs``."""
        raw, smooth, behind, stated, speed = (
            np.concatenate([run[index] for run in runs]) for index in range(5)
        )
        return cls(
            rms(raw), rms(smooth), rms(stated),
            float(np.mean(smooth <= stated)), float(np.mean(smooth <= 2 * stated)),
            float(behind.mean()), float(np.median(speed)),
            float(np.mean([run.tracks for run in runs])),
        )  # fmt: skip


def rms(values: NDArray[np.float64]) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(values**2)))


def follow(speed_deg_s: float, independent_deg: float, lasting_deg: float, seed: int) -> Run:
    """Let a tracker follow a sound that turns by ``speed_deg_s``."""
    rng = np.random.default_rng(seed)
    steps = round(SECONDS / STEP_S)
    plane, _ = np.linalg.qr(rng.normal(size=(3, 2)))  # any great circle
    angle = np.radians(speed_deg_s) * STEP_S * np.arange(1, steps + 1)
    true = np.stack([np.cos(angle), np.sin(angle)], 1) @ plane.T
    onward = np.stack([-np.sin(angle), np.cos(angle)], 1) @ plane.T
    lasting = rng.normal(size=(1, 3)) if speed_deg_s == 0 else wander(rng, steps)
    error = independent_deg * rng.normal(size=(steps, 3)) + lasting_deg * lasting
    measured = true + np.radians(error)
    measured /= np.linalg.norm(measured, axis=1, keepdims=True)
    tracker, rows, ids = Tracker(STEP_S, 2.0), [], set()
    for index in range(steps):
        sound = sound_at(measured[index])
        heard = tracker.step((index + 1) * STEP_S, sound, DIFFUSENESS, SCATTER)
        ids |= {track.id for track in heard.tracks}
        (track,) = heard.slots
        if track is None or index * STEP_S < SETTLED_S:
            continue
        found = direction_from_angles(track.azimuth_deg, track.elevation_deg)
        rows.append((
            math.degrees(angle_between(true[index], measured[index])),
            math.degrees(angle_between(true[index], found)),
            -math.degrees(logarithm(true[index], found) @ onward[index]),
            track.uncertainty_deg,
            track.speed_deg_s,
        ))  # fmt: skip
    raw, smooth, behind, stated, speed = np.array(rows).T
    return Run(raw, smooth, behind, stated, speed, len(ids))


def wander(rng: np.random.Generator, steps: int) -> NDArray[np.float64]:
    """A lasting error (steps, 3) of variance one in each axis."""
    found = rng.normal(size=(steps, 3))
    for index in range(1, steps):
        found[index] = KEPT * found[index - 1] + math.sqrt(1 - KEPT**2) * found[index]
    return found


def sound_at(direction: NDArray[np.float64]) -> EncoderOutput:
    """A sound that is fully active, in one slot."""
    return EncoderOutput(
        np.zeros((1, 1), np.float32),
        direction[None].astype(np.float32),
        np.ones(1, np.float32),
        np.full(1, 2.0, np.float32),
    )


def table(runs: int) -> Iterator[str]:
    """Markdown lines, one for each kind of error and each speed."""
    yield "| error, independent + lasting | turns | measured | track | stated | within | twice |" \
        " lag | speed |"  # fmt: skip
    yield "|---|--:|--:|--:|--:|--:|--:|--:|--:|"
    for independent, lasting in ERRORS_DEG:
        for speed in SPEEDS_DEG_S:
            found = Figures.of([follow(speed, independent, lasting, seed) for seed in range(runs)])
            yield (
                f"| {independent:g}° + {lasting:g}° | {speed:g}°/s | {found.raw_deg:.1f}° "
                f"| {found.smooth_deg:.1f}° | {found.stated_deg:.1f}° | {found.within:.0%} "
                f"| {found.within_twice:.0%} | {found.lag_deg:.1f}° | {found.speed_deg_s:.0f}°/s |"
            )


def main() -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.tracks", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--runs", type=int, default=200, help="of each (default: %(default)s)")
    print(*table(parser.parse_args().runs), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
