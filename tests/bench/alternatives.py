"""How a step compares with what else one could do, and how its cost grows: all in one run.

    python -m tests.bench.alternatives [--bundle DIR] [--rounds 200]

Features of a 10 ms hop beside the bare transforms, SciPy and torch.stft, hop by hop; a step of a
listener beside CLAP's HTSAT (random weights; time does not depend on them) on a window of 10 s.
Processor time of one thread, in turns after warm-up. Needs the workshop's packages (torch,
transformers, scipy).
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import rocket_fft  # noqa: F401  (numpy.fft inside kernels)
import scipy.fft
import torch
from numba import njit
from transformers import ClapAudioConfig, ClapAudioModel

from elsa_rt.config import Config
from elsa_rt.encoder.audio import AudioEncoder
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.errors import BundleError
from elsa_rt.features.intensity import CHANNELS, IntensityFeatures, mel_bands
from elsa_rt.listener import Listener
from elsa_rt.matching.prompts import PromptBank
from elsa_rt.matching.scores import Scorer
from elsa_rt.matching.statistics import Statistics
from tests.bench.material import RATE, machine, verdict
from tests.bench.stages import scene

MOST_FFTS, LEAST_GAIN, LEAST_CLAP = 2.5, 3.0, 75.0
CLAP_SHAPE = (1, 1, 1001, 64)  # log-mel of 10 s
PROMPT_COUNTS, STREAM_COUNTS = (1, 10, 100, 1000), (1, 4, 16, 64)

RUN = 5

Jobs = dict[str, Callable[[], Any]]


def in_turns(jobs: Jobs, rounds: int, warm_up: int = 10) -> dict[str, np.ndarray]:
    """Microseconds of processor time of each job, p50, p95 and p99.

    A turn is `RUN` times the same, so that a small job is not judged by the caches of a large one.
    """
    spent: defaultdict[str, list[float]] = defaultdict(list)
    for _ in range(warm_up + rounds):
        for name, job in jobs.items():
            for _ in range(RUN):
                begun = time.thread_time_ns()
                job()
                spent[name].append((time.thread_time_ns() - begun) / 1e3)
    return {
        name: np.quantile(times[warm_up * RUN :], (0.5, 0.95, 0.99))
        for name, times in spent.items()
    }


@njit(cache=True)
def bare_transforms(frames: np.ndarray) -> np.ndarray:
    """The four transforms of a hop and nothing else."""
    return np.fft.rfft(frames)


def feature_jobs(bundle: ModelBundle) -> Jobs:
    """One hop of four channels: log-mel, active and reactive intensity."""
    settings = bundle.features
    features = IntensityFeatures(settings)
    rng = np.random.default_rng(0)
    hop = rng.normal(0, 0.1, (4, settings.hop)).astype(np.float32)
    frames = rng.normal(0, 0.1, (4, settings.n_fft)).astype(np.float32)
    window = np.hanning(settings.n_fft + 1)[:-1].astype(np.float32)
    bands = mel_bands(settings).astype(np.float32)
    tensor, hann = torch.from_numpy(frames), torch.from_numpy(window)
    mel = torch.from_numpy(bands)

    def with_scipy() -> Any:
        frames[:, : -settings.hop] = frames[:, settings.hop :].copy()
        frames[:, -settings.hop :] = hop
        spectrum = scipy.fft.rfft(frames * window, axis=1)
        cross = spectrum[0].conj() * spectrum[1:]
        power = np.log(bands @ np.abs(spectrum[0]) ** 2 + 1e-10)
        return power, bands @ cross.real.T, bands @ cross.imag.T

    def with_torch() -> Any:
        spectrum = torch.stft(
            tensor, settings.n_fft, settings.hop, window=hann, center=False, return_complex=True
        )[..., 0]
        cross = spectrum[0].conj() * spectrum[1:]
        power = (mel @ spectrum[0].abs() ** 2 + 1e-10).log()
        return power, mel @ cross.real.T, mel @ cross.imag.T

    return {
        "features of a hop": lambda: features.step(hop),
        "its four bare transforms": lambda: bare_transforms(frames),
        "features with SciPy": with_scipy,
        "features with torch.stft": with_torch,
    }


def step_jobs(bundle: ModelBundle) -> Jobs:
    """A whole step with 100 prompts, and what CLAP's audio tower takes for the same answer."""
    config = Config()
    bank = PromptBank.encode(bundle, [f"sound {n}" for n in range(100)], config)
    listener = Listener(bank, encoder=AudioEncoder(bundle, config))
    blocks = scene(bundle, 10**9)
    clap: Any = ClapAudioModel(ClapAudioConfig())
    clap.eval()
    window = torch.randn(CLAP_SHAPE)
    longer = torch.zeros(1, 1, dtype=torch.bool)

    def with_clap() -> None:
        with torch.inference_mode():
            clap(input_features=window, is_longer=longer)

    return {
        "a step of a listener, 100 prompts": lambda: listener.push(next(blocks)[0]),
        "CLAP's HTSAT on 10 s": with_clap,
    }


def growth_jobs(bundle: ModelBundle) -> Jobs:
    """Scores of more and more prompts, the encoder with more and more streams at once."""
    encoder = AudioEncoder(bundle, Config())
    (sound,) = encoder.stream().step(*_step(bundle))
    jobs: Jobs = {}
    for count in PROMPT_COUNTS:
        bank = PromptBank.encode(bundle, [f"sound {n}" for n in range(count)], Config())
        scorer = Scorer(bank, Statistics.load(bundle), Config(), bundle.step_s)
        jobs[f"scores of {count} prompts"] = partial(scorer.step, sound)
    for streams in STREAM_COUNTS:
        try:
            batch = encoder.open(streams)
        except BundleError:
            break  # exported before it could hear several
        mel = np.zeros(
            (streams, bundle.step_frames, len(CHANNELS), bundle.features.mels), np.float32
        )
        jobs[f"encoder, {streams} streams"] = partial(batch.step, mel)
    return jobs


def _step(bundle: ModelBundle) -> tuple[Any, np.ndarray]:
    foa = np.zeros((4, bundle.step_samples), np.float32)
    return IntensityFeatures(bundle.features).step(foa), foa


def report(found: dict[str, np.ndarray]) -> Iterator[str]:
    """Markdown lines, and the verdict over the three comparisons."""
    yield "| microseconds | p50 | p95 | p99 |"
    yield "|---|--:|--:|--:|"
    for name, quantiles in found.items():
        yield f"| {name} | {' | '.join(f'{value:,.0f}' for value in quantiles)} |"


def ratios(found: dict[str, np.ndarray]) -> tuple[float, float, float]:
    """Features over bare transforms, the best other way over features, CLAP over a step."""
    middle = {name: float(quantiles[0]) for name, quantiles in found.items()}
    own = middle["features of a hop"]
    other = min(middle["features with SciPy"], middle["features with torch.stft"])
    step = middle["a step of a listener, 100 prompts"]
    return (
        own / middle["its four bare transforms"],
        other / own,
        (middle["CLAP's HTSAT on 10 s"] / step),
    )


def main() -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.alternatives", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--bundle", type=Path, help="(default: the one inside elsa-rt)")
    parser.add_argument("--rounds", type=int, default=200, help="(default: %(default)s)")
    options = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    torch.set_num_threads(1)
    bundle = ModelBundle.load(options.bundle)
    found = in_turns(feature_jobs(bundle), 5 * options.rounds)
    found |= in_turns(growth_jobs(bundle), options.rounds)
    found |= in_turns(step_jobs(bundle), max(4, options.rounds // 20), warm_up=1)
    print(f"{bundle.name}, hops at {bundle.features.rate} Hz, blocks at {RATE}; {machine()}\n")
    print(*report(found), sep="\n")
    ffts, gain, clap = ratios(found)
    print(f"\nfeatures cost {ffts:.1f} bare transforms, {gain:.1f} times less than the best other "
          f"way; CLAP on a window costs {clap:.0f} steps")  # fmt: skip
    within = ffts <= MOST_FFTS and gain >= LEAST_GAIN and clap >= LEAST_CLAP
    budget = f"at most {MOST_FFTS}, at least {LEAST_GAIN:g} and {LEAST_CLAP:g}"
    print(f"\n{verdict(within, budget)}")
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
