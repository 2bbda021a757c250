"""How long a start takes, warm and cold, and what ``import elsa_rt`` costs.

    python -m tests.bench.start [--times 5] [--bundle DIR]

A start is ``elsa-rt listen`` on a file, from the command to its first line. Cold is one with an
empty cache, the first ever has no compiled Python either, which the others have as an installed
package has it. Nothing else should run.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from statistics import median
from tempfile import TemporaryDirectory

from elsa_rt.demo import demo_path
from tests.bench.material import PROMPTS, machine, many_prompts
from tests.bench.targets import Target, judge

MOST_WARM_S, MOST_COLD_S, MOST_FIRST_S, MOST_IMPORT_S = 0.6, 2.0, 3.0, 0.1
WRITES_NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"
"""A variable with which Python compiles all of it anew at each start."""

MANY, MOST_NEW_S, MOST_AGAIN_S = 1000, 3.0, 1.0  # prompts, and a start with them
HEAVY = ("numba", "torch", "onnxruntime", "sounddevice")

IMPORT = f"""
import sys, time
begun = time.perf_counter()
import elsa_rt
print(time.perf_counter() - begun, *(name for name in {HEAVY} if name in sys.modules))
"""


def first_line(environment: dict[str, str], bundle: list[str], count: int = len(PROMPTS)) -> float:
    """Seconds from the command with so many prompts to its first hearing."""
    command = [sys.executable, "-m", "elsa_rt", "listen", str(demo_path()), *bundle]
    prompts = many_prompts(count) if count > len(PROMPTS) else PROMPTS
    command += [word for prompt in prompts for word in ("--prompt", prompt)]
    begun = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as child:
        assert child.stdout is not None
        line = child.stdout.readline()
        spent = time.perf_counter() - begun
        child.kill()
    if not line.startswith(b"{"):
        raise SystemExit("error: elsa-rt listen gave no hearing")
    return spent


def import_s(environment: dict[str, str]) -> tuple[float, list[str]]:
    """Seconds of the import, and what heavy things came with it."""
    command = [sys.executable, "-c", IMPORT]
    spent, *heavy = subprocess.check_output(command, env=environment, text=True).split()
    return float(spent), heavy


def main() -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.start", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--times", type=int, default=5, help="(default: %(default)s)")
    parser.add_argument("--bundle", help="(default: the bundled model)")
    options = parser.parse_args()
    bundle = ["--bundle", options.bundle] if options.bundle else []
    with TemporaryDirectory() as compiled:
        installed = {name: text for name, text in os.environ.items() if name != WRITES_NO_BYTECODE}
        installed["PYTHONPYCACHEPREFIX"] = compiled
        return measure(installed, bundle, options.times)


def measure(installed: dict[str, str], bundle: list[str], times: int) -> int:
    """Take ``times`` turns in the environment ``installed``; returns the exit code."""
    cold, warm, warmed, first, new, again = (list[float]() for _ in range(6))
    warm_up = [sys.executable, "-m", "elsa_rt", "warmup", *bundle]
    for turn in range(times + 1):  # the first is not counted: it compiles
        with TemporaryDirectory() as empty:
            environment = {**installed, "ELSA_RT_CACHE": empty, "PYTHONPYCACHEPREFIX": empty}
            first.append(first_line(environment, bundle))
        with TemporaryDirectory() as empty:
            environment = {**installed, "ELSA_RT_CACHE": empty}
            new.append(first_line(environment, bundle, MANY))
            again.append(first_line(environment, bundle, MANY))
        with TemporaryDirectory() as empty:
            environment = {**installed, "ELSA_RT_CACHE": empty}
            cold.append(first_line(environment, bundle))
            warm.append(first_line(environment, bundle))
        with TemporaryDirectory() as empty:
            environment = {**installed, "ELSA_RT_CACHE": empty}
            subprocess.run(warm_up, env=environment, check=True, stdout=subprocess.DEVNULL)
            warmed.append(first_line(environment, bundle))
        if not turn:
            for seconds in (cold, warm, warmed, first, new, again):
                seconds.clear()
    imports = [import_s(installed) for _ in range(times)]
    print(f"median of {times}, {len(PROMPTS)} prompts; {machine()}")
    return 0 if judge([
        Target("start, caches warm", median(warm), MOST_WARM_S, "s"),
        Target("start, caches cold", median(cold), MOST_COLD_S, "s"),
        Target("start after elsa-rt warmup", median(warmed), MOST_WARM_S, "s"),
        Target("first start ever", median(first), MOST_FIRST_S, "s"),
        Target(f"start with {MANY:,} new prompts", median(new), MOST_NEW_S, "s"),
        Target(f"start with the same {MANY:,} again", median(again), MOST_AGAIN_S, "s"),
        Target("import elsa_rt", median(seconds for seconds, _ in imports), MOST_IMPORT_S, "s"),
        Target(f"of {', '.join(HEAVY)} it loads", len(imports[0][1]), 0),
    ], "start") else 1  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
