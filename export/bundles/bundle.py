"""Turn a training run into a bundle: ONNX files, tokenizer, score statistics, card, hashes.

python -m export bundle WORK --sentences minilm/model -o elsa_rt/bundles/elsa-rt-small
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
import yaml
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from elsa_rt.encoder.bundle import (
    AUDIO_ENCODER,
    MANIFEST,
    REQUIRED,
    SCHEMA,
    SCORES,
    TEXT_ENCODER,
    TOKENIZER,
    ModelBundle,
)
from elsa_rt.features.intensity import CHANNELS, LOG_FLOOR
from elsa_rt.version import __version__
from export.bundles.card import write_card
from export.bundles.manifest import rehash
from export.bundles.onnx_graphs import export_text, save_graph
from export.bundles.score_statistics import STREAMS, calibrate
from export.bundles.student_graph import step_graph
from export.settings import EMBEDDING, FEATURES, STEP_FRAMES
from export.student.model import Student, StudentSize
from export.towers.text import (
    SentenceEncoder,
    TextProjection,
    TextTower,
    load_tokenizer,
    tokenize,
)

NAME = "elsa-rt-small"
LICENCE = "Apache-2.0"
SLOTS = 1
ROOMS = (
    "image sources in random shoeboxes; no measured room, but that walls scatter and sources beam "
    "was added with an eye on the energy ratios of R3VIVAL"
)


def fold_norms(student: Student) -> Student:
    """A copy for inference whose batch norms are part of the convolutions."""
    folded = deepcopy(student).eval()
    for layer in folded.spatial.layers:
        fused: Any = fuse_conv_bn_eval(layer.conv, layer.norm)
        layer.conv, layer.norm = fused, nn.Identity()  # type: ignore[assignment]
    return folded


def export_audio(student: Student, path: Path) -> None:
    """Write the audio encoder as one lean step, and check it against torch, step by step.

    The number of streams is a free dimension that engines fix when they load it; all else is
    static. Each node's name begins with the module that it comes from.
    """
    weights = {name: values.numpy() for name, values in fold_norms(student).state_dict().items()}
    save_graph(step_graph(weights), path)
    _check_audio(path, student)


def _check_audio(path: Path, student: Student, steps: int = 40) -> None:
    """Stream random frames through the file and through torch; they must agree to 1e-4."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    frames = _some_frames(steps)
    with torch.inference_mode():
        heard, _ = student(frames)
    _, *states = session.get_inputs()
    state = {each.name: np.zeros((1, *each.shape[1:]), np.float32) for each in states}
    for step in range(steps):
        cut = frames[:, step * STEP_FRAMES : (step + 1) * STEP_FRAMES].numpy()
        embedding, direction, *others = session.run(None, {"frames": cut, **state})
        state = dict(zip(state, others[2:], strict=True))
        for got, wanted in ((embedding, heard.embedding), (direction, heard.direction)):
            worst = float(np.abs(got - wanted[:, step].numpy()).max())
            if not worst <= 1e-4:  # NaN, too
                raise RuntimeError(f"{path} differs from torch by {worst:.2g} in step {step}")


def _some_frames(steps: int) -> Tensor:
    """Random frames over the range of real ones, from silence to full scale."""
    frames = torch.randn(1, steps * STEP_FRAMES, len(CHANNELS), FEATURES.mels).tanh()
    frames[:, :, 0] = 0.5 * np.log(LOG_FLOOR) * (1 + frames[:, :, 0])
    return frames


def load_run(checkpoint: Path, pooled: int) -> tuple[Student, TextProjection]:
    """The averaged student and text projection of a training run, for inference."""
    state = torch.load(checkpoint, weights_only=True)
    size = {**state["size"], "spatial": tuple(state["size"]["spatial"])}
    student = Student(StudentSize(**size))
    projection = TextProjection(pooled)
    student.load_state_dict(state["average"])
    projection.load_state_dict(state["average_projection"])
    return student.eval(), projection.eval()


def main(argv: Sequence[str] | None = None) -> None:
    """Write the bundle into its directory, whole."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "work", type=Path, help="directory of export.prepare and export.student.train"
    )
    parser.add_argument("--sentences", type=Path, required=True, help="MiniLM directory")
    parser.add_argument("-o", "--output", type=Path, required=True, help="bundle to write")
    parser.add_argument("--name", default=NAME)
    about = "of the model (default: that of elsa-rt, %(default)s)"
    parser.add_argument("--version", default=__version__, help=about)
    parser.add_argument("--streams", type=int, default=STREAMS, help="for the score statistics")
    parser.add_argument("--cache", type=Path, help="directory that keeps what was heard in them")
    args = parser.parse_args(argv)
    args.output.mkdir(parents=True, exist_ok=True)
    sentences = SentenceEncoder(args.sentences).eval()
    student, projection = load_run(trained(args.work), sentences.width)

    export_audio(student, args.output / AUDIO_ENCODER)
    tokenizer = load_tokenizer(args.sentences)
    sample = tokenize(tokenizer, ["a dog barking behind me", "glass breaking"])
    export_text(TextTower(sentences, projection), sample, args.output / TEXT_ENCODER)
    shutil.copyfile(args.sentences / "tokenizer.json", args.output / TOKENIZER)
    (args.output / SCORES).touch()  # the bundle must be whole to be heard
    training = _training(args.work)
    write_manifest(args.output, args.name, student, training, version=args.version)
    bundle = ModelBundle.load(args.output)
    calibrate(bundle, args.work, args.streams, args.cache).save(args.output / SCORES)
    rehash(args.output)
    write_card(args.output, args.work)


def trained(work: Path) -> Path:
    """The checkpoint of `export.student.align`, or a newer one of `export.student.train`."""
    checkpoint, aligned = (work / "run" / name for name in ("checkpoint.pt", "aligned.pt"))
    if aligned.exists() and aligned.stat().st_mtime >= checkpoint.stat().st_mtime:
        return aligned
    return checkpoint


def _training(work: Path) -> dict[str, Any]:
    state = torch.load(trained(work), weights_only=True)
    with np.load(work / "clips.npz") as clips:
        held, unseen = clips["validation"], clips["unseen"]
        labels, strange = ([str(x) for x in clips[n]] for n in ("labels", "unseen_labels"))
    return {
        "steps": int(state["step"]),
        "aligned_steps": int(state.get("aligned", 0)),
        "hours": round(state["seconds"] / 3600, 2),
        "clips": int((~held & ~unseen).sum()),
        "validation_clips": int(held.sum()),
        "labels": labels,
        "unseen": strange,
        "rooms": ROOMS,
        "text": "all-MiniLM-L6-v2 (Apache-2.0), frozen, with a trained projection",
        **{name: fact for name, fact in state["facts"].items() if fact},
    }


def write_manifest(
    bundle: Path,
    name: str,
    student: Student,
    training: dict[str, Any],
    *,
    version: str = __version__,
    licence: str = LICENCE,
    measured: Mapping[str, float] | None = None,
    reads_places: bool = True,
) -> None:
    """Write ``model.yaml`` with the hash of each file.

    ``reads_places`` tells whether the text encoder knows what words about a place mean.
    """
    manifest = {
        "schema": SCHEMA,
        "name": name,
        "version": version,
        "licence": licence,
        "kind": "stateful",
        "features": FEATURES.as_dict(),
        "step_frames": STEP_FRAMES,
        "context_s": round(student.context_s, 3),
        "slots": SLOTS,
        "embedding": EMBEDDING,
        "parameters": sum(p.numel() for p in student.parameters()),
        "files": {
            file: hashlib.sha256((bundle / file).read_bytes()).hexdigest() for file in REQUIRED
        },
        "training": training,
        "measured": dict(measured or {}),  # export.evaluate --update fills it
    }
    if not reads_places:
        manifest["reads_places"] = False
    text = yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True, width=100)
    (bundle / MANIFEST).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
