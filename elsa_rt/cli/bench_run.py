"""Benchmark of this machine: milliseconds of each stage of a step, and delay of an alert."""

from __future__ import annotations

import io
import os
import platform
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from itertools import count, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.audio.block import Block
from elsa_rt.config import Config
from elsa_rt.demo import demo_path, demo_scene
from elsa_rt.diagnostics.signal_health import SignalHealth
from elsa_rt.encoder.audio import AudioEncoder
from elsa_rt.encoder.bundle import AUDIO_ENCODER, ModelBundle
from elsa_rt.features.energy_flow import EnergyFlow
from elsa_rt.features.intensity import IntensityFeatures
from elsa_rt.listener import Listener
from elsa_rt.microphones.library import profile_of
from elsa_rt.microphones.to_foa import ToFoa
from elsa_rt.outputs.jsonl import JsonLines
from elsa_rt.prompts.bank import PromptBank
from elsa_rt.scoring.scorer import Scorer
from elsa_rt.scoring.statistics import Statistics

RATE = 48_000
WARM_UP = 20  # steps
BUSIEST = 0.5  # share of real time that a step may take, at its 99th hundredth
WHOLE = "all of a step"
SYS = Path("/sys/devices/system/cpu/cpu0/cpufreq")
POWER_MODE = Path("/var/lib/nvpmodel/status")
PACKAGES = ("numpy", "numba", "onnxruntime", "tensorrt", "tensorrt-rtx")

Step = tuple[Block, NDArray[np.float32]]


class Quantiles(NamedTuple):
    """Milliseconds."""

    p50: float
    p95: float
    p99: float


class Report(NamedTuple):
    """Figures of one benchmark."""

    stages: dict[str, Quantiles]
    step_s: float
    latency_s: dict[str, float]  # of each stage, computing included
    engine: str
    streams: int

    @property
    def within(self) -> bool:
        """Whether the machine keeps up with room to spare."""
        return self.stages[WHOLE].p99 <= 1000 * BUSIEST * self.step_s

    @property
    def real_time(self) -> float:
        """Seconds of sound that are heard in a second."""
        return 1000 * self.step_s / self.stages[WHOLE].p50

    @property
    def capacity(self) -> int:
        """Streams that one core, or the GPU, keeps up with one after the other."""
        return int(1000 * self.step_s / self.stages[WHOLE].p95)


def measure(
    bundle: ModelBundle,
    config: Config,
    prompts: int,
    steps: int,
    streams: int = 1,
    sound: Iterator[Step] | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Report:
    """Run ``steps`` through each stage and through a whole listener, in turns.

    ``streams`` more than one times the encoder for as many streams that step together, too.
    ``sound`` gives each step as a block and as its FOA, by default bursts of noise; ``clock``
    gives seconds.
    """
    encoder = AudioEncoder(bundle, config)
    words = ("a dog barking", "a glass breaking", "someone speaking", "a siren", "heavy rain")
    sentences = [f"{words[n % len(words)]}, {n}" for n in range(prompts)]
    bank = PromptBank.encode(bundle, sentences, config)
    listener = Listener(bank, config=config, encoder=encoder, on_notice=lambda _: None)
    health, to_foa = SignalHealth(), ToFoa(profile_of(config), 4, RATE, bundle.features.rate)
    features, stream = IntensityFeatures(bundle.features), encoder.streams().lanes[0]
    flow = EnergyFlow(bundle.step_frames)
    scorer = Scorer(bank, Statistics.of(bundle), config, bundle.step_s)
    many = encoder.streams(streams) if streams > 1 else None
    lines = JsonLines(_Nowhere())
    spent: defaultdict[str, list[float]] = defaultdict(list)

    def timed(name: str, work: Any, *arguments: Any) -> Any:
        begun = clock()
        result = work(*arguments)
        spent[name].append(1000 * (clock() - begun))
        return result

    for block, foa in islice(sound or bursts(bundle), WARM_UP + steps):
        timed("signal health", health.step, block)
        timed("resampling", to_foa.step, block.samples)
        frames = timed("features", features.step, foa)
        timed("energy flow", flow.step, frames)
        (heard,) = timed("audio encoder", stream.step, frames, foa)
        timed(f"scores of {prompts} prompts", scorer.step, heard)
        if many is not None:
            timed(f"audio encoder, {streams} streams", many.step, [frames] * streams, foa)
        for hearing in timed(WHOLE, listener.push, block):
            timed("its JSON line", lines.show, hearing)
    stages = {
        name: Quantiles(*np.quantile(times[WARM_UP:], (0.5, 0.95, 0.99)).tolist())
        for name, times in spent.items()
    }
    latency = {**listener.latencies_s, "computing": stages[WHOLE].p95 / 1000}
    return Report(stages, bundle.step_s, latency, encoder.engine, streams)


class _Nowhere(io.TextIOBase):
    """Takes lines and keeps none."""

    def write(self, line: str, /) -> int:
        return len(line)


def bursts(bundle: ModelBundle) -> Iterator[Step]:
    """Bursts of noise without end: as a block of a step, and as the FOA of a step."""
    rng = np.random.default_rng(0)
    length = round(RATE * bundle.step_s)
    for step in count():
        loud = 0.1 if step % 20 < 8 else 1e-3
        samples = rng.normal(0, loud, (4, length)).astype(np.float32)
        yield Block(samples, RATE, step * length), samples[:, : bundle.step_samples].copy()


def onset_to_alert(bundle: ModelBundle, config: Config) -> list[float]:
    """Seconds from each sound of the demo scene to the alert of its prompt, where it gave one."""
    events = demo_scene()["events"]
    prompts = [event["prompt"] for event in events]
    heard = Listener(prompts, demo_path(), config, on_notice=lambda _: None)
    starts = [(a.prompt, a.time_s) for x in heard for a in x.alerts if a.state == "start"]
    delays = []
    for event in events:
        begin, end = event["start_s"], event["end_s"]
        times = [t for prompt, t in starts if prompt == event["prompt"] and begin <= t <= end + 1]
        delays += [times[0] - begin] if times else []
    return delays


def machine() -> dict[str, Any]:
    """Description of the machine that the figures depend on."""
    return {
        "device": _device(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.platform(),
        "governor": _read(SYS / "scaling_governor"),
        "clock_mhz": int(_read(SYS / "scaling_cur_freq") or 0) // 1000 or None,
        "power_mode": _read(POWER_MODE),
        "versions": {name: found for name in PACKAGES if (found := _version(name))},
    }


def model_hash(bundle: ModelBundle) -> str:
    """Hash of the audio encoder of a bundle."""
    return bundle.files[AUDIO_ENCODER][:12]


def _device() -> str:
    board = _read(Path("/proc/device-tree/model"))
    if board:
        return board.rstrip("\0")
    cpuinfo = _read(Path("/proc/cpuinfo")) or ""
    names = [line.split(":")[1].strip() for line in cpuinfo.split("\n") if "model name" in line]
    return names[0] if names else platform.machine()


def _read(path: Path) -> str | None:
    try:
        return path.read_text("utf-8").strip()
    except OSError:
        return None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
