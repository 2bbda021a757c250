"""What a further listener costs that shares its encoder and prompts, and a change of rules.

python -m tests.bench.sharing [--prompts 100] [--microphone sennheiser-ambeo-vr]
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from elsa_rt import AudioEncoder, Config, Listener, ModelBundle, PromptBank
from tests.bench.targets import Target, judge

RATE = 48_000
MAX_LISTENER_MS, MAX_LISTENER_MB, MAX_FIRST_PUSH_MS, MAX_ADDED_PROMPT_MS = 20.0, 1.0, 20.0, 250.0
LISTENERS = 20


def cpu_ms(work: Callable[[], object]) -> float:
    """Milliseconds of processor time that ``work`` takes."""
    begun = time.process_time()
    work()
    return 1000 * (time.process_time() - begun)


def resident_mb() -> float:
    """Memory of this process that is its own, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.sharing", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--prompts", type=int, default=100)
    parser.add_argument("--microphone", default="sennheiser-ambeo-vr")
    options = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    config = Config(microphone=options.microphone)
    encoder = AudioEncoder(ModelBundle.load(), config)
    sentences = [f"a dog barking, {number}" for number in range(options.prompts)]
    bank = PromptBank.encode(encoder.bundle, sentences, config, encoder)
    kept: list[Listener] = []

    def listen() -> None:
        kept.append(Listener(bank, config=config, encoder=encoder, on_notice=lambda _: None))

    first = cpu_ms(listen)
    block = np.random.default_rng(0).normal(0, 0.01, (4, RATE // 100)).astype(np.float32)
    pushed = cpu_ms(lambda: kept[0].push(block, RATE))
    listen()  # what all listeners share is there from here on
    before, spent = resident_mb(), []
    for _ in range(LISTENERS):
        spent.append(cpu_ms(listen))
    grown = (resident_mb() - before) / LISTENERS
    added = cpu_ms(lambda: kept[0].add_prompt("a kettle whistling"))
    print(f"first listener {first:.0f} ms, {options.prompts} prompts")
    targets = [
        Target("a further listener, median", float(np.median(spent)), MAX_LISTENER_MS, "ms"),
        Target("memory of each", grown, MAX_LISTENER_MB, "MB"),
        Target(f"first push, {options.microphone}", pushed, MAX_FIRST_PUSH_MS, "ms"),
        Target(f"one more prompt beside {options.prompts}", added, MAX_ADDED_PROMPT_MS, "ms"),
    ]
    return 0 if judge(targets, "sharing") else 1


if __name__ == "__main__":
    sys.exit(main())
