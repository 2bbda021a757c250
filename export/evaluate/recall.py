"""Measure how well a memory answers: hours of a simulated home, asked by text and by place.

    python -m export evaluate-recall BUNDLE WORK [--hours 6] [--cache DIR] [--json FILE]

The streams are those of `export.evaluate.alerts`: sounds and rooms of no training. What was heard
becomes rows as `elsa-rt listen --remember` makes them. For each label that sounds, its plain prompt
is put to the store ("a dog barking"), in other words, and with each of four places where it sounds
there ("a dog barking behind me"). A row is right if a sound of that label, or of a narrower or
broader one, goes on during it within 45 degrees of it; with a place, if that sound lies at most 55
degrees from its middle. The first ten rows of each question, and what sounded during them, are in
the JSON file.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isnan, nan
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.audio.ambisonics import direction_from_angles, wrapped_deg
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
NOWHERE = {"": None}
PLACE_DEG, SAME_DEG = 55.0, 45.0
DIFFUSENESS, SCATTER = 0.4, 0.1
"""What streams are taken to have: they are not kept with them, and move tracks little."""

MIN_OVERLAP_S = 0.2


class Told(NamedTuple):
    """A row of an answer, and what went on during it in its direction."""

    time_s: float
    azimuth_deg: float
    score: float
    right: bool
    sounds: list[str]  # labels; empty where nothing with a label did


@dataclass(frozen=True)
class Asked:
    """One question, and what came of it."""

    text: str
    there: int  # sounds that are right
    first: bool  # the first row is right
    found: float  # right rows among the first ten, of as many as could be
    best: float  # the same of rows in the order of the exact search
    kept: float  # of the first ten of the exact search, those that are among the first ten
    heard: float  # sounds with a row that counts as heard, of all that are right
    false: int  # wrong rows that count as heard
    rows: list[Told]  # the first ten


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
    world = World(args.work, "evaluation")
    streams = round(args.hours * 3600 / STREAM_S)
    events: list[HomeEvent] = []

    def heard() -> Iterator[HomeRecording]:
        for k, one in enumerate(hear_world(bundle, world, BACKGROUND, streams, args.cache)):
            begin_s = k * STREAM_S
            events.extend(
                event._replace(start_s=event.start_s + begin_s, end_s=event.end_s + begin_s)
                for event in one.events
                if event.label >= 0
            )
            yield one

    with tempfile.TemporaryDirectory() as directory:
        count = remember_streams(Path(directory), bundle, heard())
        truth = Truth(events, world.labels)
        with Memory.open(directory, bundle=args.bundle) as memory:
            asked = {
                "by label": list(ask_labels(memory, truth, NOWHERE)),
                "in other words": list(ask_labels(memory, truth, NOWHERE, wording=1)),
                "by label and place": list(ask_labels(memory, truth, PLACES)),
            }
    print(f"{args.hours:g} h, {len(events)} sounds, {count} rows\n")
    print("| questions | n | first row right | right among the first ten | by the exact search | "
          "of its first ten | sounds heard | wrong rows an hour |")  # fmt: skip
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    for name, some in asked.items():
        print(line(name, some, args.hours))
    if args.json:
        every = [
            {**vars(one), "rows": [row._asdict() for row in one.rows]}
            for some in asked.values()
            for one in some
        ]
        args.json.write_text(json.dumps(every, indent=1), encoding="utf-8")


def line(name: str, asked: Sequence[Asked], hours: float) -> str:
    """A line of the table."""
    *shares, false = (
        float(np.mean([getattr(one, key) for one in asked])) if asked else nan
        for key in ("first", "found", "best", "kept", "heard", "false")
    )
    cells = " | ".join(f"{share:.2f}" for share in shares)
    return f"| {name} | {len(asked)} | {cells} | {false / hours:.2f} |"


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
        tracks = tracker.step(time_s, sound, DIFFUSENESS, SCATTER).tracks
        step = Step(time_s, embedding, float(activity), direction, -40.0, tracks)
        rows += gatherer.step(step)
    rows += gatherer.finish()
    # each stream has a tracker of its own, whose names begin anew
    return [
        replace(row, time_s=row.time_s + begin_s, track=row.track and f"{row.track}-{begin_s:.0f}")
        for row in rows
    ]


class Truth:
    """What really sounded, e events of ``labels``."""

    def __init__(self, events: Sequence[HomeEvent], labels: Sequence[str]) -> None:
        self.labels = labels
        self.events = events
        self._start_s, self._end_s, label, _, azimuth_deg, elevation_deg = np.array(events).T
        self.label = label.astype(int)
        self._azimuth_deg = azimuth_deg
        self._direction = direction_from_angles(azimuth_deg, elevation_deg)
        self._related = kinds(labels) | kinds(labels).T

    def of(self, label: int, centre_deg: float | None) -> NDArray[np.bool_]:
        """(e,): which are of ``label``, a narrower or a broader one, and lie at ``centre_deg``."""
        own = self._related[label][self.label]
        if centre_deg is None:
            return own
        off_deg = np.abs(wrapped_deg(self._azimuth_deg - centre_deg))
        return np.asarray(own & (off_deg <= PLACE_DEG))

    def during(self, row: Remembered) -> NDArray[np.bool_]:
        """(e,): which went on during ``row``, and where it was heard."""
        end_s = np.minimum(self._end_s, row.time_s + row.duration_s)
        both = end_s - np.maximum(self._start_s, row.time_s) >= MIN_OVERLAP_S
        if isnan(row.azimuth_deg):
            return np.asarray(both)
        here = direction_from_angles(row.azimuth_deg, row.elevation_deg)
        return np.asarray(both & (self._direction @ here >= np.cos(np.radians(SAME_DEG))))


def ask_labels(
    memory: Memory, truth: Truth, places: Mapping[str, float | None], wording: int = 0
) -> Iterator[Asked]:
    """Every label that sounds, in every place of ``places`` where it does.

    ``wording`` is the number of its phrase; labels that have no such phrase are left out.
    """
    for label in np.unique(truth.label).tolist():
        said = phrases(truth.labels[label])[wording : wording + 1]
        for words, centre_deg in places.items():
            wanted = truth.of(label, centre_deg)
            if said and wanted.any():
                text = f"{said[0]} {words}".strip()
                rows = memory.recall(text, top=MANY).rows
                exact = memory.recall(text, top=FIRST, exact=True).rows
                yield _asked(text, truth, wanted, rows, exact)


def _asked(
    text: str,
    truth: Truth,
    wanted: NDArray[np.bool_],
    rows: Sequence[Remembered],
    exact: Sequence[Remembered],
) -> Asked:
    during = [truth.during(row) for row in rows[:FIRST]]
    told = [
        Told(
            row.time_s,
            row.azimuth_deg,
            row.score,
            bool(here[wanted].any()),
            sorted({truth.labels[label] for label in truth.label[here].tolist()}),
        )
        for row, here in zip(rows, during, strict=False)
    ]
    there = int(wanted.sum())
    most = min(FIRST, there)
    best = sum(bool(truth.during(row)[wanted].any()) for row in exact)
    kept = {row.id for row in rows[:FIRST]} & {row.id for row in exact}
    heard = [truth.during(row)[wanted] for row in rows if row.score >= HEARD]
    return Asked(
        text=text,
        there=there,
        first=bool(told and told[0].right),
        found=min(sum(row.right for row in told), most) / most,
        best=min(best, most) / most,
        kept=len(kept) / max(len(exact), 1),
        heard=float(np.any(heard, axis=0).mean()) if heard else 0.0,
        false=sum(not here.any() for here in heard),
        rows=told,
    )


if __name__ == "__main__":
    sys.exit(main())
