"""The lean step graph hears what the student hears, and an older bundle is rewritten or left."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from elsa_rt.config import Config
from elsa_rt.encoder.audio import AudioEncoder
from elsa_rt.encoder.bundle import AUDIO_ENCODER, DEFAULT, ModelBundle
from elsa_rt.features.intensity import Frames
from export.bundles import lean
from export.bundles.bundle import export_audio, fold_norms
from export.bundles.manifest import rehash
from export.bundles.precision import halve
from export.bundles.step_graph import read_weights
from export.bundles.student_graph import step_graph
from export.settings import STEP_FRAMES
from export.student.model import Student

MOST_NODES = 300
"""The graph of torch's exporter has 520."""


@pytest.fixture(autouse=True)
def _repeatable() -> Iterator[None]:
    torch.manual_seed(5)
    with torch.inference_mode():
        yield


@pytest.fixture
def student() -> Student:
    made = Student().eval()
    for layer in made.spatial.layers:  # norms that do something
        mean, variance = layer.norm.running_mean, layer.norm.running_var
        assert mean is not None
        assert variance is not None
        mean.normal_(), variance.uniform_(0.5, 2)
    return made


def weights(student: Student) -> dict[str, NDArray[np.float32]]:
    return {name: x.numpy() for name, x in fold_norms(student).state_dict().items()}


def old_bundle(path: Path, student: Student) -> Path:
    """A bundle whose encoder has its linear layers as the exporter of torch writes them."""
    shutil.copytree(DEFAULT, path)
    model = step_graph(weights(student))
    names = iter(x for x in weights(student) if x.endswith(".weight"))
    given = weights(student)
    del model.graph.initializer[:]
    del model.graph.node[:]
    for name in names:
        module, array = name.removesuffix(".weight"), given[name]
        bias = numpy_helper.from_array(given[f"{module}.bias"], f"student.{module}.bias")
        if array.ndim == 2:  # turned round, and without its name
            held = f"val_{len(model.graph.initializer)}"
            model.graph.initializer.append(numpy_helper.from_array(array.T.copy(), held))
            model.graph.node.append(
                helper.make_node("MatMul", ["x", held], [held + "y"], f"student.{module}/matmul")
            )
        else:
            held = f"student.{module}.weight"
            model.graph.initializer.append(numpy_helper.from_array(array, held))
        model.graph.initializer.append(bias)
    model.graph.initializer.append(
        numpy_helper.from_array(given["level.sharpen"], "student.level.sharpen")
    )
    onnx.save(model, path / AUDIO_ENCODER)
    return path


def test_the_exported_step_is_the_student(student: Student, tmp_path: Path) -> None:
    path = tmp_path / "audio.onnx"
    export_audio(student, path)  # compares 40 steps with torch itself
    model = onnx.load(path)
    assert len(model.graph.node) < MOST_NODES
    frames = torch.from_numpy(lean.random_frames(np.random.default_rng(1)))
    heard, _ = student(frames)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    feed = {x.name: np.zeros((1, *x.shape[1:]), np.float32) for x in session.get_inputs()}
    _, _, activity, distance, *_ = session.run(None, feed | {"frames": frames.numpy()})
    np.testing.assert_allclose(activity, heard.activity[:, 0].sigmoid(), atol=1e-5)
    np.testing.assert_allclose(distance, heard.distance[:, 0].exp(), rtol=1e-4)


def test_a_layer_that_differs_is_found(student: Student, tmp_path: Path) -> None:
    student.place.gate.bias.add_(1e-2)
    other = step_graph(weights(student))
    student.place.gate.bias.sub_(1e-2)
    same = step_graph(weights(student))
    assert lean.difference(same, other, steps=20) > lean.LARGEST_DIFFERENCE
    assert lean.difference(same, step_graph(weights(student)), steps=20) == 0


def test_weights_are_found_in_a_graph_of_the_exporter(student: Student, tmp_path: Path) -> None:
    found = read_weights(onnx.load(old_bundle(tmp_path / "old", student) / AUDIO_ENCODER))
    given = weights(student)
    assert found.keys() == {name for name in given if "num_batches" not in name}
    for name, array in found.items():
        np.testing.assert_array_equal(array, given[name])


def test_what_is_lean_is_left_and_what_differs_is_not_written(
    student: Student, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(DEFAULT, bundle)
    file = bundle / AUDIO_ENCODER
    onnx.save(step_graph(weights(student)), file)
    rehash(bundle)
    before = file.read_bytes()
    assert lean.lean(bundle) is None
    assert file.read_bytes() == before

    monkeypatch.setattr(lean, "is_lean", lambda _: False)
    monkeypatch.setattr(lean, "read_weights", lambda _: weights(student))
    assert lean.lean(bundle) == 0
    before = file.read_bytes()
    student.name.bias.add_(1e-2)
    with pytest.raises(RuntimeError, match="left as it is"):
        lean.lean(bundle)
    assert file.read_bytes() == before
    ModelBundle.load(bundle)  # its hashes still fit


def _frames(mel: NDArray[np.float32]) -> Frames:
    empty = np.zeros(len(mel), np.float32)
    return Frames(mel, np.zeros((len(mel), 3), np.float32), *3 * [empty])


def test_several_streams_hear_as_one_does(student: Student, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(DEFAULT, bundle)
    onnx.save(step_graph(weights(student)), bundle / AUDIO_ENCODER)
    rehash(bundle)
    encoder = AudioEncoder(ModelBundle.load(bundle), Config(engine="onnx"))
    rng, nothing = np.random.default_rng(2), np.zeros((4, 0), np.float32)
    alone, together = [encoder.streams() for _ in range(3)], encoder.streams(3)
    for _ in range(5):
        frames = [_frames(lean.random_frames(rng)[0]) for _ in alone]
        many = together.step(frames, nothing)
        for index, stream in enumerate(alone):
            ((one,),) = stream.step(frames[index : index + 1], nothing)
            (same,) = many[index]
            np.testing.assert_allclose(same.embedding, one.embedding, atol=1e-5)
            np.testing.assert_allclose(same.direction, one.direction, atol=1e-4)


def test_its_halves_hear_the_same(student: Student) -> None:
    """The 16-bit form of the lean graph keeps its levels and memories exact."""
    full = step_graph(weights(student))
    half = halve(step_graph(weights(student)))
    session = [
        onnxruntime.InferenceSession(m.SerializeToString(), providers=["CPUExecutionProvider"])
        for m in (full, half)
    ]
    frames = lean.random_frames(np.random.default_rng(3))
    assert frames.shape[1] == STEP_FRAMES
    found = []
    for each in session:
        feed = {x.name: np.zeros((1, *x.shape[1:]), np.float32) for x in each.get_inputs()}
        found.append(each.run(["embedding"], feed | {"frames": frames})[0].ravel())
    assert found[0] @ found[1] > 0.999
