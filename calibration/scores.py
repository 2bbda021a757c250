"""Score statistics of a bundle (`elsa_rt.matching.statistics`): what it hears in a made-up home.

    python -m calibration.scores BUNDLE WORK [--streams N] [--cache DIR]

replaces the statistics of a bundle. Sounds and rooms are the calibration side of `export.world`:
of no training, so that the model is as unsure as on a new sound, and not those of
`export.evaluate_alerts`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibration.platt import platt
from elsa_rt.encoder.bundle import SCORES, ModelBundle
from elsa_rt.encoder.text import encode_texts
from elsa_rt.errors import ElsaError, UsageError
from elsa_rt.matching.odds import ACTIVE, HIGH, SPREAD_FLOOR
from elsa_rt.matching.pieces import QUIET, cut, keep
from elsa_rt.matching.statistics import (
    COMPONENTS,
    FULL,
    Background,
    Names,
    Statistics,
    compress,
)
from export.clips import phrases, wider
from export.hours import BACKGROUND, Heard, hear_world
from export.world import STREAM_S, World

STREAMS = 120  # of two minutes: four hours
LINGERS_S = 1.0  # so long after its end a sound may still be what is scored
LABELS = 3  # that a piece names at most


class Steps(NamedTuple):
    """Steps of listening, as `Background` has them, before they are made small."""

    embedding: NDArray[np.float32]
    activity: NDArray[np.float32]
    direction: NDArray[np.float32]
    distance: NDArray[np.float32]
    pieces: NDArray[np.int32]
    piece_s: NDArray[np.float32]
    piece_labels: NDArray[np.int16]
    hours: float


def steps_of(heard: Iterable[Heard], step_s: float) -> Steps:
    """What is active in streams, cut into pieces, silence between them."""
    rows, pieces, seconds_of, labels = [], [], [], []
    position, seconds = 0, 0.0
    for stream in heard:
        found = cut(stream.activity, step_s)
        rows.append([keep(getattr(stream, name), found.steps) for name in Steps._fields[:4]])
        pieces.append(position + found.starts)
        seconds_of.append(found.spans * step_s)
        labels += [_sounding(stream, a * step_s, b * step_s) for a, b in found.spans.tolist()]
        position += len(found.steps)
        seconds += len(stream.activity) * step_s
    if not labels:
        raise UsageError("fitting the scores: no step was active: take more --streams")
    embedding, activity, direction, distance = map(np.concatenate, zip(*rows, strict=True))
    return Steps(
        embedding,
        activity,
        direction,
        distance,
        pieces=np.concatenate(pieces).astype(np.int32),
        piece_s=np.concatenate(seconds_of).astype(np.float32),
        piece_labels=np.stack(labels),
        hours=seconds / 3600,
    )


def statistics_of(steps: Steps, names: Names, components: int = COMPONENTS) -> Statistics:
    """Make ``steps`` small, and fit the slope and bias of the score by the sounds' own names."""
    active = steps.embedding[steps.activity > QUIET]
    mean = active.mean(axis=0)
    _, _, directions = np.linalg.svd(_some(active - mean), full_matrices=False)
    basis = directions[:components].astype(np.float16).astype(np.float32)
    parts = (active - mean) @ basis.T
    scale = np.maximum(np.quantile(np.abs(parts), 0.9999, axis=0) / FULL, 1e-8)
    background = Background(
        sounds=compress(steps.embedding, basis, mean, scale.astype(np.float32)),
        activity=np.round(255 * steps.activity).astype(np.uint8),
        direction=np.round(FULL * steps.direction).astype(np.int8),
        distance=steps.distance.astype(np.float16),
        pieces=steps.pieces,
        piece_s=steps.piece_s,
        piece_labels=steps.piece_labels,
        hours=steps.hours,
    )
    slope, bias = _fit(steps, names)
    return Statistics(basis, mean, scale.astype(np.float32), background, names, slope, bias)


def names_of(labels: Sequence[str], said: NDArray[np.float32]) -> Names:
    """Labels whose plain phrases are ``said`` (labels, D) in the space of prompts."""
    return Names(
        tuple(labels),
        said.astype(np.float16).astype(np.float32),
        wider(labels).astype(np.int16),
        np.full(len(labels), np.nan, np.float32),
    )


def calibrate(
    bundle: ModelBundle, work: Path, streams: int = STREAMS, cache: Path | None = None
) -> Statistics:
    """Let ``bundle`` hear the calibration side of ``work``."""
    world = World(work, evaluation=False)
    heard = hear_world(bundle, world, BACKGROUND, streams, cache)
    said = encode_texts(bundle, [phrases(label)[0] for label in world.labels], 1).embedding
    return statistics_of(steps_of(heard, bundle.step_s), names_of(world.labels, said))


def _fit(steps: Steps, names: Names) -> tuple[float, float]:
    """Slope and bias of right against wrong names of the pieces that hold but one."""
    piece = np.repeat(np.arange(len(steps.pieces)), np.diff([*steps.pieces, len(steps.activity)]))
    named = (steps.piece_labels >= 0).sum(1) == 1
    # a model that was hardly trained is sure of nothing
    active = steps.activity > min(ACTIVE, float(np.median(steps.activity[steps.activity > 0])))
    used = np.flatnonzero(active & named[piece])
    if not used.size:
        raise UsageError("fitting the scores: nothing with a name was heard: take more --streams")
    label = steps.piece_labels.max(1)[piece[used]]
    usual = _some(steps.embedding[active]) @ names.phrases.T
    middle, high = np.quantile(usual, (0.5, HIGH), axis=0)
    similarity = steps.embedding[used] @ names.phrases.T
    z = (similarity - middle) / np.maximum(high - middle, SPREAD_FLOOR)
    return platt(z, names.related[label])


def _some(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return rows[:: max(1, len(rows) // 8_000)]


def _sounding(stream: Heard, start_s: float, stop_s: float) -> NDArray[np.int16]:
    """Labels (`LABELS`,) that sound in a part of ``stream``, the longest first."""
    lasting: dict[int, float] = {}
    for event in stream.events:
        common = min(stop_s, event.end_s + LINGERS_S) - max(start_s, event.start_s)
        if event.label >= 0 and common > 0:
            lasting[event.label] = lasting.get(event.label, 0) + common
    order = sorted(lasting, key=lambda label: -lasting[label])[:LABELS]
    return np.array([*order, *[-1] * (LABELS - len(order))], np.int16)


def main(argv: Sequence[str] | None = None) -> int:
    """Write the statistics into the bundle."""
    from export.manifest import rehash

    parser = argparse.ArgumentParser("calibration.scores", description=__doc__.split("\n")[0])
    parser.add_argument("bundle", type=Path, metavar="BUNDLE")
    parser.add_argument("work", type=Path, metavar="WORK", help="directory of export.prepare")
    about = f"of {STREAM_S:g} s (default: {STREAMS})"
    parser.add_argument("--streams", type=int, default=STREAMS, help=about)
    parser.add_argument("--cache", type=Path, help="directory that keeps what was heard")
    args = parser.parse_args(argv)
    try:
        bundle = ModelBundle.load(args.bundle)
        found = calibrate(bundle, args.work, args.streams, args.cache)
        found.save(args.bundle / SCORES)
        rehash(args.bundle)
    except ElsaError as problem:
        print(f"calibration.scores: {problem}", file=sys.stderr)
        return problem.exit_code
    background = found.background
    print(f"{args.bundle / SCORES}: {background.hours:.1f} h, {len(background.pieces)} pieces")
    return 0


if __name__ == "__main__":
    sys.exit(main())
