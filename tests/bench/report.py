"""How many times faster than real time ``elsa-rt report`` hears a long recording.

    python -m tests.bench.report [--minutes 60]

A day has to take less than `DAY_S` on two cores that do nothing else: processor time counts, beside
the wall clock. The recording is the built-in scene again and again, with its eight prompts; the
time that a start takes is told apart, as a day has it but once.
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
START_MINUTES = 16


def main() -> int:
    """Measure, print, and say whether the aim is met."""
    parser = argparse.ArgumentParser("python -m tests.bench.report", description=__doc__)
    parser.add_argument("--minutes", type=int, default=60)
    args = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    print(machine())
    with tempfile.TemporaryDirectory() as directory:
        short, _ = measured(Path(directory), START_MINUTES)
        whole, wall = measured(Path(directory), args.minutes)
    each = (whole - short) / (args.minutes - START_MINUTES)  # a minute of sound
    start = max(short - START_MINUTES * each, 0.0)
    day = (start + 24 * 60 * each) / CORES
    print(
        f"{args.minutes} minutes in {wall:.0f} s of wall clock, {whole:.0f} s of processor time, "
        f"{start:.0f} s of them to start"
    )
    print(
        f"a day on {CORES} cores: {day / 60:.1f} minutes, at most {DAY_S / 60:.0f}; "
        f"{24 * 3600 / day:.0f} times real time"
    )
    print("WITHIN BUDGET" if day <= DAY_S else "EXCEEDS BUDGET")
    return 0 if day <= DAY_S else 1


def measured(directory: Path, minutes: int) -> tuple[float, float]:
    """Seconds of processor time and of the wall clock of a report of so many minutes."""
    recording = directory / "long.flac"
    write_recording(recording, minutes)
    asked = [word for prompt in demo_prompts() for word in ("--prompt", prompt)]
    argv = ["report", str(recording), *asked, "-o", str(directory / "long.html")]
    processor, wall = processor_s(), time.perf_counter()
    if elsa_rt([*argv, "--jobs", str(CORES)]):
        raise SystemExit("no report was made")
    return processor_s() - processor, time.perf_counter() - wall


if __name__ == "__main__":
    sys.exit(main())
