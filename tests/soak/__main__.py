"""Hours of sound: memory, descriptors, threads, the cost of a step and time must stay flat.

    python -m tests.soak --hours 24             the scene of the demo, as fast as it goes
    python -m tests.soak --hours 2 --realtime   at its own pace, from a virtual microphone of ALSA
    python -m tests.soak --write                put the curves that were kept into the guide

Points are kept in ``build/soak``. Exits with 1 if memory grows by more than 10 MB after the first
tenth, a descriptor or thread is left over, samples are lost, the 99th percentile of a step rises
by a quarter, or time drifts by more than 0.2 s.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import numpy as np
import soundfile
from numpy.typing import NDArray

from elsa_rt import Block, Hearing, Listener
from elsa_rt.demo import demo_path, demo_prompts
from elsa_rt.outputs.jsonl import JsonLines
from elsa_rt.outputs.rotating import JsonlFile, RotatingFile
from tests.live.virtual_mic import virtual_microphone
from tests.soak.curve import STEP_S, Curve, faults
from tests.soak.page import write

BUILD = Path(__file__).parents[2] / "build/soak"
GROWTH_MB = 10.0
MIC_RATE = 48_000
STRETCHES = 24

Sound: TypeAlias = NDArray[np.float32]  # (4, n)


def scene() -> tuple[Sound, int]:
    """The scene (4, n), cut to whole steps, and its rate."""
    samples, rate = soundfile.read(demo_path(), dtype="float32", always_2d=True)
    step = round(STEP_S * rate)
    return np.ascontiguousarray(samples[: len(samples) // step * step].T), rate


def passes(listener: Listener, steps: int) -> Iterator[list[Hearing]]:
    """Hearings of each step of the scene, over and over."""
    sound, rate = scene()
    size = round(STEP_S * rate)
    for step in range(steps):
        at = step * size % sound.shape[1]
        yield listener.push(Block(sound[:, at : at + size].copy(), rate, step * size))


def starts(hearings: list[Hearing]) -> int:
    """How many alerts begin."""
    return sum(alert.state == "start" for hearing in hearings for alert in hearing.alerts)


def upsampled(sound: Sound, rate: int) -> Sound:
    """A sound that goes round (channels, n) at `MIC_RATE`, a multiple of ``rate``."""
    times = MIC_RATE // rate
    spectrum = np.fft.rfft(sound)
    return (times * np.fft.irfft(spectrum, times * sound.shape[1])).astype(np.float32)


def soak(hours: float, device: str | None, path: Path) -> int:
    """Listen to the scene, or to a microphone; the exit code."""
    steps = round(hours * 3600 / STEP_S)
    curve = Curve(path, STRETCHES, steps)
    prompts = list(demo_prompts())
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        file = RotatingFile(JsonlFile(f"{directory}/a.jsonl", max_mb=5, keep=3), print)
        lines = JsonLines(file)
        if device:
            listener = Listener(prompts, device, rate=MIC_RATE, on_notice=print)
            source: Iterator[list[Hearing]] = ([hearing] for hearing in listener)
        else:
            listener = Listener(prompts, on_notice=print)
            source = passes(listener, steps)
        spent, first = time.thread_time(), 0.0
        heard_s = 0.0
        for count, hearings in enumerate(source, 1):
            for hearing in hearings:
                lines.show(hearing)
                heard_s = hearing.time_s
            now = time.thread_time()
            first = first or time.monotonic()
            come_s = time.monotonic() - first if device else count * STEP_S
            if curve.step(now - spent, starts(hearings)):
                curve.mark(come_s - heard_s, listener.health.lost_samples)
            spent = now
            if count == steps:
                break
        listener.close()
        file.close()
    print(f"{steps * STEP_S / 3600:.2f} h in {time.monotonic() - begun:.0f} s")
    wrong = list(faults(curve.points, GROWTH_MB))
    print(*wrong, sep="\n")
    return 1 if wrong else 0


def from_microphone(hours: float) -> int:
    """The same in a process of its own, which hears a virtual microphone that this one feeds."""
    sound, rate = scene()
    with virtual_microphone(upsampled(sound, rate), MIC_RATE, repeat=True) as mic:
        command = [sys.executable, "-m", "tests.soak", "--hours", str(hours)]
        return subprocess.call([*command, "--microphone", mic.device], env=mic.env)


def main() -> int:
    """Soak, or write the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak")
    parser.add_argument("--hours", type=float, default=0.5, help="of sound (default: 0.5)")
    parser.add_argument("--realtime", action="store_true", help="at the pace of a microphone")
    parser.add_argument("--microphone", help=argparse.SUPPRESS)
    parser.add_argument("--write", action="store_true", help="put the curves into the guide")
    given = parser.parse_args()
    if given.write:
        write(BUILD)
        return 0
    if given.realtime:
        return from_microphone(given.hours)
    name = "realtime" if given.microphone else "fastest"
    return soak(given.hours, given.microphone, BUILD / f"{name}.jsonl")


if __name__ == "__main__":
    sys.exit(main())
