"""How many times faster than real time ``elsa-rt remember`` hears recordings, its start included.

    python -m tests.bench.remember [--minutes 80]

Beside the wall clock it tells the speed on two cores that do nothing else, from processor time.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import soundfile

from elsa_rt.config import Config
from elsa_rt.demo import demo_path
from elsa_rt.memory.job import Job
from elsa_rt.memory.remember import remember
from tests.bench.material import machine

LEAST_TIMES = 120.0
CORES = 2


def write_recording(path: Path, minutes: int) -> None:
    """The built-in scene again and again, four channels."""
    scene, rate = soundfile.read(demo_path(), dtype="int16")
    left = minutes * 60 * rate
    with soundfile.SoundFile(path, "w", rate, scene.shape[1], "PCM_16") as file:
        while left:
            file.write(scene[:left])
            left -= min(left, len(scene))


def processor_s() -> float:
    """Processor time of this process and of those that it waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def main() -> int:
    """Measure, print, and say whether the aim is met."""
    parser = argparse.ArgumentParser("python -m tests.bench.remember", description=__doc__)
    parser.add_argument("--minutes", type=int, default=80)
    args = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    print(machine())
    with tempfile.TemporaryDirectory() as directory:
        recording = Path(directory) / "long.flac"
        write_recording(recording, args.minutes)
        wall, processor = time.perf_counter(), processor_s()
        report = remember(
            [recording], Path(directory) / "past", Job(Config(), CORES),
            on_notice=print, on_total=lambda _: None, on_progress=lambda _: None,
        )  # fmt: skip
        wall, processor = time.perf_counter() - wall, processor_s() - processor
    alone = CORES * report.seconds / processor
    print(
        f"{report.seconds / 60:.0f} minutes, {report.rows} rows: {report.seconds / wall:.0f} times "
        f"real time; {alone:.0f} times by processor time of {CORES} cores, at least "
        f"{LEAST_TIMES:.0f}"
    )
    print("WITHIN BUDGET" if alone >= LEAST_TIMES else "EXCEEDS BUDGET")
    return 0 if alone >= LEAST_TIMES else 1


if __name__ == "__main__":
    sys.exit(main())
