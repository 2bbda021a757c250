"""How long each stage of one step takes on one core, after warm-up and in turns.

    python -m tests.bench.stages [--steps 1000] [--prompts 100] [--bundle DIR]

It is processor time of the one thread that listens, so that other programs count little.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

import numpy as np

from elsa_rt.audio.block import Block
from elsa_rt.audio.foa import ToFoa
from elsa_rt.audio.health import SignalHealth
from elsa_rt.config import Config
from elsa_rt.encoder.audio import AudioEncoder
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.errors import ElsaError
from elsa_rt.features.flow import EnergyFlow
from elsa_rt.features.intensity import IntensityFeatures
from elsa_rt.listener import Listener
from elsa_rt.matching.alerts import AlertGate
from elsa_rt.matching.prompts import PromptBank
from elsa_rt.matching.scores import Scorer
from elsa_rt.matching.statistics import Statistics
from elsa_rt.matching.thresholds import thresholds
from elsa_rt.matching.tracks import Tracker
from elsa_rt.outputs.jsonl import JsonLines
from tests.bench.material import PROMPTS, RATE, machine, moving_sounds, verdict

BUDGET_MS = 3.0
WARM_UP = 50  # steps
SCENE_S = 20
WHOLE = "**all of it, `Listener.push`**"


class Stopwatch:
    """Processor milliseconds of this thread under each name, in the order they came."""

    def __init__(self) -> None:
        self.spent: defaultdict[str, list[float]] = defaultdict(list)

    @contextmanager
    def __call__(self, name: str, parts: int = 1) -> Iterator[None]:
        """Time a ``with``, divided by the ``parts`` that it does."""
        begun = time.thread_time_ns()
        yield
        self.spent[name].append((time.thread_time_ns() - begun) / parts / 1e6)


def measure(bundle: ModelBundle, prompts: int, steps: int) -> Stopwatch:
    """Run ``steps`` through stages of their own, each in turn with a whole listener."""
    config = Config()
    encoder = AudioEncoder(bundle, config)
    bank = PromptBank.encode(bundle, [f"{PROMPTS[n % 10]} {n}" for n in range(prompts)], config)
    health, to_foa = SignalHealth(), ToFoa(config, 4, RATE, bundle.features.rate)
    features, stream = IntensityFeatures(bundle.features), encoder.stream()
    flow = EnergyFlow(bundle.step_frames)
    scorer = Scorer(bank, Statistics.load(bundle), config, bundle.step_s)
    start, end = thresholds(bank.rules, config, scorer.curves)
    tracker = Tracker(bundle.step_s, config.track_release_s)
    alerts = AlertGate(bank.rules, config, bundle.step_s, start, end)
    listener = Listener(bank, encoder=encoder)
    watch = Stopwatch()
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        lines = JsonLines(nowhere)
        for block, foa in scene(bundle, WARM_UP + steps):
            with watch("signal health"):
                health.step(block)
            with watch(f"resampling, {RATE // 1000} to {bundle.features.rate // 1000} kHz"):
                to_foa.step(block.samples)
            with watch("features, each hop", bundle.step_frames):
                frames = features.step(foa)
            with watch("energy flow"):
                (flowing,) = flow.step(frames)
            with watch("audio encoder"):
                (sound,) = stream.step(frames, foa)
            with watch(f"scores of {prompts} prompts"):
                match = scorer.step(sound)
            time_s = (block.start + block.samples.shape[1]) / RATE
            with watch("tracks"):
                tracked = tracker.step(time_s, sound, flowing.diffuseness)
            with watch("alerts"):
                alerts.step(time_s, match, sound, tracked.slots)
            with watch(WHOLE):
                hearings = listener.push(block)
            for hearing in hearings:
                with watch(f"a JSON line with {prompts} scores"):
                    lines.show(hearing)
    return watch


def scene(bundle: ModelBundle, steps: int) -> Iterator[tuple[Block, np.ndarray]]:
    """Blocks of a step as a microphone gives them, and the FOA of a step at the model's rate."""
    sound = np.hstack(list(moving_sounds(SCENE_S)))
    foa = ToFoa(Config(), 4, RATE, bundle.features.rate).step(sound)
    length = round(RATE * bundle.step_s)
    count = foa.shape[1] // bundle.step_samples
    for step, part in zip(range(steps), cycle(range(count)), strict=False):
        samples = sound[:, part * length : (part + 1) * length]
        ready = foa[:, part * bundle.step_samples : (part + 1) * bundle.step_samples]
        yield Block(samples, RATE, step * length), ready


def table(watch: Stopwatch) -> Iterator[str]:
    """Markdown lines with the quantiles of each name."""
    yield "| ms | p50 | p95 | p99 |"
    yield "|---|--:|--:|--:|"
    for name, spent in watch.spent.items():
        quantiles = np.quantile(spent[WARM_UP:], (0.5, 0.95, 0.99))
        yield f"| {name} | {' | '.join(f'{value:.3f}' for value in quantiles)} |"


def main() -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.stages", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--steps", type=int, default=1000, help="that count (default: %(default)s)")
    parser.add_argument("--prompts", type=int, default=100, help="(default: %(default)s)")
    parser.add_argument("--bundle", type=Path, help="(default: the one inside elsa-rt)")
    options = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    try:
        bundle = ModelBundle.load(options.bundle)
        watch = measure(bundle, options.prompts, options.steps)
    except ElsaError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(f"{bundle.name} {bundle.version}, a step of {1000 * bundle.step_s:.0f} ms; {machine()}\n")
    print(*table(watch), sep="\n")
    p99 = float(np.quantile(watch.spent[WHOLE][WARM_UP:], 0.99))
    within = p99 <= BUDGET_MS
    budget = f"p99 of the whole at most {BUDGET_MS:g} ms of one core, it is {p99:.2f}"
    print(f"\n{verdict(within, budget)}")
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
