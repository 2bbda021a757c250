"""Training of the slot masks: scenes, the network whole and as a step, losses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
import yaml

from elsa_rt.audio.ambisonics import angle_deg
from elsa_rt.encoder.bundle import DEFAULT, MANIFEST, SLOT_MASKS, ModelBundle
from elsa_rt.encoder.compiled.lowering import lower
from elsa_rt.encoder.compiled.model import CompiledRun
from elsa_rt.encoder.compiled.onnx_file import read_graph
from elsa_rt.encoder.slot_masks import DEEPEST, PLANES, MaskModel
from export.settings import FEATURES, STEP_FRAMES
from export.slots import trainer as trainer_module
from export.slots.graph import in_bytes, mask_graph
from export.slots.model import MaskNetwork
from export.slots.scenes import NOTHING, PairStudio, TwoSounds
from export.slots.store import SHAPES, Store
from export.slots.train import main
from export.slots.trainer import MaskTrainer, batch_of
from export.student.model import Student
from tests.support.tiny_studio import make_work


@pytest.fixture(scope="module")
def student() -> Student:
    torch.manual_seed(1)
    return Student().eval()


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory, student: Student) -> list[TwoSounds]:
    studio = PairStudio(make_work(tmp_path_factory.mktemp("pairs")), False, student)
    return [studio.pair(np.random.default_rng([5, i])) for i in range(12)]


def test_a_scene_has_the_shapes_that_are_stored(scenes: list[TwoSounds]) -> None:
    for scene in scenes:
        assert {name: each.shape for name, each in scene._asdict().items()} == SHAPES


def test_two_sounds_add_up_to_the_mixture(scenes: list[TwoSounds]) -> None:
    for scene in (each for each in scenes if each.present.all()):
        power = scene.mixture[0]
        both = np.logaddexp(*scene.alone)
        loud = both > both.max() - 3
        assert abs(float(np.median(power[loud] - both[loud]))) < 0.7  # natural logarithm


def test_where_nothing_is_there_is_no_level(scenes: list[TwoSounds]) -> None:
    counts = {int(scene.present.sum()) for scene in scenes}
    assert counts == {1, 2}
    for scene in scenes:
        for level, present in zip(scene.alone, scene.present, strict=True):
            assert (level.max() > NOTHING) == bool(present)
        assert angle_deg(*scene.directions.astype(float)) > 10


def test_a_store_goes_on_where_it_was_cut_off(tmp_path: Path, student: Student) -> None:
    studio = PairStudio(make_work(tmp_path / "work"), False, student)
    whole, cut = Store(tmp_path / "whole", 2), Store(tmp_path / "cut", 2)
    whole.fill(studio, 3)
    (tmp_path / "cut" / "made-2").write_text("1")
    cut.fill(studio, 3)  # only the second
    every = np.arange(2)
    np.testing.assert_array_equal(cut.read(every).mixture[1], whole.read(every).mixture[1])
    assert not cut.read(every).mixture[0].any()


@torch.inference_mode()
def test_a_step_says_what_the_network_says() -> None:
    torch.manual_seed(2)
    network = MaskNetwork(FEATURES.mels).eval()
    for parameter in network.parameters():
        if parameter.dim() == 4:  # as exact as the file
            whole, scale = in_bytes(parameter.numpy())
            parameter.copy_(torch.from_numpy(whole * scale[:, None, None, None]))
    frames = torch.randn(2, PLANES, 6 * STEP_FRAMES, FEATURES.mels)
    whole = network(frames)[0].numpy()
    data = mask_graph(network).SerializeToString()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_outputs()]
    feed = {each.name: np.zeros((2, *each.shape[1:]), np.float32) for each in session.get_inputs()}
    shape = (2, *frames.shape[1:2], STEP_FRAMES, FEATURES.mels)
    wanted: dict[str, tuple[int, ...]] = {"gain": (2, STEP_FRAMES, FEATURES.mels)}
    run = CompiledRun(lower(read_graph(data), ["gain"]), shape, wanted)
    for first in range(0, frames.shape[2], STEP_FRAMES):
        feed["frames"] = frames[:, :, first : first + STEP_FRAMES].numpy()
        found = dict(zip(names, session.run(names, feed), strict=True))
        feed |= {"state_" + k.removeprefix("next_"): v for k, v in found.items() if k != "gain"}
        (own,) = run.run(feed["frames"])
        said = whole[:, first : first + STEP_FRAMES]
        np.testing.assert_allclose(found["gain"], said, atol=1e-5)
        np.testing.assert_allclose(own, said, atol=1e-5)


@pytest.mark.slow
def test_training_learns_and_resumes(
    scenes: list[TwoSounds], student: Student, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer_module, "WARM_UP", 1)
    torch.manual_seed(3)
    together = TwoSounds(*map(np.stack, zip(*scenes[:4], strict=True)))
    batch = batch_of(together)
    assert float(batch.gain.min()) >= DEEPEST - 1e-6
    assert float(batch.gain.max()) <= 0
    usual = torch.zeros(384), torch.ones(384)
    trainer = MaskTrainer(student, usual, 60)
    rows = [trainer.train_on(batch) for _ in range(10)]
    assert set(rows[8]) == {"mask"}
    assert set(rows[9]) == {"mask", "heard"}  # the student is listened to later
    assert rows[8]["mask"] < 0.8 * rows[0]["mask"]
    trainer.save(tmp_path / "checkpoint.pt")
    again = MaskTrainer(student, usual, 60)
    again.resume(tmp_path / "checkpoint.pt")
    assert again.step == 10
    assert again.losses(batch) == trainer.losses(batch)


@pytest.mark.slow
def test_the_command_gives_a_bundle_its_masks_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle, work = tmp_path / "bundle", make_work(tmp_path / "work")
    shutil.copytree(DEFAULT, bundle)
    (bundle / SLOT_MASKS).unlink()
    manifest = yaml.safe_load((bundle / MANIFEST).read_text("utf-8"))
    del manifest["files"][SLOT_MASKS]
    (bundle / MANIFEST).write_text(yaml.safe_dump(manifest, allow_unicode=True), "utf-8")
    with np.load(work / "rooms.npz") as stored:  # two places on each side
        rooms = dict(stored)
    np.savez(work / "rooms.npz", **rooms | {"validation": np.arange(4) >= 2})
    for steps in (2, 3):
        assert (
            main([str(bundle), str(work), "--scenes", "4", "--held", "2", "--steps", str(steps)])
            == 0
        )
        assert json.loads(capsys.readouterr().out)["step"] == steps
        assert MaskModel.load(ModelBundle.load(bundle)) is not None
    assert main([str(tmp_path / "none"), str(work)]) == 1
    assert "there is no such directory" in capsys.readouterr().err
