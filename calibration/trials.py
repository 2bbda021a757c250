"""Whether a calibration finds the truth: ``python -m calibration.trials --trials 200``.

Each trial is another microphone in another room: a tetrahedron of cardioids whose channels come in
a random order, one of them inverted, with gains of up to 3 dB and delays of up to 2 samples at
48 kHz, turned by up to 80 degrees. What is recorded are a noise from everywhere, not quite evenly,
and one clap from each direction that `elsa-rt calibrate microphone` asks for, in reverberation and
noise. It ends with 1 if the goals are missed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibration.simulated_rooms import Device, SimulatedRoom, clap, diffuse_noise, response
from elsa_rt.audio.ambisonics import rotation, wrapped_deg
from elsa_rt.calibrate.calibration import Calibration, calibrate, split_claps
from elsa_rt.calibrate.directions import GUIDED, announced
from elsa_rt.errors import SourceError
from elsa_rt.microphones.capsules import Capsules, layout
from elsa_rt.microphones.library import find_profile

RATE = 48_000
RADIUS_M = 0.015
DISTANCE_M = 1.2
CLAP_EVERY_S = 1.2
NOISE_S = 8.0
SNR_DB = 15.0, 25.0  # of the direct sound of a clap against the room's noise
GAIN_DB, DELAY_SAMPLES, YAW_DEG = 3.0, 2.0, 80.0

SHARE = 0.99  # of the trials in which order and signs must be right
GOALS = {"gain, dB": 0.3, "delay, samples": 0.1, "yaw, degrees": 2.0}


class Recording(NamedTuple):
    """What a trial hears, and the truth."""

    device: Device
    yaw_deg: float
    claps: NDArray[np.float32]  # (4, n)
    noise: NDArray[np.float32]  # (4, n)


class Outcome(NamedTuple):
    """How near a trial came."""

    right: bool  # order and signs
    errors: tuple[float, float, float]  # gain in dB, delay in samples, yaw in degrees
    residual_deg: float
    radius_error_mm: float


def random_device(rng: np.random.Generator) -> tuple[Device, float]:
    """A microphone with faults, and its yaw in degrees."""
    yaw = float(rng.uniform(-YAW_DEG, YAW_DEG))
    signs = np.ones(4)
    signs[rng.integers(4)] = -1
    device = Device(
        Capsules(layout("type-i"), RADIUS_M),
        tuple(rng.permutation(4).tolist()),
        tuple(signs.tolist()),
        tuple(rng.uniform(-GAIN_DB, GAIN_DB, 4).tolist()),
        tuple((rng.uniform(-DELAY_SAMPLES, DELAY_SAMPLES, 4) / RATE).tolist()),
        rotation(yaw, 0, 0),
    )
    return device, yaw


def record(
    device: Device,
    rng: np.random.Generator,
    directions: tuple[NDArray[np.float64], ...],
    misplaced_deg: float = 0.0,
) -> NDArray[np.float32]:
    """A clap from each of ``directions`` (3,) in a room with noise: float32 (4, n), peak 0.5."""
    room = SimulatedRoom(
        microphone=(
            float(rng.uniform(1.9, 2.9)), float(rng.uniform(1.6, 2.4)), float(rng.uniform(0.9, 1.3))
        ),
        t60=float(rng.uniform(0.25, 0.8)),
    )  # fmt: skip
    count = round((CLAP_EVERY_S * len(directions) + 0.6) * RATE)
    out = np.zeros((4, count))
    direct = 0.0
    for number, towards in enumerate(directions):
        stood = towards + np.radians(misplaced_deg) * rng.normal(size=3)
        heard = response(room, stood / np.linalg.norm(stood), DISTANCE_M, device, RATE, rng)
        hands = clap(RATE, rng)
        sound = np.stack([np.convolve(channel, hands) for channel in heard])
        direct = max(direct, float(np.sqrt(np.mean(sound[:, : RATE // 160] ** 2))))
        start = round((0.5 + CLAP_EVERY_S * number) * RATE)
        length = min(sound.shape[1], count - start)
        out[:, start : start + length] += sound[:, :length]
    snr = 10 ** (rng.uniform(*SNR_DB) / 20)
    out += direct / snr * diffuse_noise(device, RATE, count / RATE, rng)[:, :count]
    return (0.5 * out / np.abs(out).max()).astype(np.float32)


def make(seed: int, misplaced_deg: float = 0.0) -> Recording:
    """The recordings of trial ``seed``."""
    rng = np.random.default_rng(seed)
    device, yaw = random_device(rng)
    towards = tuple(announced(name).towards for name in GUIDED)
    claps = record(device, rng, towards, misplaced_deg)
    noise = 0.05 * diffuse_noise(device, RATE, NOISE_S, rng)
    return Recording(device, yaw, claps, noise.astype(np.float32))


def solve(recording: Recording) -> Calibration:
    """Calibrate as the command does, knowing that it is a tetrahedron, not of which size."""
    directions = [announced(name) for name in GUIDED]
    takes = split_claps(recording.claps, RATE, directions)
    base = find_profile("tetrahedron")
    return calibrate(takes, recording.noise, base, RATE, (1, 2, 3, 4), "a trial")


def judge(recording: Recording, found: Calibration) -> Outcome:
    """Compare what was found with the truth."""
    device, profile = recording.device, found.profile
    channel_of = np.argsort(device.order)
    gains = np.array(device.gains_db)[channel_of]
    delays = np.array(device.delays_s)[channel_of]
    right = profile.channels == tuple((channel_of + 1).tolist())
    right &= profile.signs == tuple(np.array(device.signs)[channel_of].tolist())
    gain = np.abs(np.array(profile.gains_db) - (gains - gains.mean())).max()
    delay = np.abs(np.array(profile.delays_us) * 1e-6 - (delays - delays.mean())).max() * RATE
    yaw = abs(wrapped_deg(profile.yaw_deg - recording.yaw_deg))
    radius = abs((profile.radius_mm or 0) - 1000 * RADIUS_M)
    return Outcome(
        right, (float(gain), float(delay), float(yaw)), found.residual_deg, float(radius)
    )


def run(seeds: range, misplaced_deg: float = 0.0) -> Iterator[Outcome | None]:
    """One outcome for each of ``seeds``; None where the recordings were refused."""
    for seed in seeds:
        recording = make(seed, misplaced_deg)
        try:
            yield judge(recording, solve(recording))
        except SourceError:
            yield None


def main() -> int:
    """Run the trials and print what came of them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0, help="of the first trial")
    parser.add_argument(
        "--misplaced-deg", type=float, default=0.0, help="how far off the hands are, one sigma"
    )
    asked = parser.parse_args()
    outcomes, refused = [], 0
    for outcome in run(range(asked.seed, asked.seed + asked.trials), asked.misplaced_deg):
        if outcome is None:
            refused += 1
        else:
            outcomes.append(outcome)
        if sys.stderr.isatty():
            print(f"\r{len(outcomes) + refused} of {asked.trials}", end="", file=sys.stderr)
    share = sum(outcome.right for outcome in outcomes) / asked.trials
    errors = np.array([outcome.errors for outcome in outcomes])
    print(f"{asked.trials} trials, {refused} of them refused")
    print(f"order and signs right in {share:.1%} (goal {SHARE:.0%})")
    kept = share >= SHARE
    for column, (name, goal) in enumerate(GOALS.items()):
        median, p95, most = np.quantile(errors[:, column], [0.5, 0.95, 1])
        print(f"{name}: median {median:.3f}, 95 % {p95:.3f}, largest {most:.3f} (goal {goal})")
        kept &= bool(most <= goal)
    for name in ("residual_deg", "radius_error_mm"):
        values = [getattr(outcome, name) for outcome in outcomes]
        print(f"{name}: median {np.median(values):.2f}, largest {np.max(values):.2f}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
