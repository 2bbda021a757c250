"""The compiled encoder beside ONNX Runtime, and graphs of which it makes no program."""

from __future__ import annotations

import gc
import shutil
import sys
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from elsa_rt.config import Config
from elsa_rt.encoder.audio import AudioEncoder
from elsa_rt.encoder.bundle import AUDIO_ENCODER, DEFAULT, ModelBundle
from elsa_rt.encoder.compiled import model as compiled_model
from elsa_rt.encoder.compiled.lowering import lower
from elsa_rt.encoder.compiled.model import RUN, CompiledAudio, CompiledRun
from elsa_rt.encoder.compiled.onnx_file import read_graph
from elsa_rt.encoder.onnx import OnnxAudio
from elsa_rt.encoder.step import OUTPUTS
from elsa_rt.errors import EngineError
from export.bundles.lean import random_frames
from export.bundles.manifest import rehash
from export.bundles.step_graph import GraphWriter

pytestmark = pytest.mark.skipif(
    not RUN.is_ready, reason="no machine code is shipped for this processor: elsa-rt warmup"
)

AS_BEFORE = 5e-5
"""Of outputs that ONNX Runtime gives: half of what the streaming contract allows."""


@pytest.fixture(scope="module")
def bundle() -> ModelBundle:
    return ModelBundle.load()


def apart(one: list[NDArray[np.float32]], other: list[NDArray[np.float32]]) -> float:
    return max(float(np.abs(a - b).max()) for a, b in zip(one, other, strict=True))


def test_it_hears_what_onnx_runtime_hears(bundle: ModelBundle) -> None:
    rng = np.random.default_rng(1)
    own, other = CompiledAudio(bundle, Config()).stream(), OnnxAudio(bundle, Config()).stream()
    for _ in range(150):  # every ring turns round several times
        frames = random_frames(rng)
        assert apart(own.run(frames), other.run(frames)) < AS_BEFORE
    own.reset()
    other.reset()
    assert apart(own.run(frames), other.run(frames)) < AS_BEFORE


def test_streams_have_states_of_their_own(bundle: ModelBundle) -> None:
    rng = np.random.default_rng(2)
    count = 6  # four of them go together, where none is held
    many = CompiledAudio(bundle, Config(), count).stream()
    alone = [CompiledAudio(bundle, Config()).stream() for _ in range(count)]
    for step in range(8):
        frames = np.concatenate([random_frames(rng) for _ in range(count)])
        held = [1] if step == 3 else [0, 1, 4] if step == 4 else []
        heard = many.run(frames, held)
        for stream, one in enumerate(alone):
            if stream not in held:
                found = one.run(frames[stream : stream + 1])
                assert apart([each[stream : stream + 1] for each in heard], found) < AS_BEFORE
        if step == 5:
            many.reset(2)
            alone[2].reset()


@pytest.mark.parametrize("cut", [1, 2, 4, 5, 8, 11])
def test_steps_ahead_hear_what_steps_one_by_one_hear(bundle: ModelBundle, cut: int) -> None:
    rng = np.random.default_rng(7)
    frames = np.concatenate([random_frames(rng) for _ in range(40)])
    own, other = CompiledAudio(bundle, Config()).stream(), OnnxAudio(bundle, Config()).stream()
    alone = [own.run(frames[step : step + 1]) for step in range(8)]
    own.run_ahead(frames[20:30])
    own.reset()
    pieces = [own.run_ahead(frames[at : at + cut]) for at in range(0, 40, cut)]
    heard = list(map(np.concatenate, zip(*pieces, strict=True)))
    assert apart(heard, other.run_ahead(frames)) < AS_BEFORE
    if cut < 4:  # dense layers share no weights
        for one, step in zip(heard, zip(*alone, strict=True), strict=True):
            np.testing.assert_array_equal(one[:8], np.concatenate(step))


def test_several_streams_step_no_steps_ahead(bundle: ModelBundle) -> None:
    many = CompiledAudio(bundle, Config(), 2).stream()
    with pytest.raises(ValueError, match="2 streams: one alone steps ahead"):
        many.run_ahead(np.zeros((3, *many._frames.shape[1:]), np.float32))


def test_auto_takes_it_and_named_engines_are_kept(bundle: ModelBundle) -> None:
    assert AudioEncoder(bundle).engine == "compiled"
    assert AudioEncoder(bundle, Config(engine="compiled", precision="fp32")).engine == "compiled"
    for settings in ({"engine": "onnx"}, {"precision": "fp16"}):
        assert AudioEncoder(bundle, Config(**settings)).engine == "onnx"  # type: ignore[arg-type]
    with pytest.raises(EngineError, match=r"compiled: it has no --precision fp16: use --engine on"):
        AudioEncoder(bundle, Config(engine="compiled", precision="fp16"))


def test_a_program_is_kept_from_start_to_start(
    bundle: ModelBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ELSA_RT_CACHE", str(tmp_path))
    made = CompiledAudio(bundle, Config()).program.arrays()
    (file,) = tmp_path.glob("programs/*.npz")
    with monkeypatch.context() as patched:
        patched.setattr(compiled_model, "lower", lambda *_: pytest.fail("it is made again"))
        kept = CompiledAudio(bundle, Config()).program.arrays()
    file.write_bytes(file.read_bytes()[:-1000])
    again = CompiledAudio(bundle, Config()).program.arrays()
    for name, array in made.items():
        np.testing.assert_array_equal(kept[name], array)
        np.testing.assert_array_equal(again[name], array)
    assert len(file.read_bytes()) > 1_000_000


def test_a_graph_is_forgotten_once_its_program_is_made(bundle: ModelBundle) -> None:
    graph = read_graph(bundle.read(bundle.file(AUDIO_ENCODER)))
    values = weakref.ref(max(graph.constants.values(), key=np.size))
    gc.collect()
    gc.disable()
    try:
        lower(graph, OUTPUTS)
        del graph
        assert values() is None
    finally:
        gc.enable()


def test_without_machine_code_nobody_waits_for_a_compiler(
    bundle: ModelBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("elsa_rt.jit.shipped.find", lambda *_: None)
    monkeypatch.setattr("elsa_rt.jit.kernel._kept", lambda _: None)
    assert AudioEncoder(bundle).engine == "onnx"


def test_another_architecture_is_left_to_onnx_runtime(tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(DEFAULT, other)
    model = onnx.load(str(other / AUDIO_ENCODER))
    (last,) = (node for node in model.graph.node if node.output[0] == "embedding")
    last.output[0] = "before"
    model.graph.node.append(helper.make_node("Softmax", ["before"], ["embedding"], axis=2))
    onnx.save(model, str(other / AUDIO_ENCODER))
    rehash(other)
    assert AudioEncoder(ModelBundle.load(other)).engine == "onnx"
    with pytest.raises(EngineError, match=r"no program .*: an operation Softmax: use"):
        AudioEncoder(ModelBundle.load(other), Config(engine="compiled"))


def test_a_start_with_kept_texts_loads_no_onnx_runtime(tmp_path: Path) -> None:
    import subprocess

    program = (
        "import sys; from elsa_rt.listener import Listener; Listener(['a dog barking']);"
        "print('onnxruntime' in sys.modules)"
    )
    found = [
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True,
                       env={"ELSA_RT_CACHE": str(tmp_path), "PYTHONPATH": ":".join(sys.path)})
        .stdout.strip() for _ in range(2)
    ]  # fmt: skip
    assert found == ["True", "False"]


def test_the_file_is_read_as_onnx_reads_it() -> None:
    data = (DEFAULT / AUDIO_ENCODER).read_bytes()
    model, graph = onnx.load_from_string(data), read_graph(data)
    assert [node.kind for node in graph.nodes] == [node.op_type for node in model.graph.node]
    for node, theirs in zip(graph.nodes, model.graph.node, strict=True):
        assert (list(node.inputs), list(node.outputs)) == (theirs.input, theirs.output)
        for each in theirs.attribute:
            value = helper.get_attribute_value(each)
            own = node.attributes[each.name]
            assert own == (tuple(value) if isinstance(value, list) else pytest.approx(value))
    for constant in model.graph.initializer:
        np.testing.assert_array_equal(
            graph.constants[constant.name], numpy_helper.to_array(constant)
        )


@pytest.mark.parametrize("cut", [0, 1, 7, 100, 5000, -1])
def test_a_damaged_file_is_refused(cut: int) -> None:
    with pytest.raises(ValueError, match=r"no ONNX graph|a value|a constant|a field"):
        read_graph((DEFAULT / AUDIO_ENCODER).read_bytes()[:cut])


def small(write: Callable[[GraphWriter], None]) -> onnx.ModelProto:
    """A graph from frames (1, 8, 8, 16) to an output ``y``."""
    g = GraphWriter()
    g.input("frames", 8, 8, 16)
    write(g)
    return g.model()


def all_ways(model: onnx.ModelProto, steps: int = 13) -> tuple[list[Any], list[Any], list[Any]]:
    """What ONNX Runtime and a program give for some steps of noise, one by one and ahead."""
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    states = {
        each.name: np.zeros([1, *each.shape[1:]], np.float32)
        for each in session.get_inputs() if each.name != "frames"
    }  # fmt: skip
    names = [each.name for each in session.get_outputs()]
    rng, theirs = np.random.default_rng(3), []
    given = rng.normal(0, 1.5, (steps, 1, 8, 8, 16)).astype(np.float32)
    for frames in given:
        found = dict(zip(names, session.run(names, {"frames": frames, **states}), strict=True))
        states = {"state_" + k.removeprefix("next_"): v for k, v in found.items() if k != "y"}
        theirs.append(found["y"])
    program = lower(read_graph(model.SerializeToString()), ["y"])
    run = CompiledRun(program, (1, 8, 8, 16), {"y": theirs[0].shape})
    own = [run.run(frames)[0] for frames in given]
    run.reset()
    return theirs, own, list(run.run_ahead(given[:, 0])[0][:, None])


def channels(g: GraphWriter) -> str:
    """Frames with their second axis as channels, (1, 8, 8, 16)."""
    return str(g.node("Transpose", "frames", perm=[0, 2, 1, 3]))


def function(kind: str) -> Callable[[GraphWriter], None]:
    def write(g: GraphWriter) -> None:
        x = g.reshape("frames", 8 * 8 * 16)
        if kind in ("Log", "Reciprocal"):
            x = g.node("Exp", x)
        g.output("y", 8 * 8 * 16)
        g.node(kind, x, to="y")

    return write


def layer(outputs: int, high: int, wide: int, strides: tuple[int, int], dilation: int,
          group: int = 1) -> Callable[[GraphWriter], None]:  # fmt: skip
    """A convolution that looks back on a state, an activation, a sum, and means of channels."""

    def write(g: GraphWriter) -> None:
        rng = np.random.default_rng(4)
        x = channels(g)
        kept = dilation * (high - 1)
        state, following = g.state(8, kept, 16)
        joined = g.node("Concat", state, g.node("Mul", x, g.floats(0.5)), axis=2)
        g.slice(joined, [2], [8], [8 + kept], to=following)
        weight = rng.normal(0, 0.2, (outputs, 8 // group, high, wide))
        conv = g.conv(joined, weight, rng.normal(0, 1, outputs), pad=wide // 2, strides=strides,
                      dilation=dilation, group=group)  # fmt: skip
        y = g.node("HardSwish", conv)
        again = g.conv(y, rng.normal(0, 0.2, (outputs, outputs, 1, 1)), rng.normal(0, 1, outputs))
        total = g.node("Add", again, y)
        g.output("y", outputs)
        g.node("ReduceMean", total, g.integers(2, 3), keepdims=0, to="y")

    return write


def unfilled(between: int, outputs: int) -> Callable[[GraphWriter], None]:
    """A wide convolution over channels that fill no vector."""

    def write(g: GraphWriter) -> None:
        rng = np.random.default_rng(6)
        x = g.conv(channels(g), rng.normal(0, 0.3, (between, 8, 1, 1)), rng.normal(0, 1, between))
        weight = rng.normal(0, 0.2, (outputs, between, 1, 3))
        y = g.conv(x, weight, rng.normal(0, 1, outputs), pad=1)
        g.output("y", outputs)
        g.node("ReduceMean", y, g.integers(2, 3), keepdims=0, to="y")

    return write


def head(g: GraphWriter) -> None:
    """Dense layers of odd sizes with a state, parts, and a unit vector."""
    rng = np.random.default_rng(5)
    x = g.reshape(channels(g), 8 * 8 * 16)
    state, following = g.state(37)
    h = g.node("Gemm", x, g.floats(rng.normal(0, 0.02, (1024, 37))), state, beta=0.5, to=following)
    one, other = g.node("Split", h, g.integers(30, 7), axis=1, parts=2)
    weights = rng.normal(0, 0.3, (33, 7))
    small = g.linear(other, weights, rng.normal(0, 1, 33))
    joined = g.node("Concat", small, one, axis=1)
    g.output("y", 63)
    unit = g.unit(g.node("Clip", joined, g.floats(-2.0), g.floats(2.0)), 1e-6)
    g.node("Max", unit, g.floats(-0.3), to="y")


def repeated(g: GraphWriter) -> None:
    """Rows and columns of what a convolution made, several times, and another convolution."""
    rng = np.random.default_rng(7)
    x = g.conv(channels(g), rng.normal(0, 0.3, (5, 8, 1, 1)), rng.normal(0, 1, 5), strides=(2, 2))
    wide = g.node("Resize", x, "", g.floats([1, 1, 2, 4]), mode="nearest", nearest_mode="floor",
                  coordinate_transformation_mode="asymmetric")  # fmt: skip
    y = g.conv(wide, rng.normal(0, 0.3, (4, 5, 1, 3)), rng.normal(0, 1, 4), pad=1)
    g.output("y", 4, 8, 32)
    g.node("Relu", y, to="y")


GRAPHS: dict[str, Callable[[GraphWriter], None]] = {
    **{kind: function(kind) for kind in
       ("Exp", "Sigmoid", "Gelu", "HardSwish", "Relu", "Log", "Reciprocal")},
    "product": layer(24, 3, 3, (2, 2), 1),
    "wide product": layer(40, 4, 5, (2, 2), 1),
    "thin product": layer(8, 1, 1, (1, 1), 1),
    "in time": layer(16, 2, 1, (1, 1), 4),
    "one channel": unfilled(1, 4),
    "channels that fill no vector": unfilled(17, 33),
    "each channel": layer(8, 3, 3, (1, 1), 2, group=8),
    "each channel, strides": layer(8, 5, 5, (2, 2), 1, group=8),
    "head": head,
    "repeated": repeated,
}  # fmt: skip


@pytest.mark.parametrize("name", GRAPHS)
def test_an_operation_beside_onnx_runtime(name: str) -> None:
    theirs, own, ahead = all_ways(small(GRAPHS[name]))
    for one, other, another in zip(theirs, own, ahead, strict=True):
        np.testing.assert_allclose(other, one, rtol=2e-6, atol=2e-6 * np.abs(one).max())
        np.testing.assert_allclose(another, one, rtol=2e-6, atol=2e-6 * np.abs(one).max())


def odd(kind: str, *more: str, **attributes: Any) -> onnx.ModelProto:
    """A graph of one node, whose meaning a program would miss."""
    shapes = {"w": (16, 4), "c": (8, 8, 3, 3), "b": (8,)}
    constants = [
        numpy_helper.from_array(np.ones(shapes[name], np.float32), name) for name in shapes
    ]
    constants += [
        numpy_helper.from_array(np.array(values, np.int64), name)
        for name, values in (("one", [1]), ("minus", [-1]), ("two", [2]))
    ]
    graph = helper.make_graph(
        [helper.make_node(kind, ["frames", *more], ["y"], **attributes)], "odd",
        [helper.make_tensor_value_info("frames", TensorProto.FLOAT, [1, 8, 8, 16])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)], constants,
    )  # fmt: skip
    model = helper.make_model(graph)
    model.graph.output[0].type.tensor_type.shape.Clear()
    return model


@pytest.mark.parametrize(
    "model",
    [
        odd("Softmax", axis=3),
        odd("Slice", "one", "two", "one", "two"),  # every second value
        odd("Slice", "minus", "two", "one"),
        odd("ReduceSum", "minus"),
        odd("Conv", "c", "b", pads=[1, 1, 1, 1], strides=[1, 1], dilations=[1, 1], group=1),
        odd("Conv", "c", pads=[0, 0, 0, 0], strides=[1, 1], dilations=[1, 1], group=1),
        odd("Gemm", "w", "b", transB=1),
        odd("Gelu", approximate="tanh"),
        odd("Clip", "missing"),
        odd("Resize", "", "b", mode="nearest", nearest_mode="floor"),  # half a pixel aside
    ],
    ids=lambda model: model.graph.node[0].op_type,
)
def test_what_a_program_would_miss_is_refused(model: onnx.ModelProto) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        lower(read_graph(model.SerializeToString()), ["y"])
