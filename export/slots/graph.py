"""The network of slot masks as the device runs it: one step, in ONNX."""

from __future__ import annotations

import math

import numpy as np
import onnx
from numpy.typing import NDArray
from torch import nn

from elsa_rt.encoder.slot_masks import DEEPEST, MOST, PLANES
from export.bundles.step_graph import GraphWriter
from export.settings import STEP_FRAMES
from export.slots.model import MaskNetwork, PastConv


def mask_graph(network: MaskNetwork) -> onnx.ModelProto:
    """Planes ``frames`` (streams, `PLANES`, frames, mels) of a step to ``gain`` (streams, frames,
    mels): a stream is a slot.
    """
    g = GraphWriter()
    g.scope = "masks"
    x = g.input("frames", PLANES, STEP_FRAMES, network.mels)
    x = g.node("Clip", x, g.floats(-MOST), g.floats(MOST))
    beside, rows, mels = [(x, STEP_FRAMES, network.mels)], STEP_FRAMES, network.mels
    for part in (*network.down, *network.deep):
        y = _past(g, part, x, rows, mels)
        if part.layer.stride == (1, 1):
            x = g.node("Add", x, y)
            continue
        rows, mels = rows // part.layer.stride[0], mels // part.layer.stride[1]
        x = y
        beside.append((x, rows, mels))
    for layer, (fine, down, across) in zip(network.up, beside[-2::-1], strict=True):
        scales = g.floats([1, 1, down // rows, across // mels])
        if (rows, mels) != (down, across):
            x = g.node("Resize", x, "", scales, mode="nearest", nearest_mode="floor",
                       coordinate_transformation_mode="asymmetric")  # fmt: skip
        x = g.node("Relu", _conv(g, layer, g.node("Concat", x, fine, axis=1)))
        rows, mels = down, across
    share = g.node("Sigmoid", _conv(g, network.gain, x))
    floor = math.exp(DEEPEST)
    power = g.node("Add", g.node("Mul", share, g.floats(1 - floor)), g.floats(floor))
    g.output("gain", rows, mels)
    g.reshape(g.node("Log", power), rows, mels, to="gain")
    return g.model()


def _past(g: GraphWriter, part: PastConv, x: str, rows: int, mels: int) -> str:
    state, following = g.state(part.inputs, part.memory, mels)
    joined = g.node("Concat", state, x, axis=2)
    g.slice(joined, [2], [rows], [rows + part.memory], to=following)
    return str(g.node("Relu", _conv(g, part.conv, joined)))


def _conv(g: GraphWriter, layer: nn.Module, x: str) -> str:
    """A convolution whose weights take a byte each, with a scale for each output."""
    assert isinstance(layer, nn.Conv2d)
    assert layer.bias is not None
    weight, bias = (each.detach().numpy() for each in (layer.weight, layer.bias))
    whole, scale = in_bytes(weight)
    exact = g.node("DequantizeLinear", g.bytes(whole), g.floats(scale), axis=0)
    return str(
        g.node(
            "Conv", x, exact, g.floats(bias), kernel_shape=weight.shape[2:],
            pads=[0, layer.padding[1]] * 2, strides=list(layer.stride),
            dilations=list(layer.dilation), group=1,
        )
    )  # fmt: skip


def in_bytes(weight: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Integers -127..127 in the shape of ``weight`` (outputs, ...), and a scale for each output."""
    scale = np.maximum(np.abs(weight).reshape(len(weight), -1).max(axis=1), 1e-9) / 127
    shape = (-1, *[1] * (weight.ndim - 1))
    return np.round(weight / scale.reshape(shape)).astype(np.int8), scale.astype(np.float32)
