"""Is it no slower than the release before? The same sound through both, in turns.

    make bench-release                      or
    python -m tests.bench.release --before DIRECTORY [--pairs 5] [--seconds 60] [--rounds 3]

Each run is ``elsa-rt listen`` on a file with 100 prompts and JSON lines, in a process of its own;
what counts is its processor time, start included, so that other programs count little. Of the
ratios of neighbouring runs the median is taken: more than 1.15 is too slow. A median beyond that is
measured again, with as many pairs more, before it is believed. DIRECTORY holds the package of the
release before and what it needs beside the packages of now.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tests.bench.listen_file import write_scene
from tests.bench.material import PROMPTS, machine
from tests.bench.targets import Target, judge

TOLERANCE = 1.15
ROOT = Path(__file__).parents[2]


class Cost(NamedTuple):
    """What one run took."""

    cpu_s: float
    memory_mb: float


def listen(package: Path, scene: Path, cache: Path) -> Cost:
    """Run the command of the package in directory ``package``.

    Raises
    ------
    SystemExit
        It failed.
    """
    command = [sys.executable, "-m", "elsa_rt", "listen", str(scene), "--json"]
    command += [word for n in range(100) for word in ("--prompt", f"{PROMPTS[n % 10]}, {n}")]
    environment = {
        **os.environ, "PYTHONPATH": str(package), "ELSA_RT_CACHE": str(cache / "own"),
        "NUMBA_CACHE_DIR": str(cache / "numba"), "PYTHONPYCACHEPREFIX": str(cache / "compiled"),
    }  # fmt: skip
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # as an installed package, it is compiled
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen(
        command, env=environment, cwd=cache, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    _, said = process.communicate()
    if process.returncode:
        raise SystemExit(f"error: {package}: {said.decode()[-500:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(spent, after.ru_maxrss / 1000)


def main() -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.release", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--before", type=Path, required=True, help="the release before, unpacked")
    parser.add_argument("--pairs", type=int, default=5, help="(default: %(default)s)")
    parser.add_argument("--seconds", type=int, default=60, help="of sound (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="of pairs, at most (%(default)s)")
    options = parser.parse_args()
    ratios: list[float] = []
    with TemporaryDirectory() as folder:
        scene = Path(folder) / "scene.flac"
        write_scene(scene, options.seconds)
        places = {"before": options.before.resolve(), "now": ROOT}
        for name, package in places.items():  # caches are filled
            (Path(folder) / name).mkdir()
            listen(package, scene, Path(folder) / name)
        print(f"{options.seconds} s of sound, 100 prompts; {machine()}\n")
        print("| pair | before s | now s | ratio |\n|--:|--:|--:|--:|")
        for pair in range(options.pairs * options.rounds):
            if pair % options.pairs == 0 and pair and median(ratios) <= TOLERANCE:
                break
            order = ("before", "now") if pair % 2 else ("now", "before")  # whatever drifts
            cost = {name: listen(places[name], scene, Path(folder) / name) for name in order}
            ratios.append(cost["now"].cpu_s / cost["before"].cpu_s)
            print(f"| {pair + 1} | {cost['before'].cpu_s:.2f} | {cost['now'].cpu_s:.2f} "
                  f"| {ratios[-1]:.3f} |", flush=True)  # fmt: skip
    kept = judge([Target("processor time over that of the release before", median(ratios),
                         TOLERANCE, "times")], "release")  # fmt: skip
    if not kept:
        print(f"\nSlower than the release before: {median(ratios):.2f} times its processor time, "
              f"the median of {len(ratios)} pairs. `python -m tests.bench.step` tells the stages: "
              "run it here and in a checkout of the release.")  # fmt: skip
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
