"""Does the audio encoder run on this GPU, does it hear the same, how fast, for how many streams?

    make gpu-check                          or
    python -m tests.bench.gpu_check [--engine tensorrt | tensorrt-rtx] [--json FILE] [--limit 450]

In this order: an engine for each precision is built and run against ONNX Runtime in 32 bits on the
same frames, a step of one stream as a CUDA graph; plans of another GPU are refused; streams from 1
to 4,096 that step together, and GPU memory, as far as ``--limit`` seconds reach.
Frames come from sounds made on the spot, nothing is downloaded. It ends with 1 where a part failed.
Without a GPU or a TensorRT it says what is missing and ends with 1.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elsa_rt.cli.bench_run import machine, model_hash
from elsa_rt.config import Config
from elsa_rt.encoder.bundle import AUDIO_FILES, ModelBundle
from elsa_rt.encoder.engines import has_gpu, load_model
from elsa_rt.encoder.step import StepRun
from elsa_rt.encoder.tensorrt.library import Library, installed
from elsa_rt.encoder.tensorrt.plans import PlanError, PlanKey, find_plan, keep_plan
from elsa_rt.errors import ElsaError
from elsa_rt.features.intensity import IntensityFeatures
from elsa_rt.prompts.bank import embed_text
from elsa_rt.version import __version__
from export.bundles.parity import TOLERANCES, Answers, compare
from tests.bench.material import PROMPTS, blocks

STREAMS = (1, 4, 16, 64, 256, 1024, 4096)
STEPS = 150  # of a parity run: 12 s of sound
TIMED, WARM_UP = 300, 20
LIMIT_S = 450.0

Frames = NDArray[np.float32]
Load = Callable[[str, int], StepRun]


def frames_of(bundle: ModelBundle, steps: int) -> Frames:
    """Frames (steps, step_frames, 8, mels) of sounds that move."""
    features = IntensityFeatures(bundle.features)
    return np.stack([features.step(foa).mel for _, foa in islice(blocks(bundle), steps)])


def answers(run: StepRun, frames: Frames) -> Answers:
    """What one stream hears."""
    run.reset()
    heard = [run.run(step[None])[:2] for step in frames]
    embedding, direction = (np.stack([x[i][0, 0] for x in heard]) for i in range(2))
    return Answers(embedding, direction, 0.0)


def quantiles_ms(run: StepRun, frames: Frames, steps: int) -> dict[str, float]:
    """Milliseconds of wall clock of a step: upload, run, download, and wait for it."""
    spent = []
    for index in range(WARM_UP + steps):
        begun = time.perf_counter()
        run.run(frames)
        if index >= WARM_UP:
            spent.append(1000 * (time.perf_counter() - begun))
    p50, p95, p99 = np.quantile(spent, (0.5, 0.95, 0.99)).tolist()
    return {"p50": p50, "p95": p95, "p99": p99}


def parity(bundle: ModelBundle, load: Load, frames: Frames) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each precision beside ONNX Runtime in 32 bits."""
    onnx = load_model(bundle, Config(engine="onnx", precision="fp32"), 1, _say).stream()
    reference = answers(onnx, frames)
    prompts = embed_text(PROMPTS, bundle)
    for precision in (name for name, file in AUDIO_FILES.items() if file in bundle.files):
        begun = time.perf_counter()
        run = load(precision, 1)
        built_s = time.perf_counter() - begun
        found = compare(answers(run, frames), reference, prompts)
        yield precision, {
            **found._asdict(), "within": found.within(TOLERANCES[precision]),
            "ready_s": built_s, "step_ms": quantiles_ms(run, frames[:1], TIMED),
        }  # fmt: skip


def batches(
    bundle: ModelBundle,
    load: Load,
    precision: str,
    free: Callable[[], int],
    left_s: Callable[[], float],
) -> Iterator[dict[str, Any]]:
    """More and more streams, until time, memory or real time ends."""
    frames = frames_of(bundle, 1)[0]
    run: StepRun | None = None
    ends_s, took_s = left_s(), 0.0
    for streams in STREAMS:
        run = None  # its memory is free again before that of the next is counted
        gc.collect()
        if left_s() <= 2 * took_s:  # an engine for more streams takes longer to build
            yield {"streams": streams, "skipped": "no time was left"}
            return
        before = free()
        try:
            run = load(precision, streams)
        except ElsaError as error:
            yield {"streams": streams, "failed": str(error)}
            return
        many = np.broadcast_to(frames, (streams, *frames.shape)).copy()
        found = quantiles_ms(run, many, max(20, TIMED // streams))
        spread = _spread(run, many)
        yield {
            "streams": streams, "step_ms": found, "memory_mb": (before - free()) / 1e6,
            "real_time": 1000 * bundle.step_s / found["p99"], "spread": spread,
            "within": spread < 1e-3,
        }  # fmt: skip
        if found["p99"] > 1000 * bundle.step_s:
            return
        now_s = left_s()
        ends_s, took_s = now_s, ends_s - now_s


def _spread(run: StepRun, many: Frames) -> float:
    """How far apart streams come to be that hear the same from the same state."""
    run.reset()
    embedding = run.run(many)[0]
    return float(np.abs(embedding - embedding[:1]).max())


def _elsewhere(here: PlanKey, name: str, value: str) -> PlanKey:
    made: Any = {name: value}
    return replace(here, **made)


def foreign(bundle: ModelBundle, engine: str, precision: str) -> dict[str, Any]:
    """Whether a plan that another GPU or another driver made is refused, and by which words."""
    from elsa_rt.encoder.tensorrt.run import key_here

    here = key_here(Library(engine), bundle, precision, 1)
    plan = find_plan(here)
    told = {}
    for name, other in (("gpu", "another GPU"), ("driver", "0.0"), ("capability", "1.0")):
        with tempfile.TemporaryDirectory() as folder:
            keep_plan(_elsewhere(here, name, other), plan, Path(folder))
            try:
                find_plan(here, Path(folder))
            except PlanError as error:
                told[name] = str(error)
    return {"refused": told, "within": len(told) == 3}


def free_memory() -> int:
    """Bytes of GPU memory that nobody uses."""
    from cuda.bindings import runtime

    _, free, _ = runtime.cudaMemGetInfo()
    return int(free)


def check(
    engine: str, bundle: ModelBundle, limit_s: float, free: Callable[[], int]
) -> dict[str, Any]:
    """The whole report of ``engine``."""
    begun = time.monotonic()

    def left_s() -> float:
        return limit_s - (time.monotonic() - begun)

    def load(precision: str, streams: int) -> StepRun:
        asked: Any = {"engine": engine, "precision": precision, "compile": True}
        config = Config(**asked)
        return load_model(bundle, config, streams, _say).stream()

    from elsa_rt.encoder.tensorrt import cuda

    gpu = cuda.find_gpu()
    report: dict[str, Any] = {
        "elsa_rt": __version__, **machine(), "bundle": bundle.name, "model": model_hash(bundle),
        "engine": engine, "engine_version": Library(engine).version,
        "gpu": gpu.name, "capability": gpu.capability, "driver": gpu.driver, "cuda": gpu.cuda,
    }  # fmt: skip
    report["precisions"] = dict(parity(bundle, load, frames_of(bundle, STEPS)))
    fastest = "fp16" if "fp16" in report["precisions"] else "fp32"
    report["foreign"] = foreign(bundle, engine, fastest)
    report["batches"] = list(batches(bundle, load, fastest, free, left_s))
    parts = [*report["precisions"].values(), report["foreign"], *report["batches"]]
    report["within"] = all(part.get("within", "skipped" in part) for part in parts)
    report["seconds"] = time.monotonic() - begun
    return report


def table(report: dict[str, Any]) -> Iterator[str]:
    """Markdown: a row for each precision, and one for each number of streams."""
    yield f"{report['gpu']}, driver {report['driver']}, CUDA {report['cuda']}, "
    yield f"{report['engine']} {report['engine_version']}, {report['bundle']} {report['model']}"
    yield ""
    yield "| precision | ready after s | ms a step p50 / p99 | cosine | direction deg | top-1 | |"
    yield "|---|--:|--:|--:|--:|--:|---|"
    for name, row in report["precisions"].items():
        yield (
            f"| {name} | {row['ready_s']:.1f} | {row['step_ms']['p50']:.3f} / "
            f"{row['step_ms']['p99']:.3f} | {row['cosine_mean']:.5f} | {row['direction_deg']:.2f} "
            f"| {row['top1']:.3f} | {_verdict(row)} |"
        )
    yield ""
    yield "| streams at once | ms a step p50 / p99 | times real time | GPU memory MB | |"
    yield "|--:|--:|--:|--:|---|"
    for row in report["batches"]:
        if "step_ms" not in row:
            yield f"| {row['streams']:,} | {row.get('skipped') or row['failed']} | | | |"
            continue
        yield (
            f"| {row['streams']:,} | {row['step_ms']['p50']:.3f} / {row['step_ms']['p99']:.3f} "
            f"| {row['real_time']:.1f} | {row['memory_mb']:.0f} | {_verdict(row)} |"
        )
    yield ""
    refused = "refused" if report["foreign"]["within"] else "TAKEN"
    yield f"plans of other GPUs and drivers: {refused}"


def _verdict(row: dict[str, Any]) -> str:
    return "within" if row["within"] else "BEYOND"


def _say(notice: str) -> None:
    print(notice, file=sys.stderr)


def main() -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.gpu_check", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--engine", choices=("tensorrt", "tensorrt-rtx"), help="(default: found)")
    parser.add_argument("--bundle", type=Path, help="(default: the one inside elsa-rt)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report")
    parser.add_argument("--limit", type=float, default=LIMIT_S, help="s (default: %(default)s)")
    parser.add_argument("--look", action="store_true", help="only say whether there is a GPU")
    options = parser.parse_args()
    if not has_gpu():
        return _failed("no NVIDIA GPU: use a machine with one, and its driver (nvidia-smi)")
    if options.look:
        return 0
    engines = [options.engine] if options.engine else installed()
    if not engines:
        return _failed("no TensorRT: pip install 'elsa-rt[tensorrt-rtx]'")
    try:
        report = check(engines[0], ModelBundle.load(options.bundle), options.limit, free_memory)
    except ElsaError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(*table(report), sep="\n")
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 0 if report["within"] else 1


def _failed(lacks: str) -> int:
    print(f"error: gpu-check found {lacks}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
