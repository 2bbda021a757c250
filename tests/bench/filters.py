"""Filters of a microphone profile: microseconds for a block of 100 ms, on one core.

python -m tests.bench.filters [PROFILE]
"""

from __future__ import annotations

import argparse
import os
import sys

import numpy as np

from elsa_rt.config import Config
from elsa_rt.errors import ElsaError
from elsa_rt.microphones.encoding import encoding
from elsa_rt.microphones.fir import MatrixFir
from elsa_rt.microphones.library import profile_of
from tests.bench.targets import Target, in_turns, judge, quantile_table

RATE = 48_000
MAX_P50_US = 300.0


def main() -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.filters", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("profile", nargs="?", default="sennheiser-ambeo-vr")
    profile = parser.parse_args().profile
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    try:
        made = encoding(profile_of(Config(microphone=profile)), RATE)
    except ElsaError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    stage = MatrixFir(made.taps, made.delay)
    block = np.random.default_rng(0).normal(0, 0.1, (4, RATE // 10)).astype(np.float32)
    found = in_turns({profile: lambda: stage.step(block)}, rounds=300)
    print(*quantile_table(found, "us"), sep="\n")
    return 0 if judge([Target("100 ms of sound, p50", found[profile][0], MAX_P50_US, "us")],
                      "filters") else 1  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
