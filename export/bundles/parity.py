"""Does every form of the audio encoder hear the same: torch, ONNX, 16 and 8 bits, a TensorRT plan?

    python -m export parity BUNDLE --recordings FOLDER [--checkpoint FILE] [--update]
    python -m export parity BUNDLE --work WORK

All of them hear the same frames as streams. The table compares each with the ONNX file in 32 bits:
cosine of the embeddings (mean, and the worst hundredth), angle between the directions, how often
the same of the prompts fits best, milliseconds of processor time a step. It exits 1 where one is
beyond its tolerance. A plan is compared where TensorRT and a GPU are at hand, torch where there is
a checkpoint: it must be the one that the bundle was exported from.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import yaml
from numpy.typing import NDArray

from calibration.features import FrameSet, recorded
from elsa_rt.config import Config
from elsa_rt.encoder.bundle import AUDIO_FILES, MANIFEST, ModelBundle
from elsa_rt.encoder.engines import has_gpu, load_model
from elsa_rt.encoder.step import StepModel
from elsa_rt.encoder.tensorrt.library import installed
from elsa_rt.errors import ElsaError
from elsa_rt.prompts.bank import embed_text
from elsa_rt.settings import Engine, Precision
from export.bundles.rendered_frames import rendered

WARM_UP = 5  # steps that the clock leaves out
SENTENCE_WIDTH = 384  # of MiniLM, which the text projection of a checkpoint takes
SEED = 12  # other scenes than the 8-bit file was calibrated on


class Tolerance(NamedTuple):
    """What a form may differ by."""

    cosine_mean: float  # at least
    cosine_p1: float  # at least
    direction_deg: float  # at most, the mean
    top1: float  # at least, the share of steps with the same best prompt


TOLERANCES = {
    "torch": Tolerance(0.99999, 0.9999, 0.05, 0.999),
    "fp32": Tolerance(0.99999, 0.9999, 0.05, 0.999),
    "fp16": Tolerance(0.9999, 0.999, 0.2, 0.98),
    "int8": Tolerance(0.985, 0.95, 3.0, 0.90),
}


class Answers(NamedTuple):
    """What one form hears in all steps, oldest first."""

    embedding: NDArray[np.float32]  # (steps, 512)
    direction: NDArray[np.float32]  # (steps, 3)
    step_ms: float  # median of processor time


class Difference(NamedTuple):
    """How far one form is from the reference."""

    cosine_mean: float
    cosine_p1: float
    direction_deg: float
    top1: float

    def within(self, tolerance: Tolerance) -> bool:
        """Whether nothing is beyond ``tolerance``; NaN is."""
        return (
            self.cosine_mean >= tolerance.cosine_mean
            and self.cosine_p1 >= tolerance.cosine_p1
            and self.direction_deg <= tolerance.direction_deg
            and self.top1 >= tolerance.top1
        )


def hear(model: StepModel, frames: FrameSet) -> Answers:
    """Stream all sounds through ``model``, each from fresh state."""
    run, embeddings, directions, spent = model.stream(), [], [], []
    for sound in frames.sounds:
        run.reset()
        for step in sound:
            begun = time.thread_time_ns()
            embedding, direction, *_ = run.run(step[None])
            spent.append((time.thread_time_ns() - begun) / 1e6)
            embeddings.append(embedding[0, 0])
            directions.append(direction[0, 0])
    return Answers(np.stack(embeddings), np.stack(directions), float(np.median(spent[WARM_UP:])))


def hear_torch(checkpoint: Path, frames: FrameSet) -> Answers:
    """The same of the student in a checkpoint, each sound in one call."""
    import torch

    from export.bundles.bundle import load_run

    student, _ = load_run(checkpoint, SENTENCE_WIDTH)
    embeddings, directions = [], []
    begun = time.thread_time_ns()
    with torch.inference_mode():
        for sound in frames.sounds:
            heard, _ = student(torch.from_numpy(np.concatenate(sound)[None].copy()))
            embeddings.append(heard.embedding[0, :, 0].numpy())
            directions.append(heard.direction[0, :, 0].numpy())
    step_ms = (time.thread_time_ns() - begun) / 1e6 / frames.steps
    return Answers(np.concatenate(embeddings), np.concatenate(directions), step_ms)


def compare(found: Answers, reference: Answers, prompts: NDArray[np.float32]) -> Difference:
    """``prompts`` (p, 512) are what a best one is chosen from."""
    cosine = (found.embedding * reference.embedding).sum(1)
    cosine /= np.linalg.norm(found.embedding, axis=1) * np.linalg.norm(reference.embedding, axis=1)
    chord = np.linalg.norm(found.direction - reference.direction, axis=1)
    angle = np.rad2deg(2 * np.arcsin((chord / 2).clip(0, 1)))
    best = [(answers.embedding @ prompts.T).argmax(1) for answers in (found, reference)]
    return Difference(
        float(cosine.mean()),
        float(np.quantile(cosine, 0.01)),
        float(angle.mean()),
        float((best[0] == best[1]).mean()),
    )


def forms(bundle: ModelBundle) -> Iterator[tuple[str, str, StepModel]]:
    """Name, precision and model of each form that can run here."""
    precisions = [name for name, file in AUDIO_FILES.items() if file in bundle.files]
    for engine in ("onnx", *(installed() if has_gpu() else [])):
        for precision in precisions:
            config = Config(engine=cast(Engine, engine), precision=cast(Precision, precision))
            yield f"{engine} {precision}", precision, load_model(bundle, config, 1, _say)


def _say(notice: str) -> None:
    print(notice, file=sys.stderr)


def table(rows: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Markdown lines."""
    yield "| | ms a step | MB | cosine mean | cosine p1 | direction deg | same top-1 | |"
    yield "|---|--:|--:|--:|--:|--:|--:|---|"
    for name, row in rows.items():
        size = f"{row['megabytes']:.1f}" if row["megabytes"] else ""
        yield (
            f"| {name} | {row['step_ms']:.2f} | {size} | {row['cosine_mean']:.5f} | "
            f"{row['cosine_p1']:.5f} | {row['direction_deg']:.2f} | {row['top1']:.3f} | "
            f"{'within' if row['within'] else 'BEYOND'} |"
        )


def measure(
    bundle: ModelBundle, frames: FrameSet, prompts: NDArray[np.float32], torch: Answers | None
) -> dict[str, dict[str, Any]]:
    """A row for each form; the first, ONNX in 32 bits, is the reference."""
    rows: dict[str, dict[str, Any]] = {}
    reference: Answers | None = None

    def add(name: str, precision: str, found: Answers, megabytes: float) -> None:
        difference = compare(found, reference or found, prompts)
        within = difference.within(TOLERANCES[precision])
        rows[name] = {
            **difference._asdict(), "step_ms": found.step_ms, "megabytes": megabytes,
            "within": within,
        }  # fmt: skip

    for name, precision, model in forms(bundle):
        found = hear(model, frames)
        add(name, precision, found, bundle.audio_file(precision).stat().st_size / 1e6)
        reference = reference or found
    if torch is not None:
        add("torch", "torch", torch, 0)
    return rows


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--recordings", type=Path, help="folder of AmbiX recordings to hear")
    parser.add_argument(
        "--work", type=Path, help="directory of export.student.train, to render scenes"
    )
    parser.add_argument("--checkpoint", type=Path, help="to compare torch (default: that of WORK)")
    parser.add_argument("--update", action="store_true", help="write the figures into the manifest")
    args = parser.parse_args(argv)
    if args.recordings is None and args.work is None:
        parser.error("nothing to hear: --recordings FOLDER, or --work WORK to render scenes")
    try:
        bundle = ModelBundle.load(args.bundle)
        if args.recordings is not None:
            frames = recorded(args.recordings, bundle.features, bundle.step_frames)
        else:
            frames = rendered(args.work, bundle.step_frames, seed=SEED)
        labels = bundle.training.get("labels") or ["a dog", "speech", "music", "silence"]
        prompts = embed_text([f"the sound of {label}" for label in labels], bundle)
        torch = None
        checkpoint = args.checkpoint
        if checkpoint is None and args.work is not None:
            from export.bundles.bundle import trained

            checkpoint = trained(args.work)
        if checkpoint is not None:
            torch = hear_torch(checkpoint, frames)
        rows = measure(bundle, frames, prompts, torch)
    except ElsaError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(f"{frames.steps} steps of {frames.source}, {len(labels)} prompts\n")
    print(*table(rows), sep="\n")
    if args.update:
        _update(args.bundle, rows)
    return 0 if all(row["within"] for row in rows.values()) else 1


def _update(bundle: Path, rows: dict[str, dict[str, Any]]) -> None:
    manifest = yaml.safe_load((bundle / MANIFEST).read_text("utf-8"))
    manifest["precision"] = {
        name: {key: value if key == "within" else round(value, 5) for key, value in row.items()}
        for name, row in rows.items()
    }
    text = yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True, width=100)
    (bundle / MANIFEST).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
