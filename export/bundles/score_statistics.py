"""Score statistics of a bundle (`elsa_rt.scoring.statistics`): what it hears in a simulated home.

    python -m export scores BUNDLE WORK [--streams N] [--cache DIR]

replaces the statistics of a bundle. Sounds and rooms are the calibration side of
`export.scenes.home`: of no training, so that the model is as unsure as on a new sound, and not
those of `export.evaluate.alerts`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibration.scores import Steps, statistics_of
from elsa_rt.encoder.bundle import SCORES, ModelBundle
from elsa_rt.encoder.text import encode_texts
from elsa_rt.errors import ElsaError, UsageError
from elsa_rt.scoring.segments import rows_at, segment
from elsa_rt.scoring.statistics import Names, Statistics
from export.bundles.manifest import rehash
from export.data.clips import phrases, wider
from export.scenes.home import STREAM_S, World
from export.scenes.home_hours import BACKGROUND, HomeRecording, hear_world

STREAMS = 120  # of two minutes: four hours
LINGERS_S = 1.0  # so long after its end a sound may still be what is scored
LABELS = 3  # that a piece names at most


def calibrate(
    bundle: ModelBundle, work: Path, streams: int = STREAMS, cache: Path | None = None
) -> Statistics:
    """Let ``bundle`` hear the calibration side of ``work``."""
    world = World(work, "calibration", taught=True)
    heard = hear_world(bundle, world, BACKGROUND, streams, cache)
    said = encode_texts(bundle, [phrases(label)[0] for label in world.labels], 1).embedding
    steps = steps_of(heard, bundle.step_s, frozenset(world.taught.tolist()))
    return statistics_of(steps, names_of(world.labels, said))


def steps_of(
    heard: Iterable[HomeRecording], step_s: float, taught: frozenset[int] = frozenset()
) -> Steps:
    """What is active in streams, cut into pieces, silence between them; ``taught`` are clips."""
    rows, pieces, seconds_of, labels = [], [], [], []
    position, seconds = 0, 0.0
    for stream in heard:
        found = segment(stream.activity, step_s)
        rows.append([rows_at(getattr(stream, name), found.steps) for name in Steps._fields[:4]])
        pieces.append(position + found.starts)
        seconds_of.append(found.spans * step_s)
        labels += [
            _sounding(stream, a * step_s, b * step_s, taught) for a, b in found.spans.tolist()
        ]
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


def names_of(labels: Sequence[str], said: NDArray[np.float32]) -> Names:
    """Labels whose plain phrases are ``said`` (labels, D) in the space of prompts."""
    return Names(
        tuple(labels),
        said.astype(np.float16).astype(np.float32),
        wider(labels).astype(np.int16),
        np.full(len(labels), np.nan, np.float32),
    )


def _sounding(
    stream: HomeRecording, start_s: float, stop_s: float, taught: frozenset[int]
) -> NDArray[np.int16]:
    """Labels (`LABELS`,) that sound in a part of ``stream``, the longest first.

    That of a clip of training stands twice: so the piece holds no single label, and nothing is
    fitted to how well such a sound is known.
    """
    lasting: dict[int, float] = {}
    known = False
    for event in stream.events:
        common = min(stop_s, event.end_s + LINGERS_S) - max(start_s, event.start_s)
        if event.label >= 0 and common > 0:
            lasting[event.label] = lasting.get(event.label, 0) + common
            known |= event.clip in taught
    order = sorted(lasting, key=lambda label: -lasting[label])
    order = (order[:1] * known + order)[:LABELS]
    return np.array([*order, *[-1] * (LABELS - len(order))], np.int16)


def main(argv: Sequence[str] | None = None) -> int:
    """Write the statistics into the bundle."""
    parser = argparse.ArgumentParser("python -m export scores", description=__doc__.split("\n")[0])
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
        print(f"export scores: {problem}", file=sys.stderr)
        return problem.exit_code
    background = found.background
    print(f"{args.bundle / SCORES}: {background.hours:.1f} h, {len(background.pieces)} pieces")
    return 0


if __name__ == "__main__":
    sys.exit(main())
