"""Measure false alarms and misses of a bundle in a simulated home.

    python -m export evaluate-alerts BUNDLE WORK [--hours 6] [--targets 400] [--cache DIR]
        [--homes 10] [--json FILE] [--update]

Streams are those of the evaluation side of `export.scenes.home`: sounds and rooms that neither
training nor the bundle's own statistics heard. What the encoder makes of them is kept in
``--cache``: it goes on where it was cut off, and the matcher is measured again in a minute.
``--homes`` simulates what people mark as false, see `export.evaluate.alerts.feedback`.
``--update`` puts the share of each label that was found into the bundle, for ``elsa-rt explain``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from elsa_rt.encoder.bundle import SCORES, ModelBundle
from elsa_rt.errors import ElsaError
from elsa_rt.scoring.statistics import Statistics
from export.bundles.manifest import rehash
from export.evaluate.alerts.beside import Household, beside, beside_markdown, beside_report
from export.evaluate.alerts.feedback.figures import feedback_markdown
from export.evaluate.alerts.feedback.simulation import feedback_report
from export.evaluate.alerts.measure import Judge, false_alarms, place_gate, targets_found
from export.evaluate.alerts.report import Report, markdown, report_of
from export.scenes.home import KINDS, PAUSE_S, STREAM_S, World
from export.scenes.home_hours import BACKGROUND, TARGETS, hear_world

HOURS, COUNT, SNR_DB, HOMES = 6.0, 400, 20.0, 10


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(
        "python -m export evaluate-alerts", description=__doc__.split("\n")[0]
    )
    parser.add_argument("bundle", type=Path, metavar="BUNDLE")
    parser.add_argument("work", type=Path, metavar="WORK", help="directory of export.prepare")
    parser.add_argument("--hours", type=float, default=HOURS, help=f"(default: {HOURS:g})")
    parser.add_argument("--targets", type=int, default=COUNT, help=f"(default: {COUNT})")
    parser.add_argument("--homes", type=int, default=HOMES, help=f"(default: {HOMES})")
    parser.add_argument("--cache", type=Path, help="directory that keeps what was heard")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    parser.add_argument("--update", action="store_true", help="write the shares into the bundle")
    args = parser.parse_args(argv)
    try:
        evaluate(args)
    except ElsaError as problem:
        print(f"export evaluate-alerts: {problem}", file=sys.stderr)
        return problem.exit_code
    return 0


def evaluate(args: argparse.Namespace) -> None:
    """Measure and report."""
    bundle = ModelBundle.load(args.bundle)
    world = World(args.work, "evaluation")
    labels = world.labels[: world.trained]
    streams = round(args.hours * 3600 / STREAM_S)
    background = list(hear_world(bundle, world, BACKGROUND, streams, args.cache))
    judge = Judge(bundle, labels)
    false = false_alarms(judge, background, world.labels)
    single = list(hear_world(bundle, world, TARGETS, args.targets, args.cache, SNR_DB))
    found = targets_found(judge, single)
    report = report_of(false, found, place_gate(bundle, labels, single), labels)
    print(markdown(report, world_of(world)))
    pairs = beside(Household(bundle, labels), [*background, *single], world.labels)
    report["beside"] = beside_report(pairs, len(labels))
    print("\n" + beside_markdown(report["beside"]))
    if args.homes:
        report["feedback"] = feedback_report(bundle, world, args.homes, args.cache)
        print("\n" + feedback_markdown(report["feedback"]))
    if args.json:
        args.json.write_text(json.dumps(report, indent=2), encoding="utf-8")
    if args.update:
        update(bundle, report)


def world_of(world: World) -> str:
    """What an hour of background is, in a sentence or two."""
    shares = ", ".join(f"{share:.0%} {kind}" for kind, share in KINDS.items())
    return (
        f"An hour is {shares}; a sound every {PAUSE_S['quiet']:g} s in quiet, "
        f"{PAUSE_S['home']:g} s at home, talk without pause. Its {len(world.clips)} clips and its "
        "rooms are of no training and not those of calibration."
    )


def update(bundle: ModelBundle, report: Report) -> None:
    """Put the shares that were found into the statistics of ``bundle``.

    By Laplace's rule of succession: a label has a handful of trials, of which none may fail.
    """
    statistics = Statistics.load(bundle)
    shares = np.full(len(statistics.names.labels), np.nan, np.float32)
    for index, label in enumerate(statistics.names.labels):
        if label in report["detected"]:
            trials = report["detected"][label]
            shares[index] = (trials["found"] + 1) / (trials["of"] + 2)
    names = replace(statistics.names, detected=shares)
    replace(statistics, names=names).save(bundle.path / SCORES)
    rehash(bundle.path)


if __name__ == "__main__":
    sys.exit(main())
