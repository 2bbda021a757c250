"""How fast ``elsa-rt listen`` hears a long file on one core, and how much memory it takes.

    python -m tests.bench.listen_file [--minutes 10] [--prompts 100] [--bundle DIR]

JSON lines, start-up included; nothing else should run. ``--minutes 60`` says whether an hour is
flat. Needs Linux's /proc.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import soundfile

from tests.bench.material import PROMPTS, RATE, machine, moving_sounds
from tests.bench.targets import Target, judge

LEAST_FACTOR = 20.0  # times real time
MOST_MB = 170.0
MOST_LOAD = 1.6  # % of a core, start-up included
MOST_GROWTH_MB = 5.0
SETTLED_S = 60.0  # of sound: from here on memory must stay flat


class Run(NamedTuple):
    """What one child did."""

    wall_s: float
    cpu_s: float
    memory: list[tuple[float, float]]  # (seconds of sound heard, MB resident), ascending
    hearings: int
    alerts: int


def write_scene(path: Path, seconds: int) -> None:
    """Write ``seconds`` of moving sounds as 16-bit FLAC."""
    with soundfile.SoundFile(path, "w", RATE, channels=4, subtype="PCM_16") as file:
        for foa in moving_sounds(seconds):
            file.write(foa.T)


def listen(scene: Path, prompts: list[str], bundle: Path | None) -> Run:
    """Run ``elsa-rt listen`` on the last of the cores that are allowed, and read all it says.

    Raises
    ------
    subprocess.CalledProcessError
        It failed; what it said is on standard error.
    """
    command = [sys.executable, "-m", "elsa_rt", "listen", str(scene), "--json"]
    command += [word for prompt in prompts for word in ("--prompt", prompt)]
    command += [] if bundle is None else ["--bundle", str(bundle)]
    core = {max(os.sched_getaffinity(0))}
    memory: list[tuple[float, float]] = []
    counts = {"hearing": 0, "alert": 0}
    begun = time.monotonic()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, preexec_fn=lambda: os.sched_setaffinity(0, core)
    ) as child:
        assert child.stdout is not None
        for text in child.stdout:
            line = json.loads(text)
            counts[line["type"]] += 1
            megabytes = resident_mb(child.pid)
            if megabytes:  # it may have ended while its last lines were in the pipe
                memory.append((line["time_s"], megabytes))
    wall_s = time.monotonic() - begun
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command)
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Run(wall_s, usage.ru_utime + usage.ru_stime, memory, counts["hearing"], counts["alert"])


def resident_mb(pid: int) -> float:
    """Memory of process ``pid`` in MB; 0 once it has ended."""
    pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 1e6


def report(run: Run, minutes: int, prompts: int) -> bool:
    """Print what was measured as Markdown; whether it is within the budget."""
    settled = next(mb for heard_s, mb in run.memory if heard_s >= SETTLED_S)
    end, most = run.memory[-1][1], max(mb for _, mb in run.memory)
    print(f"{machine()}\n")
    print(f"| {minutes} minutes of 4 channels at {RATE // 1000} kHz, {prompts} prompts | |")
    print("|---|--:|")
    print(f"| wall clock | {run.wall_s:.1f} s |")
    print(f"| processor time | {run.cpu_s:.1f} s |")
    print(f"| load of the core in real time | {100 * run.cpu_s / (60 * minutes):.1f} % |")
    print(f"| memory after the first minute of sound | {settled:.1f} MB |")
    print(f"| memory at the end | {end:.1f} MB |")
    print(f"| hearings, alerts | {run.hearings:,}, {run.alerts:,} |")
    return judge([
        Target("times real time, start-up included", 60 * minutes / run.wall_s, LEAST_FACTOR,
               at_least=True),
        Target("load of a core in real time", 100 * run.cpu_s / (60 * minutes), MOST_LOAD, "%"),
        Target("memory at most", most, MOST_MB, "MB"),
        Target("growth after the first minute", end - settled, MOST_GROWTH_MB, "MB"),
    ], "listen_file")  # fmt: skip


def main() -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.listen_file", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--minutes", type=int, default=10, help="at least 2 (default: %(default)s)")
    parser.add_argument("--prompts", type=int, default=100, help="(default: %(default)s)")
    parser.add_argument("--bundle", type=Path, help="(default: the bundled model)")
    options = parser.parse_args()
    if options.minutes < 2:
        parser.error(f"--minutes {options.minutes}: 2 are needed to see memory grow")
    prompts = [f"{PROMPTS[n % len(PROMPTS)]}, {n}" for n in range(options.prompts)]
    with TemporaryDirectory() as folder:
        scene = Path(folder) / "scene.flac"
        print(f"writing {options.minutes} minutes of moving sounds ...", file=sys.stderr)
        write_scene(scene, 60 * options.minutes)
        print("listening to them ...", file=sys.stderr)
        try:
            run = listen(scene, prompts, options.bundle)
        except subprocess.CalledProcessError as error:
            print(f"error: elsa-rt listen ended with {error.returncode}", file=sys.stderr)
            return 1
    return 0 if report(run, options.minutes, len(prompts)) else 1


if __name__ == "__main__":
    sys.exit(main())
