"""How long each stage of one step takes on one core, after warm-up and in turns.

    python -m tests.bench.step [--steps 1000] [--prompts 100] [--bundle DIR]

It is ``elsa-rt bench`` in processor time of the one thread that listens, so that other programs
count little, on sounds that move, and beside its targets.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import numpy as np

from elsa_rt.cli.bench_run import WHOLE, measure
from elsa_rt.config import Config
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.errors import ElsaError
from tests.bench.material import blocks, machine
from tests.bench.targets import Target, judge, quantile_table

MOST_P50_MS, MOST_P99_MS, MOST_ENCODER_MS = 1.1, 1.6, 0.65
MANY_PROMPTS, MOST_MANY_MS = 1000, 2.0


def main() -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.step", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--steps", type=int, default=1000, help="that count (default: %(default)s)")
    parser.add_argument("--prompts", type=int, default=100, help="(default: %(default)s)")
    parser.add_argument("--bundle", type=Path, help="(default: the bundled model)")
    options = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    try:
        bundle = ModelBundle.load(options.bundle)
        report = measure(
            bundle, Config(), options.prompts, options.steps,
            sound=blocks(bundle), clock=time.thread_time,
        )  # fmt: skip
    except ElsaError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(f"{bundle.name} {bundle.version}, a step of {1000 * bundle.step_s:.0f} ms; {machine()}\n")
    print(*quantile_table({k: np.array(v) for k, v in report.stages.items()}, "ms"), sep="\n")
    try:
        many = measure(
            bundle, Config(), MANY_PROMPTS, options.steps // 4,
            sound=blocks(bundle), clock=time.thread_time,
        )  # fmt: skip
    except ElsaError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    whole = report.stages[WHOLE]
    targets = [
        Target("a step, p50", whole.p50, MOST_P50_MS, "ms"),
        Target("a step, p99", whole.p99, MOST_P99_MS, "ms"),
        Target(
            "of it the audio encoder, p50",
            report.stages["audio encoder"].p50,
            MOST_ENCODER_MS,
            "ms",
        ),
        Target(
            f"a step with {MANY_PROMPTS:,} prompts, p50", many.stages[WHOLE].p50, MOST_MANY_MS, "ms"
        ),
    ]
    return 0 if judge(targets, "step") else 1


if __name__ == "__main__":
    sys.exit(main())
