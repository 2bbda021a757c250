"""Buffers of state that take turns, and the trial of whether one set will do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from elsa_rt.config import Config
from elsa_rt.encoder.bundle import AUDIO_ENCODER, ModelBundle
from elsa_rt.encoder.onnx import OnnxAudio, OnnxRun
from elsa_rt.encoder.turns import Turns
from export.bundles.manifest import rehash
from tests.support.tiny_bundle import make_bundle


def test_two_sets_take_turns() -> None:
    turns = Turns({"a": (2,)}, np.zeros, lambda old, new: (old["a"], new["a"]))
    for _ in range(3):
        old, new = turns.run
        assert old is turns.state["a"]
        assert new is turns.following["a"]
        assert old is not new
        turns.turn()
        assert turns.state["a"] is new


def test_one_set_will_do_in_place() -> None:
    prepared = []
    turns = Turns({"a": (2,)}, np.zeros, lambda *sets: prepared.append(sets), in_place=True)
    before = turns.state["a"]
    turns.turn()
    assert turns.state["a"] is before
    assert len(prepared) == 1


def frames(model: OnnxAudio, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, model.frames_shape).astype(np.float32)


def test_the_bundled_model_hears_in_place_what_it_hears_in_turns() -> None:
    model = OnnxAudio(ModelBundle.load(), Config())
    assert model.in_place
    one, other = OnnxRun(model, in_place=True), OnnxRun(model, in_place=False)
    for seed in range(8):
        new = frames(model, seed)
        for left, right in zip(one.run(new), other.run(new), strict=True):
            np.testing.assert_array_equal(left, right)


@pytest.fixture
def early_writer(tmp_path: Path) -> ModelBundle:
    """A bundle whose graph writes a state before it has read the old one for its output."""
    bundle = make_bundle(tmp_path)
    file = bundle / AUDIO_ENCODER
    graph = onnx.load(file)
    free = graph.graph.input[0].type.tensor_type.shape.dim[0]
    assert free.dim_value == 1
    for name, kind in (("state_early", graph.graph.input), ("next_early", graph.graph.output)):
        kind.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1]))
    (output,) = (node for node in graph.graph.node if "activity" in node.output)
    output.output[list(output.output).index("activity")] = "activity_alone"
    graph.graph.node.extend([
        helper.make_node("ReduceMean", ["frames"], ["level"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Unsqueeze", ["level", "one"], ["next_early"]),
        helper.make_node("Sin", ["next_early"], ["sine"]),
        helper.make_node("Mul", ["sine", "state_early"], ["later"]),
        helper.make_node("Add", ["activity_alone", "later"], ["activity"]),
    ])  # fmt: skip
    graph.graph.initializer.append(helper.make_tensor("one", TensorProto.INT64, [1], [1]))
    onnx.save(graph, file)
    rehash(bundle)
    return ModelBundle.load(bundle)


def test_a_graph_that_writes_early_keeps_two_sets(early_writer: ModelBundle) -> None:
    model = OnnxAudio(early_writer, Config())
    assert not model.in_place
    run = OnnxRun(model)
    heard = [run.run(frames(model, seed))[2] for seed in (0, 1)]
    fresh = OnnxRun(model).run(frames(model, 1))[2]
    assert not np.array_equal(heard[1], fresh)  # the old state counts
