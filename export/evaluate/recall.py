"""Measure how well a memory answers: hours of a simulated home, asked by text and by place.

    python -m export evaluate-recall BUNDLE WORK [--hours 6] [--cache DIR] [--json FILE]

The streams are those of `export.evaluate.alerts`: sounds and rooms of no training. What was heard
becomes rows as `elsa-rt listen --remember` makes them. For each label that sounds, its plain prompt
is put to the store ("a dog barking"), and with each of four places where it sounds there ("a dog
barking behind me"). A row is right if a sound of that label, or of a narrower or broader one, goes
on during it within 45 degrees of it; with a place, if that sound lies at most 55 degrees from its
middle.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import isnan, nan
from pathlib import Path

import numpy as np

from elsa_rt.audio.ambisonics import angle_deg, direction_from_angles, wrapped_deg
from elsa_rt.config import Config
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.encoder.output import EncoderOutput
from elsa_rt.errors import ElsaError
from elsa_rt.memory.answer import HEARD
from elsa_rt.memory.gather import Gatherer, Step
from elsa_rt.memory.memory import Memory
from elsa_rt.memory.question import model_of
from elsa_rt.memory.row import Event, Remembered
from elsa_rt.memory.store import Origin, Store
from elsa_rt.tracking.tracker import Tracker
from export.data.clips import kinds, phrases
from export.scenes.home import STREAM_S, HomeEvent, World
from export.scenes.home_hours import BACKGROUND, HomeRecording, hear_world

HOURS = 6.0
FIRST = 10
"""Rows of an answer that are looked at."""

MANY = 500
"""Rows that are looked at for those that count as heard."""

PLACES = {"in front of me": 0.0, "on my left": 90.0, "behind me": 180.0, "on my right": -90.0}
PLACE_DEG, SAME_DEG = 55.0, 45.0
DIFFUSENESS = 0.4
"""What streams are taken to have: it is not kept with them, and moves tracks little."""

MIN_OVERLAP_S = 0.2


@dataclass(frozen=True)
class Asked:
    """One question, and what came of it."""

    text: str
    there: int  # sounds that are right
    first: bool  # the first row is right
    found: float  # right rows among the first ten, of as many as could be
    best: float  # the same of rows in the order of the exact search
    score: float  # of the first row that is right, NaN where none is
    wrong: float  # highest score of a row that is wrong
    heard: float  # sounds with a row that counts as heard, of all that are right
    false: int  # wrong rows that count as heard


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(
        "python -m export evaluate-recall", description=__doc__.split("\n")[0]
    )
    parser.add_argument("bundle", type=Path, metavar="BUNDLE")
    parser.add_argument("work", type=Path, metavar="WORK", help="directory of export.prepare")
    parser.add_argument("--hours", type=float, default=HOURS, help=f"(default: {HOURS:g})")
    parser.add_argument("--cache", type=Path, help="directory that keeps what was heard")
    parser.add_argument("--json", type=Path, help="file to write each question to")
    args = parser.parse_args(argv)
    try:
        evaluate(args)
    except ElsaError as problem:
        print(f"export evaluate-recall: {problem}", file=sys.stderr)
        return problem.exit_code
    return 0


def evaluate(args: argparse.Namespace) -> None:
    """Measure and report."""
    bundle = ModelBundle.load(args.bundle)
    world = World(args.work, evaluation=True)
    streams = round(args.hours * 3600 / STREAM_S)
    heard = list(hear_world(bundle, world, BACKGROUND, streams, args.cache))
    events = [
        event._replace(start_s=event.start_s + k * STREAM_S, end_s=event.end_s + k * STREAM_S)
        for k, recording in enumerate(heard)
        for event in recording.events
        if event.label >= 0
    ]
    with tempfile.TemporaryDirectory() as directory:
        count = remember_streams(Path(directory), bundle, heard)
        with Memory.open(directory, bundle=args.bundle) as memory:
            plain = list(ask_labels(memory, world.labels, events, {"": None}))
            placed = list(ask_labels(memory, world.labels, events, PLACES))
    print(f"{args.hours:g} h, {len(events)} sounds, {count} rows\n")
    print("| questions | n | first right | found in first ten | the same, exact search | heard | "
          "wrong ones an hour |")  # fmt: skip
    print("|---|--:|--:|--:|--:|--:|--:|")
    print(line("by label", plain, args.hours))
    print(line("by label and place", placed, args.hours))
    if args.json:
        rows = [vars(asked) for asked in (*plain, *placed)]
        args.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


def line(name: str, asked: Sequence[Asked], hours: float) -> str:
    """A line of the table."""
    first, found, best, heard, false = (
        float(np.mean([getattr(one, key) for one in asked])) if asked else nan
        for key in ("first", "found", "best", "heard", "false")
    )
    return (
        f"| {name} | {len(asked)} | {first:.2f} | {found:.2f} | {best:.2f} | {heard:.2f} | "
        f"{false / hours:.2f} |"
    )


def remember_streams(path: Path, bundle: ModelBundle, heard: Iterable[HomeRecording]) -> int:
    """Put the streams one after the other into a store; returns how many rows there are."""
    with Store.open(path, create=True) as store, store.changing():
        model = store.model_id(model_of(bundle))
        source = store.source_id(Origin("home", "simulated home", live=False), model)
        return sum(
            store.add(source, model, rows_of(bundle, recording, k * STREAM_S))
            for k, recording in enumerate(heard)
        )


def rows_of(bundle: ModelBundle, heard: HomeRecording, begin_s: float) -> list[Event]:
    """Rows of a stream that begins at ``begin_s``."""
    tracker = Tracker(bundle.step_s, Config().track_release_s)
    gatherer = Gatherer(bundle.step_s)
    rows: list[Event] = []
    columns = zip(*(column.astype(np.float32) for column in heard[:4]), strict=True)
    for index, (embedding, direction, activity, distance) in enumerate(columns):
        time_s = (index + 1) * bundle.step_s
        sound = EncoderOutput(
            embedding[None], direction[None], np.array([activity]), np.array([distance])
        )
        tracks = tracker.step(time_s, sound, DIFFUSENESS).tracks
        step = Step(time_s, embedding, float(activity), direction, -40.0, tracks)
        rows += gatherer.step(step)
    rows += gatherer.finish()
    # each stream has a tracker of its own, whose names begin anew
    return [
        replace(row, time_s=row.time_s + begin_s, track=row.track and f"{row.track}-{begin_s:.0f}")
        for row in rows
    ]


def ask_labels(
    memory: Memory,
    labels: Sequence[str],
    events: Sequence[HomeEvent],
    places: dict[str, float] | dict[str, None],
) -> Iterator[Asked]:
    """Every label that sounds, in every place of ``places`` where it does."""
    related = kinds(labels) | kinds(labels).T
    for label in sorted({event.label for event in events}):
        own = [event for event in events if related[label, event.label]]
        for words, centre in places.items():
            there = [event for event in own if centre is None or _lies(event, centre)]
            if not there:
                continue
            text = f"{phrases(labels[label])[0]} {words}".strip()
            rows = memory.recall(text, top=MANY).rows
            exact = memory.recall(text, top=FIRST, exact=True).rows
            yield _asked(text, there, rows, exact)


def _asked(
    text: str, there: Sequence[HomeEvent], rows: Sequence[Remembered], exact: Sequence[Remembered]
) -> Asked:
    heard = [row for row in rows if row.score >= HEARD]
    rows, most = rows[:FIRST], min(FIRST, len(there))
    right = [_is_right(row, there) for row in rows]
    return Asked(
        text=text,
        there=len(there),
        first=bool(right and right[0]),
        found=min(sum(right), most) / most,
        best=min(sum(_is_right(row, there) for row in exact), most) / most,
        score=max((row.score for row, true in zip(rows, right, strict=True) if true), default=nan),
        wrong=max(
            (row.score for row, true in zip(rows, right, strict=True) if not true), default=nan
        ),
        heard=sum(any(_is_right(row, [event]) for row in heard) for event in there) / len(there),
        false=sum(not _is_right(row, there) for row in heard),
    )


def _lies(event: HomeEvent, centre: float) -> bool:
    return abs(float(wrapped_deg(event.azimuth_deg - centre))) <= PLACE_DEG


def _is_right(row: Remembered, events: Sequence[HomeEvent]) -> bool:
    for event in events:
        end_s = min(event.end_s, row.time_s + row.duration_s)
        if end_s - max(event.start_s, row.time_s) < MIN_OVERLAP_S:
            continue
        if isnan(row.azimuth_deg):
            return True
        here = direction_from_angles(row.azimuth_deg, row.elevation_deg)
        there = direction_from_angles(event.azimuth_deg, event.elevation_deg)
        if angle_deg(here, there) <= SAME_DEG:
            return True
    return False


if __name__ == "__main__":
    sys.exit(main())
