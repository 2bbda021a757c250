"""Choose how far a mark reaches, `elsa_rt.scoring.feedback_gate.ALIKE`, on calibration homes.

    python -m export choose-reach BUNDLE WORK [--homes 20] [--cache DIR]

The homes are of the clips and rooms of calibration; those of the figures hear none of them. Of the
reaches with which false alarms and misses meet their goals after three marks it names the one that
misses least at the places of look-alikes, and of several the one with the fewest false alarms.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.errors import ElsaError, UsageError
from elsa_rt.scoring.feedback_gate import ALIKE, Reach
from export.evaluate.alerts.feedback.figures import MARKS, MORE_MISSED, REDUCED
from export.evaluate.alerts.feedback.homes import Home, homes
from export.evaluate.alerts.feedback.rule import HomeRule
from export.evaluate.alerts.feedback.simulation import figures_of
from export.scenes.home import World

HOMES = 20
FROM, WIDTH = (0.78, 0.8, 0.82, 0.84, 0.86, 0.88), (0.04, 0.06, 0.08, 0.1)
CANDIDATES: tuple[Reach, ...] = tuple(
    (low, round(low + width, 2)) for low in FROM for width in WIDTH
)


def best_reach(found: dict[Reach, dict[str, Any]]) -> Reach | None:
    """The reach that misses least of those that meet the goals; None if none does."""
    three = {reach: summary[str(MARKS[-1])] for reach, summary in found.items()}
    good = [
        reach
        for reach, row in three.items()
        if row["less_false_alarms"] >= REDUCED
        and max(row["more_missed"], row["more_missed_there"]) <= MORE_MISSED
    ]
    if not good:
        return None
    return min(good, key=lambda r: (three[r]["more_missed_there"], -three[r]["less_false_alarms"]))


def summaries(bundle: ModelBundle, lived: Sequence[Home]) -> dict[Reach, dict[str, Any]]:
    """The figures of every candidate, and of the present reach."""
    found = {}
    for reach in dict.fromkeys((ALIKE, *CANDIDATES)):
        rules = [HomeRule(bundle, home.label, reach) for home in lived]
        found[reach] = figures_of(lived, rules)["summary"]
    return found


def table(found: dict[Reach, dict[str, Any]]) -> str:
    """A row for each reach, after three marks."""
    lines = [
        "| counts from, in full from | false alarms | missed elsewhere | at the place "
        "| marked by mistake |",
        "|---|--:|--:|--:|--:|",
    ]
    for reach, summary in found.items():
        row = summary[str(MARKS[-1])]
        present = " (present)" if reach == ALIKE else ""
        lines.append(
            f"| {reach[0]:.2f}, {reach[1]:.2f}{present} | {-100 * row['less_false_alarms']:+.1f} % "
            f"| {100 * row['more_missed']:+.1f} | {100 * row['more_missed_there']:+.1f} "
            f"| {100 * summary['mistaken']:+.1f} |"
        )
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(
        "python -m export choose-reach", description=__doc__.split("\n")[0]
    )
    parser.add_argument("bundle", type=Path, metavar="BUNDLE")
    parser.add_argument("work", type=Path, metavar="WORK", help="directory of export.prepare")
    parser.add_argument("--homes", type=int, default=HOMES, help=f"(default: {HOMES})")
    parser.add_argument("--cache", type=Path, help="directory that keeps what was heard")
    args = parser.parse_args(argv)
    try:
        bundle, world = ModelBundle.load(args.bundle), World(args.work, "calibration")
        lived = list(homes(bundle, world, args.homes, args.cache))
        if not lived:
            raise UsageError(f"{args.work}: no label has look-alikes: prepare more clips")
        found = summaries(bundle, lived)
    except ElsaError as problem:
        print(f"export choose-reach: {problem}", file=sys.stderr)
        return problem.exit_code
    print(table(found))
    best = best_reach(found)
    print("\nNone meets the goals." if best is None else f"\nALIKE = {best}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
