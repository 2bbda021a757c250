"""How many times faster than real time ``elsa-rt report`` hears a long recording.

    python -m tests.bench.report           two and four hours, and from them what a day takes
    python -m tests.bench.report --day     a whole day: minutes, and 8 GB of disk

A day has to take less than `DAY_S` on two cores that do nothing else: processor time counts, beside
the wall clock. The recording is the built-in scene again and again, with its eight prompts; the
time that a start takes is told apart, as a day has it but once. Two hours more are two pieces more,
each with its lead, as in a day.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from elsa_rt.cli import main as elsa_rt
from elsa_rt.demo import demo_prompts
from tests.bench.material import machine
from tests.bench.remember import processor_s, write_recording

DAY_S = 300.0
CORES = 2
HOURS = (2, 4)
DAY_HOURS = 24


def main() -> int:
    """Measure, print, and say whether the aim is met."""
    parser = argparse.ArgumentParser("python -m tests.bench.report", description=__doc__)
    parser.add_argument("--day", action="store_true", help="hear a whole day")
    args = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    print(machine())
    with tempfile.TemporaryDirectory() as directory:
        if args.day:
            processor, wall = measured(Path(directory), DAY_HOURS)
            day = max(wall, processor / CORES)
        else:
            short, _ = measured(Path(directory), HOURS[0])
            processor, wall = measured(Path(directory), HOURS[1])
            each = (processor - short) / (HOURS[1] - HOURS[0])  # an hour of sound
            start = max(short - HOURS[0] * each, 0.0)
            day = (start + DAY_HOURS * each) / CORES
    hours = DAY_HOURS if args.day else HOURS[1]
    print(
        f"{hours} hours in {wall:.0f} s of wall clock, {processor:.0f} s of processor time"
        + ("" if args.day else f", {start:.0f} s of them to start")
    )
    print(
        f"a day on {CORES} cores: {day / 60:.1f} minutes, at most {DAY_S / 60:.0f}; "
        f"{24 * 3600 / day:.0f} times real time"
    )
    print("WITHIN BUDGET" if day <= DAY_S else "EXCEEDS BUDGET")
    return 0 if day <= DAY_S else 1


def measured(directory: Path, hours: int) -> tuple[float, float]:
    """Seconds of processor time and of the wall clock of a report of so many hours."""
    recording = directory / "long.flac"
    write_recording(recording, 60 * hours)
    asked = [word for prompt in demo_prompts() for word in ("--prompt", prompt)]
    argv = ["report", str(recording), *asked, "-o", str(directory / "long.html")]
    processor, wall = processor_s(), time.perf_counter()
    if elsa_rt([*argv, "--jobs", str(CORES)]):
        raise SystemExit("no report was made")
    return processor_s() - processor, time.perf_counter() - wall


if __name__ == "__main__":
    sys.exit(main())
