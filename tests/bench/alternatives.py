"""How a step compares with what else one could do, all in one run.

    python -m tests.bench.alternatives [--bundle DIR] [--rounds 200]

Features of a 10 ms hop beside the bare transforms, SciPy, librosa and torch.stft, hop by hop; a
step of a listener beside CLAP's HTSAT (random weights; time does not depend on them) on a window
of 10 s. Processor time of one thread, in turns after warm-up. Needs the extra export (torch,
transformers, scipy) and those of requirements.txt beside this file.
"""

from __future__ import annotations

import argparse
import os
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import rocket_fft  # noqa: F401  (numpy.fft inside kernels)
import scipy.fft
import torch
from numba import njit
from transformers import ClapAudioConfig, ClapAudioModel

from elsa_rt.config import Config
from elsa_rt.encoder.audio import AudioEncoder
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.features.intensity import IntensityFeatures, mel_bands
from elsa_rt.listener import Listener
from elsa_rt.prompts.bank import PromptBank
from tests.bench.material import RATE, blocks, machine
from tests.bench.targets import Found, Jobs, Target, in_turns, judge, quantile_table

MOST_FFTS, LEAST_GAIN, LEAST_CLAP = 2.5, 3.0, 75.0
CLAP_SHAPE = (1, 1, 1001, 64)  # log-mel of 10 s


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

    def with_librosa() -> Any:
        spectrum = librosa.stft(
            frames, n_fft=settings.n_fft, hop_length=settings.hop, window=window, center=False
        )[..., 0]
        cross = spectrum[0].conj() * spectrum[1:]
        power = np.log(bands @ np.abs(spectrum[0]) ** 2 + 1e-10)
        return power, bands @ cross.real.T, bands @ cross.imag.T

    return {
        "features of a hop": lambda: features.step(hop),
        "its four bare transforms": lambda: bare_transforms(frames),
        "features with SciPy": with_scipy,
        "features with librosa": with_librosa,
        "features with torch.stft": with_torch,
    }


def step_jobs(bundle: ModelBundle, steps: int) -> Jobs:
    """A whole step with 100 prompts, up to ``steps`` times, and CLAP for the same answer."""
    config = Config()
    bank = PromptBank.encode(bundle, [f"sound {n}" for n in range(100)], config)
    listener = Listener(bank, encoder=AudioEncoder(bundle, config))
    sound = iter([block for block, _ in islice(blocks(bundle), steps)])
    clap: Any = ClapAudioModel(ClapAudioConfig())
    clap.eval()
    window = torch.randn(CLAP_SHAPE)
    longer = torch.zeros(1, 1, dtype=torch.bool)

    def with_clap() -> None:
        with torch.inference_mode():
            clap(input_features=window, is_longer=longer)

    return {
        "a step of a listener, 100 prompts": lambda: listener.push(next(sound)),
        "CLAP's HTSAT on 10 s": with_clap,
    }


def targets(found: Found) -> list[Target]:
    """Features over bare transforms, the best other way over features, CLAP over a step."""
    middle = {name: float(values[0]) for name, values in found.items()}
    own = middle["features of a hop"]
    other = min(value for name, value in middle.items() if name.startswith("features with"))
    clap = middle["CLAP's HTSAT on 10 s"] / middle["a step of a listener, 100 prompts"]
    return [
        Target("features of a hop over its bare transforms",
               own / middle["its four bare transforms"], MOST_FFTS, "times"),
        Target("the best other way over features", other / own, LEAST_GAIN, "times", True),
        Target("CLAP on a window over a step", clap, LEAST_CLAP, "times", True),
    ]  # fmt: skip


def main() -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.alternatives", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--bundle", type=Path, help="(default: the bundled model)")
    parser.add_argument("--rounds", type=int, default=200, help="(default: %(default)s)")
    options = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    torch.set_num_threads(1)
    bundle = ModelBundle.load(options.bundle)
    found = in_turns(feature_jobs(bundle), options.rounds, run=20)
    rounds, run = max(4, options.rounds // 40), 20
    found |= in_turns(step_jobs(bundle, (1 + rounds) * run), rounds, run=run, warm_up=1)
    print(f"{bundle.name}, hops at {bundle.features.rate} Hz, blocks at {RATE}; {machine()}\n")
    print(*quantile_table(found, "microseconds"), sep="\n")
    return 0 if judge(targets(found), "alternatives") else 1


if __name__ == "__main__":
    sys.exit(main())
