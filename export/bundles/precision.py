"""Make a bundle's audio encoder in 16 and in 8 bits: files for TensorRT beside the one of 32 bits.

    python -m export precision BUNDLE --recordings FOLDER
    python -m export precision BUNDLE --work WORK

Levels, logs, fading means, gated memories and norms stay in 32 bits: a memory adds small things to
large ones for hours, and a level spans ten powers of ten. All else is halved. To 8 bits go the
spatial tower and, of the semantic one from its twelfth block on, what mixes channels. Its first
blocks, its gates and its filters along time and frequency lost too much by it, and so did the
heads. Inputs, outputs and states are float32 in each file, so that engines treat all alike.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import yaml
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel

from calibration.features import FrameSet, each_step, recorded
from elsa_rt.encoder.bundle import AUDIO_FILES, MANIFEST, ModelBundle
from elsa_rt.errors import UsageError
from export.bundles.onnx_graphs import save_graph
from export.bundles.rendered_frames import rendered

EXACT = re.compile(r"(student(\.(level|sound|place|spatial))?|.*\.mean|)/.*|_empty.*")
"""Nodes, named by their modules, that stay in 32 bits."""

TOWERS = re.compile(
    r"student\.(spatial\.|"
    r"semantic\.(blocks\.1[1-9]\.(expand|project)|last)).*"
)
"""Nodes of those layers that go to 8 bits, as far as they are not `EXACT`."""

WEIGHTED = ("Conv", "Gemm", "MatMul")


def halve(model: onnx.ModelProto) -> onnx.ModelProto:
    """``model`` with its layers in 16 bits."""
    _check_names(model)
    exact = [node.name for node in model.graph.node if EXACT.fullmatch(node.name)]
    halved = convert_float_to_float16(
        model, keep_io_types=True, node_block_list=exact, op_block_list=[]
    )
    _join_casts(halved)
    tidy = OnnxModel(halved)
    tidy.prune_graph()
    tidy.topological_sort()  # the converter puts casts where they come too late
    return tidy.model


def _join_casts(model: onnx.ModelProto) -> None:
    """Let what goes from 32 bits to 16 and back go straight: the converter halves all inputs."""
    halved = {
        node.output[0]: node.input[0]
        for node in model.graph.node
        if node.op_type == "Cast" and node.attribute[0].i == onnx.TensorProto.FLOAT16
    }
    for node in model.graph.node:
        if node.op_type == "Cast" and node.attribute[0].i == onnx.TensorProto.FLOAT:
            source = halved.get(node.input[0])
            if source is not None:
                node.op_type = "Identity"
                node.input[0] = source
                del node.attribute[:]


def quantise(path: Path, frames: FrameSet, out: Path) -> None:
    """Write ``path`` with symmetric Q/DQ pairs as TensorRT takes them, calibrated on ``frames``."""
    model = onnx.load(path)
    _check_names(model)
    chosen = [
        node.name
        for node in model.graph.node
        if node.op_type in WEIGHTED
        and TOWERS.fullmatch(node.name)
        and not EXACT.fullmatch(node.name)
    ]
    quantize_static(
        path,
        out,
        _Reader(path, frames),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
        nodes_to_quantize=chosen,
        op_types_to_quantize=list(WEIGHTED),
        calibrate_method=CalibrationMethod.MinMax,
        extra_options={
            "ActivationSymmetric": True,
            "WeightSymmetric": True,
            "QuantizeBias": False,
        },
    )


def _check_names(model: onnx.ModelProto) -> None:
    if not any(node.name.startswith("student.") for node in model.graph.node):
        raise UsageError(
            "the nodes of this audio encoder do not say which module they come from: export it "
            "again with python -m export bundle"
        )


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    """Feeds each step with the state that the encoder in 32 bits came to."""

    def __init__(self, path: Path, frames: FrameSet) -> None:
        self._steps = self._run(path, frames)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        return next(self._steps, None)

    @staticmethod
    def _run(path: Path, frames: FrameSet) -> Iterator[dict[str, NDArray[np.float32]]]:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        inputs = {x.name: x.shape[1:] for x in session.get_inputs() if x.name != "frames"}
        following = [x.name.replace("state_", "next_") for x in session.get_inputs()[1:]]
        state: dict[str, Any] = {}
        for begins, step in each_step(frames.sounds):
            if begins:
                state = {name: np.zeros((1, *shape), np.float32) for name, shape in inputs.items()}
            feed = {"frames": step, **state}
            yield feed
            state = dict(zip(state, session.run(following, feed), strict=True))


def write_precisions(bundle: Path, frames: FrameSet) -> None:
    """Write both files into ``bundle``; its manifest gets their hashes and the calibration set."""
    full = ModelBundle.load(bundle).audio_file("fp32")
    save_graph(halve(onnx.load(full)), bundle / AUDIO_FILES["fp16"])
    with tempfile.TemporaryDirectory() as folder:
        quantised = Path(folder) / "int8.onnx"
        quantise(full, frames, quantised)
        save_graph(onnx.load(quantised), bundle / AUDIO_FILES["int8"])
    manifest = yaml.safe_load((bundle / MANIFEST).read_text("utf-8"))
    for precision in ("fp16", "int8"):
        content = (bundle / AUDIO_FILES[precision]).read_bytes()
        manifest["files"][AUDIO_FILES[precision]] = hashlib.sha256(content).hexdigest()
    manifest["calibration"] = {
        "source": frames.source,
        "steps": frames.steps,
        "sha256": frames.sha256,
    }
    text = yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True, width=100)
    (bundle / MANIFEST).write_text(text, encoding="utf-8")


def main(argv: Sequence[str] | None = None) -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("bundle", type=Path)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--recordings", type=Path, help="folder of AmbiX files to calibrate on")
    source.add_argument("--work", type=Path, help="directory of export.prepare, to render scenes")
    args = parser.parse_args(argv)
    loaded = ModelBundle.load(args.bundle)
    if args.work is not None:
        frames = rendered(args.work, loaded.step_frames)
    else:
        frames = recorded(args.recordings, loaded.features, loaded.step_frames)
    write_precisions(args.bundle, frames)


if __name__ == "__main__":
    main()
