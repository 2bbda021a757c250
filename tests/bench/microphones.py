"""How many microphones one core hears in real time: whole listeners that step together.

    python -m tests.bench.microphones [--prompts 20] [--steps 50] [--bundle DIR]

Mean processor time of a step of all, over the number of microphones: resampling, features, encoder
in one run, scores, tracks and alerts of each, and the health of each signal. The first six seconds
do not count: what is looked at once a second, or in the first minute, is going on then.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from statistics import fmean

from elsa_rt.audio.block import Block
from elsa_rt.config import Config
from elsa_rt.encoder.audio import AudioEncoder
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.listeners import Listeners
from tests.bench.listen_file import resident_mb
from tests.bench.material import PROMPTS, blocks, machine
from tests.bench.targets import Target, judge

COUNTS = (1, 8, 32, 128)
WARM_UP = 75  # steps
LEAST_MICROPHONES = 100.0


def together(
    bundle: ModelBundle, count: int, prompts: int, steps: int, warm_up: int
) -> Iterator[float]:
    """Milliseconds of processor time of each step, for one of ``count`` microphones."""
    config = Config()
    names = [f"m{n}" for n in range(count)]
    sentences = [f"{PROMPTS[n % len(PROMPTS)]}, {n}" for n in range(prompts)]
    listeners = Listeners(
        sentences, names, config, encoder=AudioEncoder(bundle, config), on_notice=lambda _: None
    )
    sound: list[Block] = [block for block, _ in islice(blocks(bundle), warm_up + steps)]
    for step, block in enumerate(sound):
        begun = time.process_time()
        listeners.push(dict.fromkeys(names, block))
        if step >= warm_up:
            yield 1000 * (time.process_time() - begun) / count


def main() -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.microphones", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--prompts", type=int, default=20, help="(default: %(default)s)")
    parser.add_argument("--steps", type=int, default=50, help="that count (default: %(default)s)")
    about = "steps that do not count (default: %(default)s)"
    parser.add_argument("--warm-up", type=int, default=WARM_UP, help=about)
    parser.add_argument("--bundle", type=Path, help="(default: the one inside elsa-rt)")
    options = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    bundle = ModelBundle.load(options.bundle)
    most = 0.0
    print(f"{options.prompts} prompts each; {machine()}\n")
    print("| microphones | ms a step and microphone | on one core, in real time | MB |")
    print("|--:|--:|--:|--:|")
    for count in COUNTS:
        each = fmean(together(bundle, count, options.prompts, options.steps, options.warm_up))
        fit = 1000 * bundle.step_s / each
        most = max(most, fit)
        print(f"| {count} | {each:.3f} | {fit:.0f} | {resident_mb(os.getpid()):.0f} |")
    return 0 if judge([Target("microphones on one core", most, LEAST_MICROPHONES,
                              at_least=True)], "microphones") else 1  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
