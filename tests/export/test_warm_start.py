"""A student goes on from a bundle: it answers as the bundle does, and so it does in training."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from elsa_rt.encoder.bundle import AUDIO_ENCODER, DEFAULT, TEXT_ENCODER, ModelBundle
from elsa_rt.errors import BundleError
from export.bundles.bundle import export_audio, fold_norms
from export.bundles.manifest import rehash
from export.bundles.vocabulary import SentenceReader
from export.bundles.vocabulary_graph import base_of
from export.settings import FEATURES, STEP_FRAMES
from export.student.model import Student
from export.student.warm_start import (
    audio_weights,
    measure_norms,
    start_from_bundle,
    student_of,
    take_audio,
)
from export.towers.text import TextProjection


@pytest.fixture(autouse=True)
def _repeatable() -> Iterator[None]:
    torch.manual_seed(7)
    with torch.inference_mode():
        yield


def frames(steps: int, batch: int = 1) -> Tensor:
    mel = 0.3 * torch.randn(batch, steps * STEP_FRAMES, 8, FEATURES.mels)
    mel[:, :, 0] = 2 * mel[:, :, 0] - 6
    return mel


def random_student() -> Student:
    """One whose norms do something."""
    student = Student()
    for layer in student.spatial.layers:
        norm = layer.norm
        assert norm.running_mean is not None
        assert norm.running_var is not None
        norm.running_mean.normal_(), norm.running_var.uniform_(0.5, 2)
        norm.weight.uniform_(0.5, 2), norm.bias.normal_()
    return student.eval()


def without_dropout(student: Student) -> None:
    for module in student.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0


def test_every_weight_comes_back_from_the_graph(tmp_path: Path) -> None:
    student = random_student()
    export_audio(student, tmp_path / "audio.onnx")
    found = audio_weights(onnx.load(tmp_path / "audio.onnx"))
    wanted = fold_norms(student).state_dict()
    joined = {"name.bias", "fuse.3.bias", "whereabouts.2.bias"}
    assert found.keys() == wanted.keys()
    for name in found.keys() - joined:
        np.testing.assert_allclose(found[name], wanted[name].numpy(), rtol=1e-5, atol=1e-6)
    for part in (found, wanted):  # the three are one in the graph
        total = sum(np.asarray(part[name]) for name in joined)
        np.testing.assert_allclose(total, sum(wanted[name].numpy() for name in joined), atol=1e-6)


def test_the_student_of_the_bundled_model_hears_what_the_file_hears(tmp_path: Path) -> None:
    student = student_of(DEFAULT).eval()
    export_audio(student, tmp_path / "again.onnx")  # streams both, and compares them to 1e-4
    old, new = (onnx.load(path) for path in (DEFAULT / AUDIO_ENCODER, tmp_path / "again.onnx"))
    constants = [
        {each.name: onnx.numpy_helper.to_array(each) for each in model.graph.initializer}
        for model in (old, new)
    ]
    assert constants[0].keys() == constants[1].keys()
    for name, array in constants[0].items():
        np.testing.assert_allclose(constants[1][name], array, rtol=1e-5, atol=1e-7)


def test_measured_norms_change_no_answer_and_fit_what_goes_through_them() -> None:
    student, heard = student_of(DEFAULT).eval(), frames(10, batch=6)
    before = student(heard)[0]
    measure_norms(student, [heard[:3], heard[3:]])
    after = student(heard)[0]
    for name in before._fields:
        torch.testing.assert_close(
            getattr(after, name), getattr(before, name), rtol=1e-3, atol=1e-4
        )
    assert not student.training
    student.train()  # now each batch is normalised by itself
    without_dropout(student)
    trained = student(heard)[0]
    assert float((trained.embedding * before.embedding).sum(-1).min()) > 0.999


def test_without_measured_norms_training_would_hear_something_else() -> None:
    student, heard = student_of(DEFAULT), frames(10, batch=6)
    before = student.eval()(heard)[0]
    student.train()
    without_dropout(student)
    assert float((student(heard)[0].embedding * before.embedding).sum(-1).mean()) < 0.99


def test_the_projection_reads_as_the_text_encoder_did_before_its_vocabulary() -> None:
    bundle = ModelBundle.load()
    projection = TextProjection()
    start_from_bundle(DEFAULT, Student(), projection)
    reader = SentenceReader(
        base_of(onnx.load(str(bundle.file(TEXT_ENCODER)))), bundle.path / "tokenizer.json"
    )
    words, learnt = reader.read(["a dog barking on the left", "rain", "someone knocks"], "texts")
    read = projection.eval()(torch.from_numpy(words)).numpy()
    assert ((read * learnt).sum(1) > 0.995).all()  # eight bits beside the same weights in 32


def test_a_bundle_of_another_making_is_refused_by_name(tmp_path: Path) -> None:
    bundle = tmp_path / "other"
    shutil.copytree(DEFAULT, bundle)
    model = onnx.load(bundle / AUDIO_ENCODER)
    for each in model.graph.initializer:
        if each.name.startswith("student.fuse"):
            each.name = each.name.replace("fuse", "mix")
    for node in model.graph.node:
        for i, name in enumerate(node.input):
            node.input[i] = name.replace("student.fuse", "student.mix")
    onnx.save(model, bundle / AUDIO_ENCODER)
    rehash(bundle)
    with pytest.raises(BundleError, match=r"starting from .*other.*python -m export bundle"):
        student_of(bundle)


def test_a_student_of_other_widths_takes_no_weights() -> None:
    model = onnx.load(DEFAULT / AUDIO_ENCODER)
    for each in list(model.graph.initializer):
        if each.name.startswith("student.place.candidate"):
            model.graph.initializer.remove(each)
    with pytest.raises((ValueError, KeyError, RuntimeError)):
        take_audio(Student(), model)
