"""The graph of one step of `export.student.model.Student`, layer by layer.

Each function writes what the module of its docstring computes, for one step of 8 frames. Axes:
(streams, channel, time, mel).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from export.bundles.step_graph import GraphWriter, Weights
from export.data.tagger import scaling
from export.settings import EMBEDDING, FEATURES, STEP_FRAMES, TAG_FEATURES
from export.student.model import LEVEL_FRAMES, QUIETEST, SILENCE, USUAL_LEVEL
from export.student.semantic import BLOCKS, FADE_STEPS, BlockSize
from export.student.spatial import BANDS, MASK

OUTPUTS = ("embedding", "direction", "activity", "distance_m")


def step_graph(weights: Weights) -> onnx.ModelProto:
    """The graph of one step with ``weights`` of `export.student.model.Student`, norms folded."""
    g = GraphWriter()
    g.input("frames", STEP_FRAMES, 8, FEATURES.mels)
    for name, shape in zip(OUTPUTS, ((1, EMBEDDING), (1, 3), (1,), (1,)), strict=True):
        g.output(name, *shape)
    levelled = _level(g, weights)
    hidden, flow = _spatial(g, weights, levelled)
    features = _semantic(g, weights, levelled)
    _heads(g, weights, hidden, flow, features)
    return g.model()


def _level(g: GraphWriter, weights: Weights) -> str:
    """`RunningLevel` of log-mel (n, 1, 8, mels), not yet divided by the tagger's spread.

    The running mean over the step is linear in the power of its frames and the state. With that
    power go the constants that shift the level, so that its logarithm is taken off at once.
    """
    mean, spread = scaling()
    g.scope = "student.level"
    state, following = g.state(2)
    sound = g.reshape(g.slice("frames", [2], [0], [1]), 1, STEP_FRAMES, FEATURES.mels)
    sharp = g.node("Add", sound, g.floats(weights["level.sharpen"]))
    power = g.node("ReduceSum", g.node("Exp", sharp), g.integers(1, 3), keepdims=0)
    time = np.arange(STEP_FRAMES)
    age = time[:, None] - time
    decay = np.where(age >= 0, np.exp(-age / LEVEL_FRAMES), 0.0)
    carried = np.exp(-(time + 1) / LEVEL_FRAMES)
    usual = np.exp(mean - USUAL_LEVEL)
    mix, count = np.zeros((2 * STEP_FRAMES + 2, STEP_FRAMES + 2)), np.zeros(2 * STEP_FRAMES + 2)
    sums, counts = slice(0, STEP_FRAMES), slice(STEP_FRAMES, 2 * STEP_FRAMES)
    mix[sums, :-2], mix[sums, -2] = usual * decay, usual * carried
    mix[counts, -1], count[counts] = carried, decay.sum(1)
    mix[-2, :-2], mix[-2, -2] = decay[-1], carried[-1]  # the next state: sum and count
    mix[-1, -1], count[-1] = carried[-1], decay[-1].sum()
    both = g.linear(g.node("Concat", power, state, axis=1), mix, count)
    total, weight, _ = g.node(
        "Split", both, g.integers(STEP_FRAMES, STEP_FRAMES, 2), axis=1,
        to=["level_sum", "level_count", following],
    )  # fmt: skip
    level = g.node("Add", g.node("Div", total, weight), g.floats(usual * SILENCE))
    level = g.reshape(g.node("Log", level), 1, STEP_FRAMES, 1)
    return str(g.node("Max", g.node("Sub", sharp, level), g.floats(QUIETEST * spread)))


def _spatial(g: GraphWriter, weights: Weights, levelled: str) -> tuple[str, str]:
    """`SpatialTower`: its hidden values (n, 192), and the flow (n, 3)."""
    _, spread = scaling()
    low, high = BANDS.start, BANDS.stop
    bands = high - low
    g.scope = "student.spatial"
    intensity = g.node("Transpose", g.slice("frames", [2, 3], [1, low], [8, high]),
                       perm=[0, 2, 1, 3])  # fmt: skip
    y = g.node("Concat", g.slice(levelled, [3], [low], [high]), intensity, axis=1)
    mask = ""
    for i in range(3):
        weight = weights[f"spatial.layers.{i}.conv.weight"].astype(float)
        outputs, inputs, down, across = weight.shape
        if i == 0:
            weight[:, 0] /= spread
        g.scope = f"student.spatial.layers.{i}"
        state, following = g.state(inputs, down - 2, bands >> i)
        joined = g.node("Concat", state, y, axis=2)
        rows = STEP_FRAMES >> i
        g.slice(joined, [2], [rows], [rows + down - 2], to=following)
        y = g.conv(joined, weight, weights[f"spatial.layers.{i}.conv.bias"],
                   pad=across // 2, strides=(2, 2))  # fmt: skip
        y = g.node("Relu", y)
        if i == 1:
            g.scope = "student.spatial"
            mask = g.conv(y, weights["spatial.mask.weight"], weights["spatial.mask.bias"])
    g.scope = "student.spatial"
    flow = _flow(g, mask, g.slice(intensity, [1], [0], [3]), bands)
    g.scope = "student.spatial.fold"
    folded = g.node("Concat", g.reshape(y, outputs * bands // 8), flow, axis=1)
    hidden = g.linear(folded, weights["spatial.fold.weight"], weights["spatial.fold.bias"])
    return str(g.node("Relu", hidden)), flow


def _flow(g: GraphWriter, mask: str, active: str, bands: int) -> str:
    """Mean of ``active`` (n, 3, 8, bands) by the weights of ``mask`` (n, 4, 2, bands / 4)."""
    weight = g.node("Exp", g.node("Clip", mask, g.floats(-MASK), g.floats(MASK)))
    weight = g.reshape(g.node("Transpose", weight, perm=[0, 2, 3, 1]), 1, 2 * bands)
    quarter = np.full((3, 1, 4, 1), 0.25)
    frames = g.conv(active, quarter, np.zeros(3), strides=(4, 1), group=3)
    product = g.node("Mul", g.reshape(frames, 3, 2 * bands), weight)
    total, weights = (
        g.node("ReduceSum", value, g.integers(2), keepdims=0) for value in (product, weight)
    )
    return str(g.node("Div", total, g.node("Add", weights, g.floats(1e-6))))


def _semantic(g: GraphWriter, weights: Weights, levelled: str) -> str:
    """`SemanticTower`: features (n, 384)."""
    _, spread = scaling()
    g.scope = "student.semantic.stem"
    state, following = g.state(1, 1, FEATURES.mels)
    joined = g.node("Concat", state, levelled, axis=2)
    g.slice(levelled, [2], [STEP_FRAMES - 1], [STEP_FRAMES], to=following)
    x = g.conv(joined, weights["semantic.stem.conv.weight"] / spread,
               weights["semantic.stem.conv.bias"], pad=1, strides=(2, 2))  # fmt: skip
    x = g.node("HardSwish", x)
    g.scope = "student.semantic.mean"
    fade = np.exp(-1 / FADE_STEPS)
    state, following = g.state(1)  # how many steps the fading means have seen, faded alike
    count = g.node("Add", state, g.floats(1.0))
    g.node("Mul", count, g.floats(fade), to=following)
    share = g.node("Reciprocal", count)
    rows, mels = STEP_FRAMES // 2, FEATURES.mels // 2
    for i, size in enumerate(BLOCKS):
        x = _block(g, weights, i, size, x, rows, mels, count, share)
        rows, mels = rows // size.time_stride, mels // size.mel_stride
    g.scope = "student.semantic"
    x = g.conv(x, weights["semantic.last.weight"], weights["semantic.last.bias"])
    return str(g.node("ReduceMean", g.node("HardSwish", x), g.integers(2, 3), keepdims=0))


def _block(
    g: GraphWriter, weights: Weights, i: int, size: BlockSize, x: str, rows: int, mels: int,
    count: str, share: str,
) -> str:  # fmt: skip
    """`Block` ``i`` on ``x`` (n, channels, rows, mels)."""
    name = f"semantic.blocks.{i}"
    g.scope = f"student.{name}"
    activation = "HardSwish" if size.hard_swish else "Relu"

    def layer(part: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        g.scope = f"student.{name}.{part}"
        return weights[f"{name}.{part}.weight"], weights[f"{name}.{part}.bias"]

    wide = x
    if f"{name}.expand.weight" in weights:
        wide = g.node(activation, g.conv(x, *layer("expand")))
    memory = size.dilation * (size.kernel - 1) - (size.time_stride - 1)
    g.scope = f"student.{name}.depthwise"
    state, following = g.state(size.expanded, memory, mels)
    joined = g.node("Concat", state, wide, axis=2)
    g.slice(joined, [2], [rows], [rows + memory], to=following)
    weight, bias = (weights[f"{name}.depthwise.conv.{part}"] for part in ("weight", "bias"))
    wide = g.conv(
        joined, weight, bias, pad=size.kernel // 2, strides=(size.time_stride, size.mel_stride),
        dilation=size.dilation, group=size.expanded,
    )  # fmt: skip
    wide = g.node(activation, wide)
    if size.squeeze:
        wide = _excite(g, name, layer, wide, size, count, share)
    y = g.conv(wide, *layer("project"))
    g.scope = f"student.{name}"
    residual = size.inputs == size.outputs and size.mel_stride == size.time_stride == 1
    return str(g.node("Add", y, x)) if residual else y


def _excite(
    g: GraphWriter, name: str, layer: Any, wide: str, size: BlockSize, count: str, share: str
) -> str:
    """Squeeze and excitation of ``wide`` (n, channels, 1, mels) by its fading mean.

    The state is the faded sum behind the squeezing layer rather than in front of it: it is shorter,
    and next to it the product adds up at once. With ``count`` n, relu(sum / n + bias) is
    relu(sum + n bias) / n.
    """
    g.scope = f"student.{name}.mean"
    state, following = g.state(size.squeeze)
    pooled = g.node("ReduceMean", wide, g.integers(2, 3), keepdims=0)
    weight, bias = layer("squeeze")
    total = g.node("Gemm", pooled, g.floats(weight.T), state,
                   beta=float(np.exp(-1 / FADE_STEPS)), to=following)  # fmt: skip
    total = g.node("Relu", g.node("Gemm", count, g.floats(bias[None]), total))
    gate = g.linear(g.node("Mul", total, share), *layer("excite"))
    gate = g.reshape(g.node("Sigmoid", gate), size.expanded, 1, 1)
    return str(g.node("Mul", wide, gate))


def _heads(g: GraphWriter, weights: Weights, hidden: str, flow: str, features: str) -> None:
    """The memories, and what is made of them; layers with one input are one product."""

    def stacked(*names: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return (
            np.concatenate([weights[f"{name}.weight"] for name in names]),
            np.concatenate([weights[f"{name}.bias"] for name in names]),
        )

    g.scope = "student"
    width = weights["place.gate.weight"].shape[1]
    active, bias = weights["active.0.weight"], weights["active.0.bias"]
    weight, biases = stacked("sound.candidate", "sound.gate")
    g.scope = "student.sound.candidate"
    candidate, gate, heard = g.node(
        "Split",
        g.linear(features, np.concatenate([weight, active[:, width:]]),
                 np.concatenate([biases, bias])),
        g.integers(TAG_FEATURES, len(weights["sound.gate.bias"]), len(bias)), axis=1, parts=3,
    )  # fmt: skip
    sound = _remember(g, "sound", candidate, gate, len(weights["sound.candidate.bias"]),
                      len(weights["sound.gate.bias"]))  # fmt: skip
    g.scope = "student"
    now = g.node("Concat", hidden, sound, axis=1)
    weight, biases = stacked("place.candidate", "place.gate", "aim")
    g.scope = "student.place.candidate"
    places, heads = len(weights["place.candidate.bias"]), len(weights["place.gate.bias"])
    candidate, gate, aim, active_now = g.node(
        "Split",
        g.linear(now, np.concatenate([weight, active[:, :width]]),
                 np.concatenate([biases, np.zeros_like(bias)])),
        g.integers(places, heads, 1, len(bias)), axis=1, parts=4,
    )  # fmt: skip
    where = _remember(g, "place", candidate, gate, places, heads)
    g.scope = "student"
    state, following = g.state(3)
    turn = g.node("Mul", g.node("Sigmoid", aim), g.node("Sub", flow, state))
    g.node("Add", state, turn, to=following)
    g.scope = "student.correct.0"
    inner = g.linear(where, *stacked("correct.0", "far.0"))
    g.scope = "student"
    inner = g.node("Concat", inner, g.node("Add", heard, active_now), axis=1)
    names = ("correct.2", "far.2", "active.2")
    blocks, biases = [weights[f"{name}.weight"] for name in names], stacked(*names)[1]
    diagonal = np.zeros((len(biases), sum(block.shape[1] for block in blocks)))
    row = column = 0
    for block in blocks:
        diagonal[row : row + block.shape[0], column : column + block.shape[1]] = block
        row, column = row + block.shape[0], column + block.shape[1]
    correction, far, activity = g.node(
        "Split", g.linear(g.node("Relu", inner), diagonal, biases), g.integers(3, 1, 1), axis=1,
        parts=3,
    )  # fmt: skip
    g.node("Sigmoid", activity, to="activity")
    g.node("Exp", far, to="distance_m")
    direction = g.unit(g.node("Add", following, correction), 1e-6)
    g.reshape(direction, 1, 3, to="direction")
    _embed(g, weights, sound, where, g.node("Concat", direction, far, axis=1))


def _remember(g: GraphWriter, name: str, candidate: str, gate: str, width: int, heads: int) -> str:
    """`GatedMemory` for one step: ``h + z (c - h)``."""
    g.scope = f"student.{name}"
    state, following = g.state(heads, width // heads)
    candidate = g.reshape(candidate, heads, width // heads)
    gate = g.reshape(g.node("Sigmoid", gate), heads, 1)
    g.node("Add", state, g.node("Mul", gate, g.node("Sub", candidate, state)), to=following)
    return g.reshape(following, width)


def _embed(g: GraphWriter, weights: Weights, sound: str, where: str, spot: str) -> None:
    """`Student.embed`; its last three layers are one product."""
    g.scope = "student.fuse"
    fused = g.linear(g.node("Concat", sound, where, spot, axis=1),
                     weights["fuse.0.weight"], weights["fuse.0.bias"])  # fmt: skip
    place = g.linear(spot, weights["whereabouts.0.weight"], weights["whereabouts.0.bias"])
    inner = g.node("Gelu", g.node("Concat", fused, place, axis=1))
    names = ("fuse.3", "whereabouts.2", "name")
    embedding = g.linear(
        g.node("Concat", inner, sound, axis=1),
        np.concatenate([weights[f"{name}.weight"] for name in names], axis=1),
        sum((weights[f"{name}.bias"] for name in names), np.zeros(EMBEDDING)),
    )
    g.scope = "student"
    g.reshape(g.unit(embedding, 1e-12), 1, EMBEDDING, to="embedding")
