"""Measure what DC and sound below hearing do to a bundle, with the device's high-pass and without.

    python -m export evaluate-rumble BUNDLE WORK [--clips 70]

Validation clips in simulated rooms at 20 dB SNR, at a peak of 10 dB below full scale, clean and
with an offset, a drift or rumble of its own on each channel. Figures are those of evaluate-levels.
The clean sounds tell what the high-pass costs, the others what it is good for.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from elsa_rt.errors import ElsaError
from elsa_rt.features.high_pass import HighPass
from export.evaluate.levels import Heard, Material, judge, line, material, trials
from export.scenes.material import SEED
from export.scenes.trials import RATE, Staged, TrialReader

Samples = NDArray[np.float32]
Found = dict[str, tuple[list[Heard], list[Heard]]]

LEVEL = 0.1
"""RMS of what is added, of full scale: about as strong as the sound at its loudest."""

DRIFT_HZ = 0.5
RUMBLE_HZ = (5.0, 12.0)
DEEP_HZ = (25.0, 80.0)
"""The deepest that can be heard: no high-pass may take it away."""


def offset(count: int, rng: np.random.Generator) -> Samples:
    """DC (4, count) of random sign on each channel."""
    return np.repeat(LEVEL * rng.choice([-1, 1], (4, 1)), count, axis=1).astype(np.float32)


def drift(count: int, rng: np.random.Generator) -> Samples:
    """A slow sine (4, count) of random phase on each channel."""
    angle = 2 * np.pi * DRIFT_HZ * np.arange(count) / RATE + rng.uniform(0, 2 * np.pi, (4, 1))
    return np.float32(LEVEL * np.sqrt(2)) * np.sin(angle).astype(np.float32)


def rumble(
    count: int, rng: np.random.Generator, band_hz: tuple[float, float] = RUMBLE_HZ
) -> Samples:
    """Noise (4, count) of ``band_hz``, another on each channel."""
    settled = RATE // 2
    noise = rng.standard_normal((4, count + settled))
    filtered = sosfilt(butter(4, band_hz, "bandpass", fs=RATE, output="sos"), noise)[:, settled:]
    return (LEVEL / np.sqrt(np.mean(filtered**2)) * filtered).astype(np.float32)


ADDED: dict[str, Callable[[int, np.random.Generator], Samples]] = {
    "nothing": lambda count, rng: np.zeros((4, count), np.float32),
    "DC": offset,
    f"drift, {DRIFT_HZ:g} Hz": drift,
    "rumble, {:g} to {:g} Hz".format(*RUMBLE_HZ): rumble,
    "noise, {:g} to {:g} Hz".format(*DEEP_HZ): lambda count, rng: rumble(count, rng, DEEP_HZ),
}


def disturbed(trial: Staged, added: Samples) -> Staged:
    """The trial with ``added`` (4, n) on its channels; what is loud in it stays so."""
    return trial._replace(foa=trial.foa + added)


def high_passed(trial: Staged) -> Staged:
    """The trial as a listener hears it."""
    return trial._replace(foa=HighPass(RATE).step(trial.foa))


def measure(given: Material) -> Found:
    """Each clip with each of `ADDED`: with the high-pass, and without."""
    ear = TrialReader(given.bundle)
    found: Found = {name: ([], []) for name in ADDED}
    for trial in trials(given):
        for name, make in ADDED.items():
            rng = np.random.default_rng([SEED, trial.about.clip])
            spoilt = disturbed(trial, make(trial.foa.shape[1], rng))
            heard = [ear.hear(one) for one in (high_passed(spoilt), spoilt)]
            if heard[0].active.any():
                for told, one in zip(found[name], heard, strict=True):
                    told.append(judge(one, given.prompts))
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    try:
        found = measure(material("evaluate-rumble", __doc__.split("\n")[0], argv))
    except ElsaError as problem:
        print(f"export evaluate-rumble: {problem}", file=sys.stderr)
        return problem.exit_code
    print("| added | high-pass | label first | among five | told as active | direction, median |")
    print("|---|---|--:|--:|--:|--:|")
    for name, (with_it, without) in found.items():
        print(f"| {name} | yes | {line(with_it)} |")
        print(f"| {name} | no | {line(without)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
