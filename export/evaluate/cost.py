"""What a bundle costs: parameters, multiply-accumulates of a step, sizes, and time of a step."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto

from elsa_rt.config import Config
from elsa_rt.encoder.audio import AudioEncoder
from elsa_rt.encoder.bundle import AUDIO_ENCODER, TEXT_ENCODER, ModelBundle
from elsa_rt.encoder.onnx import STREAMS
from elsa_rt.features.intensity import IntensityFeatures

TIMED_STEPS = 300
_WEIGHTS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.INT8, TensorProto.UINT8)
_CONVOLUTIONS = {"Conv": 1, "ConvInteger": 1, "QLinearConv": 3}  # operator -> input of its kernel
_PRODUCTS = ("MatMul", "Gemm", "MatMulInteger", "QLinearMatMul")
_UNCOUNTED = ("Einsum", "LSTM", "GRU", "RNN", "ConvTranspose", "Attention", "If", "Loop", "Scan")

Shape = tuple[int, ...]


def cost(bundle: ModelBundle) -> dict[str, float]:
    """Figures by name; a million is 1e6, a megabyte 1e6 bytes."""
    audio = onnx.load(bundle.file(AUDIO_ENCODER))
    text = onnx.load(bundle.file(TEXT_ENCODER))
    step = macs(audio)
    return {
        "audio_parameters": parameters(audio),
        "text_parameters": parameters(text),
        "macs_per_step": step,
        "mmacs_per_second": step / bundle.step_s / 1e6,
        "audio_encoder_mb": _megabytes(bundle.file(AUDIO_ENCODER)),
        "text_encoder_mb": _megabytes(bundle.file(TEXT_ENCODER)),
        "bundle_mb": sum(_megabytes(bundle.file(name)) for name in bundle.files),
        "step_ms": 1000 * bundle.step_s,
        "encoder_ms_per_step_one_thread": step_time_ms(bundle),
    }


def parameters(model: onnx.ModelProto) -> int:
    """Numbers in the graph's weights, whole or in 8 bits."""
    tensors = [tensor for tensor in model.graph.initializer if tensor.data_type in _WEIGHTS]
    return sum(math.prod(tensor.dims) for tensor in tensors)


def macs(model: onnx.ModelProto) -> int:
    """Multiply-accumulates of one run for one stream: of convolutions and matrix products.

    Raises
    ------
    ValueError
        A shape is not fixed, or the graph has an operator whose products are not counted here.
    """
    inferred = onnx.shape_inference.infer_shapes(_of_one_stream(model), data_prop=True)
    shapes = _shapes(inferred.graph)
    return sum(_macs_of(node, shapes) for node in inferred.graph.node)


def _of_one_stream(model: onnx.ModelProto) -> onnx.ModelProto:
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    for value in [*fixed.graph.input, *fixed.graph.output]:
        for axis in value.type.tensor_type.shape.dim:
            if axis.dim_param == STREAMS:
                axis.dim_value = 1
    return fixed


def _macs_of(node: onnx.NodeProto, shapes: Mapping[str, Shape]) -> int:
    if node.op_type in _UNCOUNTED:
        raise ValueError(f"counting products: {node.op_type} {node.name!r} is not counted")
    if node.op_type in _CONVOLUTIONS:
        # a kernel is (out, in / groups, ...): each output takes all but its first axis
        kernel = _fixed(node.input[_CONVOLUTIONS[node.op_type]], shapes)
        return math.prod(_fixed(node.output[0], shapes)) * math.prod(kernel[1:])
    if node.op_type in _PRODUCTS:
        first = _fixed(node.input[0], shapes)
        turned = any(a.name == "transA" and a.i for a in node.attribute)
        return math.prod(_fixed(node.output[0], shapes)) * first[0 if turned else -1]
    return 0


def _fixed(name: str, shapes: Mapping[str, Shape]) -> Shape:
    if name not in shapes:
        raise ValueError(f"counting products: the shape of {name!r} is not fixed")
    return shapes[name]


def _shapes(graph: onnx.GraphProto) -> dict[str, Shape]:
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for value in [*graph.input, *graph.output, *graph.value_info]:
        axes = value.type.tensor_type.shape.dim
        if all(axis.HasField("dim_value") for axis in axes):
            shapes[value.name] = tuple(axis.dim_value for axis in axes)
    return shapes


def step_time_ms(bundle: ModelBundle, steps: int = TIMED_STEPS) -> float:
    """Median time of the audio encoder's step on one thread of this machine."""
    stream = AudioEncoder(bundle, Config(threads=1)).streams().lanes[0]
    noise = np.random.default_rng(0).normal(0, 0.1, (4, bundle.step_samples))
    foa = noise.astype(np.float32)
    frames = IntensityFeatures(bundle.features).step(foa)
    times = []
    for _ in range(steps):
        start = time.perf_counter()
        stream.step(frames, foa)
        times.append(time.perf_counter() - start)
    return float(1000 * np.median(times))


def _megabytes(path: Path) -> float:
    return path.stat().st_size / 1e6
