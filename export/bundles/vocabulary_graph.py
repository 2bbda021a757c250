"""The vocabulary as the last layers of a text encoder's graph."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import compose, numpy_helper

from export.bundles.vocabulary_fit import PlaceWords

Floats = NDArray[np.float32]

SENTENCE, LEARNT = "sentence", "learnt_embedding"
"""Values of the graph: the plain sentence vector, and the embedding that training gave it."""

NEAREST = 10  # names that make a prompt's vector
SHARPNESS = 20.0  # inverse temperature of their shares
LABELS_LAG = 0.02  # a label must be so much nearer than a class to count as much
CALLED = (0.8, 0.9)  # cosines to a wording of a label: a sentence begins to call it, and does so
CALLED_LEAD = 0.2  # so much nearer counts a label that a sentence calls
PLACE_SHARE = 0.7  # length of what speaks of a place, beside the unit vector of the sound
LEARNT_SHARE = 0.15  # length of the embedding that training gave the sentence, beside it

_LAYERS = """
<ir_version: 10, opset_import: ["" : 20]>
vocabulary (float[n, w] sentence, float[n, d] learnt_embedding) => (
    float[n, d] embedding, float[n, d] detector, float[n, e] vocabulary, float[n, 1] place
)
{
    about = Sub(sentence, words_middle)
    place_said = MatMul(about, words_across)
    place_part = MatMul(place_said, words_along)
    placeless = Sub(sentence, place_part)
    placeless_length = ReduceL2<keepdims = 1>(placeless, last_axis)
    query = Div(placeless, placeless_length)
    wordings = DequantizeLinear<axis = 0>(wordings_q, wordings_scale, wordings_zero)
    wordings_across = Transpose<perm = [1, 0]>(wordings)
    likeness = MatMul(query, wordings_across)
    by_name = Gather<axis = 1>(likeness, wordings_of)
    vocabulary = ReduceMax<keepdims = 0>(by_name, last_axis)

    place_odds = MatMul(sentence, gate)
    place_logit = Add(place_odds, gate_bias)
    place = Sigmoid(place_logit)
    apart = Sub(learnt_embedding, learnt_middle)
    place_learnt = MatMul(apart, learnt_across)
    whereabouts = MatMul(place_learnt, learnt_along)
    place_weight = Mul(place, place_share)
    placed = Mul(whereabouts, place_weight)
    known = Mul(learnt_embedding, learnt_share)
    beside = Add(placed, known)

    names = Cast<to = 1>(names_half)
    weighed = Add(vocabulary, handicap)
    best, which = TopK<axis = -1>(weighed, nearest)
    chosen = Gather<axis = 0>(names, which)
    SUM(best, chosen, embedding)

    beyond = Mul(vocabulary, called_slope)
    ramp = Add(beyond, called_offset)
    called = Clip(ramp, zero, one)
    lead = Mul(called, called_lead)
    led = Add(weighed, lead)
    led_best, led_which = TopK<axis = -1>(led, nearest)
    led_chosen = Gather<axis = 0>(names, led_which)
    detectors = DequantizeLinear<axis = 0>(detectors_q, detectors_scale, detectors_zero)
    label = Min(led_which, no_label)
    of_label = Gather<axis = 0>(detectors, label)
    called_share = GatherElements<axis = 1>(called, led_which)
    called_column = Unsqueeze(called_share, last_axis)
    difference = Sub(of_label, led_chosen)
    turned = Mul(difference, called_column)
    detecting = Add(led_chosen, turned)
    SUM(led_best, detecting, detector)
}
"""

_SUM = """
    {2}_sharp = Mul({0}, sharpness)
    {2}_share = Softmax<axis = -1>({2}_sharp)
    {2}_row = Unsqueeze({2}_share, middle_axis)
    {2}_mixed = MatMul({2}_row, {1})
    {2}_sound = Squeeze({2}_mixed, middle_axis)
    {2}_sound_length = ReduceL2<keepdims = 1>({2}_sound, last_axis)
    {2}_unit = Div({2}_sound, {2}_sound_length)
    {2}_whole = Add({2}_unit, beside)
    {2}_length = ReduceL2<keepdims = 1>({2}_whole, last_axis)
    {2} = Div({2}_whole, {2}_length)
"""
"""``SUM(best, vectors, to)``: ``vectors`` by a softmax of ``best``, and what is beside them, of
unit length."""


class Names(NamedTuple):
    """Names with their wordings as plain sentence vectors, and their vectors among the sounds."""

    wordings: Floats  # (w, W)
    of: NDArray[np.int64]  # (w,), the name of each, rising
    vectors: Floats  # (e, D)
    detectors: Floats  # (l, D), of the first names, the labels, where a sentence calls them

    @property
    def labels(self) -> int:
        """So many of the first names are labels."""
        return len(self.detectors)


def base_of(model: onnx.ModelProto) -> onnx.ModelProto:
    """The encoder without a vocabulary; its outputs are `SENTENCE` and `LEARNT`."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    known = {name for node in model.graph.node for name in node.output}
    if LEARNT not in known:
        _rename(model, {_sentence_of(model.graph): SENTENCE, "embedding": LEARNT})
    outputs = [SENTENCE, LEARNT]
    inputs = [value.name for value in model.graph.input]
    del model.graph.output[:]
    for name in outputs:
        kind = onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
        model.graph.output.append(kind)
    wanted, nodes = set(outputs), list[onnx.NodeProto]()
    for node in reversed(model.graph.node):
        if wanted & set(node.output):
            wanted |= set(node.input)
            nodes.insert(0, node)
    kept = [value for value in model.graph.initializer if value.name in wanted]
    del model.graph.node[:], model.graph.initializer[:], model.graph.value_info[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(kept)
    assert set(inputs) <= wanted
    return model


def with_vocabulary(base: onnx.ModelProto, names: Names, places: PlaceWords) -> onnx.ModelProto:
    """The encoder of `base_of` with the layers that look a sentence up among ``names``."""
    text = re.sub(r"SUM\((\w+), (\w+), (\w+)\)", lambda m: _SUM.format(*m.groups()), _LAYERS)
    layers = onnx.parser.parse_model(text)
    layers.ir_version = base.ir_version
    layers.opset_import[0].version = next(o.version for o in base.opset_import if not o.domain)
    for name, values in _constants(names, places).items():
        layers.graph.initializer.append(numpy_helper.from_array(values, name))
    joined = compose.merge_models(base, layers, io_map=[(SENTENCE, SENTENCE), (LEARNT, LEARNT)])
    onnx.checker.check_model(joined)
    return joined


def _constants(names: Names, places: PlaceWords) -> dict[str, NDArray[np.generic]]:
    is_label = np.arange(len(names.vectors)) < names.labels
    slope = is_label / (CALLED[1] - CALLED[0])
    return {
        "words_middle": places.words_middle.astype(np.float32),
        "words_across": np.ascontiguousarray(places.words.T, np.float32),
        "words_along": places.words.astype(np.float32),
        **_in_bytes("wordings", names.wordings),
        **_in_bytes("detectors", np.pad(names.detectors, ((0, 1), (0, 0)))),  # none of no label
        "wordings_of": _padded(names.of, len(names.vectors)),
        "handicap": np.where(is_label, -LABELS_LAG, 0).astype(np.float32),
        "called_slope": slope.astype(np.float32),
        "called_offset": (-CALLED[0] * slope).astype(np.float32),
        "called_lead": np.array(CALLED_LEAD, np.float32),
        "zero": np.array(0, np.float32),
        "one": np.array(1, np.float32),
        "nearest": np.array([min(NEAREST, len(names.vectors))], np.int64),
        "sharpness": np.array(SHARPNESS, np.float32),
        "names_half": names.vectors.astype(np.float16),
        "no_label": np.array(names.labels, np.int64),
        "gate": places.gate[:, None].astype(np.float32),
        "gate_bias": np.array([places.gate_bias], np.float32),
        "learnt_middle": places.learnt_middle.astype(np.float32),
        "learnt_across": np.ascontiguousarray(places.learnt.T, np.float32),
        "learnt_along": places.learnt.astype(np.float32),
        "place_share": np.array(PLACE_SHARE, np.float32),
        "learnt_share": np.array(LEARNT_SHARE, np.float32),
        "last_axis": np.array([-1], np.int64),
        "middle_axis": np.array([1], np.int64),
    }


def _in_bytes(name: str, rows: Floats) -> dict[str, NDArray[np.generic]]:
    """``rows`` (n, d) in eight bits, each with a scale of its own."""
    scale = np.maximum(np.abs(rows).max(1), 1e-9) / 127
    return {
        f"{name}_q": np.round(rows / scale[:, None]).astype(np.int8),
        f"{name}_scale": scale.astype(np.float32),
        f"{name}_zero": np.zeros(len(scale), np.int8),
    }


def _padded(of: NDArray[np.int64], names: int) -> NDArray[np.int64]:
    """(names, most): the wordings of each name; short rows repeat their first."""
    rows: Sequence[NDArray[np.intp]] = [np.flatnonzero(of == name) for name in range(names)]
    most = max(row.size for row in rows)
    return np.stack([np.concatenate([row, np.full(most - row.size, row[0])]) for row in rows])


def _sentence_of(graph: onnx.GraphProto) -> str:
    """The value that the projection takes: the plain sentence vector."""
    weights = {v.name for v in graph.initializer if v.name.startswith("projection.linear.weight")}
    made_by = {name: node for node in graph.node for name in node.output}
    for node in graph.node:
        if weights & set(node.input) and node.op_type in ("MatMulInteger", "MatMul", "Gemm"):
            source = made_by[node.input[0]]
            quantised = source.op_type == "DynamicQuantizeLinear"
            return str(source.input[0] if quantised else node.input[0])
    raise ValueError("the text encoder has no projection: it was not made by export.bundles.bundle")


def _rename(model: onnx.ModelProto, names: dict[str, str]) -> None:
    for node in model.graph.node:
        for values in (node.input, node.output):
            values[:] = [names.get(value, value) for value in values]
