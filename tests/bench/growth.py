"""How the cost of a step grows with context, prompts and streams, in one run.

    python -m tests.bench.growth [--rounds 200] [--bundle DIR]

Processor time of one thread, in turns after warm-up.
"""

from __future__ import annotations

import argparse
import os
import sys
from functools import partial
from pathlib import Path

import numpy as np

from elsa_rt.config import Config
from elsa_rt.encoder.audio import AudioEncoder
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.features.intensity import IntensityFeatures
from elsa_rt.prompts.bank import PromptBank
from elsa_rt.scoring.scorer import Scorer
from elsa_rt.scoring.statistics import Statistics
from tests.bench.material import machine
from tests.bench.targets import Found, Jobs, Target, in_turns, judge, quantile_table

PROMPT_COUNTS, STREAM_COUNTS = (1, 10, 100, 1000), (1, 4, 16, 64)
CONTEXT_S = (1, 300)
MOST_BY_CONTEXT = 1.05  # times: flat but for noise
MOST_BY_PROMPTS = 10.0  # times for ten times as many
MOST_BY_STREAMS = 1.0  # of as many single streams


def context_jobs(bundle: ModelBundle, encoder: AudioEncoder) -> Jobs:
    """The encoder's step in streams that have heard for long, and for a moment."""
    frames = IntensityFeatures(bundle.features).step(
        np.random.default_rng(0).normal(0, 0.1, (4, bundle.step_samples)).astype(np.float32)
    )
    foa = np.zeros((4, bundle.step_samples), np.float32)
    jobs: Jobs = {}
    for seconds in CONTEXT_S:
        stream = encoder.streams().lanes[0]
        for _ in range(round(seconds / bundle.step_s)):
            stream.step(frames, foa)
        jobs[f"encoder after {seconds} s"] = partial(stream.step, frames, foa)
    return jobs


def prompt_jobs(bundle: ModelBundle, encoder: AudioEncoder) -> Jobs:
    """Scores of more and more prompts."""
    foa = np.zeros((4, bundle.step_samples), np.float32)
    (sound,) = encoder.streams().lanes[0].step(IntensityFeatures(bundle.features).step(foa), foa)
    jobs: Jobs = {}
    for count in PROMPT_COUNTS:
        bank = PromptBank.encode(bundle, [f"sound {n}" for n in range(count)])
        scorer = Scorer(bank, Statistics.load(bundle), Config(), bundle.step_s)
        jobs[f"scores of {count} prompts"] = partial(scorer.step, sound)
    return jobs


def stream_jobs(bundle: ModelBundle, encoder: AudioEncoder) -> Jobs:
    """The encoder with more and more streams at once."""
    jobs: Jobs = {}
    foa = np.zeros((4, bundle.step_samples), np.float32)
    frames = IntensityFeatures(bundle.features).step(foa)
    for streams in STREAM_COUNTS:
        jobs[f"encoder, {streams} streams"] = partial(
            encoder.streams(streams).step, [frames] * streams, foa
        )
    return jobs


def targets(found: Found) -> list[Target]:
    """How many times dearer the largest is, beside what is aimed at."""
    middle = {name: float(values[0]) for name, values in found.items()}
    short, long = (middle[f"encoder after {seconds} s"] for seconds in CONTEXT_S)
    hundred, thousand = (middle[f"scores of {count} prompts"] for count in PROMPT_COUNTS[2:])
    most = STREAM_COUNTS[-1]
    alone, many = (middle.get(f"encoder, {n} streams", np.nan) for n in (1, most))
    return [
        Target(f"a step after {CONTEXT_S[1]} s over one after {CONTEXT_S[0]} s",
               long / short, MOST_BY_CONTEXT, "times"),
        Target("1,000 prompts over 100", thousand / hundred, MOST_BY_PROMPTS, "times"),
        Target(f"{most} streams at once over {most} alone", many / alone / most,
               MOST_BY_STREAMS, "times"),
    ]  # fmt: skip


def main() -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.growth", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rounds", type=int, default=200, help="(default: %(default)s)")
    parser.add_argument("--bundle", type=Path, help="(default: the bundled model)")
    options = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    bundle = ModelBundle.load(options.bundle)
    encoder = AudioEncoder(bundle, Config())
    found: Found = {}
    for jobs in (context_jobs, prompt_jobs, stream_jobs):
        found |= in_turns(jobs(bundle, encoder), options.rounds, run=3)
    print(f"{bundle.name}; {machine()}\n")
    print(*quantile_table(found, "microseconds"), sep="\n")
    return 0 if judge(targets(found), "growth") else 1


if __name__ == "__main__":
    sys.exit(main())
