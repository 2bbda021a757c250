"""Audio encoders in 16 and 8 bits: what stays exact, what TensorRT takes, and parity that fails."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import soundfile
import yaml
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from calibration.features import FrameSet, recorded
from elsa_rt.config import Config
from elsa_rt.demo import demo_path
from elsa_rt.encoder.bundle import DEFAULT, ModelBundle
from elsa_rt.encoder.engines import load_model
from elsa_rt.encoder.tensorrt import library as gate
from elsa_rt.errors import UsageError
from export.bundles import parity
from export.bundles.precision import write_precisions
from tests.support.tiny_bundle import free_streams, make_bundle, rehash

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of the quantiser's own making
    pytest.mark.filterwarnings("ignore::UserWarning:onnxruntime"),
]

STEPS = 60  # of the demo scene: all of it takes long


def with_tower(bundle: Path) -> Path:
    """Put a convolution and names of modules into the tiny encoder; its outputs stay."""
    file = bundle / "audio_encoder.onnx"
    model = onnx.load(str(file))
    for node in model.graph.node:
        node.name = f"student.level/{node.output[0]}"
    kernel = np.zeros((8, 8, 3, 3), np.float32)
    kernel[range(8), range(8), 1, 1] = 1  # gives what it takes
    model.graph.initializer.append(numpy_helper.from_array(kernel, "kernel"))
    for node in model.graph.node:
        node.input[:] = ["seen" if name == "frames" else name for name in node.input]
    chain = [
        helper.make_node("Transpose", ["frames"], ["turned"], "student/turn", perm=[0, 2, 1, 3]),
        helper.make_node(
            "Conv", ["turned", "kernel"], ["kept"], "student.semantic.last/conv", pads=[1, 1, 1, 1]
        ),
        helper.make_node("Transpose", ["kept"], ["seen"], "student/back", perm=[0, 2, 1, 3]),
    ]
    nodes = [*chain, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(file))
    rehash(bundle)
    return bundle


@pytest.fixture(scope="module")
def frames() -> FrameSet:
    mel = np.random.default_rng(3).uniform(-0.5, 0.5, (2, 30, 10, 8, 64)).astype(np.float32)
    mel[:, :, :, 0] = 6 * mel[:, :, :, 0] - 10
    return FrameSet(list(mel), "noise")


@pytest.fixture(scope="module")
def precise(tmp_path_factory: pytest.TempPathFactory, frames: FrameSet) -> Path:
    bundle = with_tower(free_streams(make_bundle(tmp_path_factory.mktemp("bundles") / "precise")))
    write_precisions(bundle, frames)
    return bundle


def hear(bundle: Path, precision: Any, frames: FrameSet) -> NDArray[np.float32]:
    config = Config(engine="onnx", precision=precision)
    return parity.hear(load_model(ModelBundle.load(bundle), config, 1, print), frames).embedding


def test_the_manifest_knows_the_files_and_the_set(precise: Path, frames: FrameSet) -> None:
    calibration = yaml.safe_load((precise / "model.yaml").read_text())["calibration"]
    assert calibration == {"source": "noise", "steps": 60, "sha256": frames.sha256}
    for precision in ("fp16", "int8"):
        assert ModelBundle.load(precise).audio_file(precision).is_file()


def test_layers_are_halved_and_memories_are_not(precise: Path, frames: FrameSet) -> None:
    model = onnx.load(str(precise / "audio_encoder.fp16.onnx"))
    types = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    assert types["kernel"] == TensorProto.FLOAT16
    assert sum(kind == TensorProto.FLOAT16 for kind in types.values()) == 1
    for value in [*model.graph.input, *model.graph.output]:
        assert value.type.tensor_type.elem_type == TensorProto.FLOAT
    # a state of 1e-7 does not go through 16 bits, where it would be 1.2e-7
    run = load_model(ModelBundle.load(precise), Config(precision="fp16"), 1, print).stream()
    quiet = np.full((1, 10, 8, 64), -16.0, np.float32)
    heard = [run.run(quiet)[0] for _ in range(3)]
    full = load_model(ModelBundle.load(precise), Config(), 1, print).stream()
    for one, other in zip(heard, [full.run(quiet)[0] for _ in range(3)], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_eight_bits_are_symmetric_and_only_in_the_towers(precise: Path, frames: FrameSet) -> None:
    model = onnx.load(str(precise / "audio_encoder.int8.onnx"))
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    pairs = [node for node in model.graph.node if node.op_type == "DequantizeLinear"]
    assert len(pairs) == 3  # what the convolution takes, its weights, what it gives
    for node in pairs:
        assert values[node.input[2]].dtype == np.int8
        assert not values[node.input[2]].any()
    full, eight = hear(precise, "fp32", frames), hear(precise, "int8", frames)
    assert (full * eight).sum(1).mean() > 0.9
    assert np.abs(full - eight).max() > 1e-4


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped model in every precision, made from the demo scene as `write_precisions` does."""
    folder = tmp_path_factory.mktemp("bundles") / "shipped"
    shutil.copytree(DEFAULT, folder)
    loaded = ModelBundle.load(folder)
    (scene := folder.parent / "recordings").mkdir()
    (scene / "demo.flac").symlink_to(demo_path())
    heard = recorded(scene, loaded.features, loaded.step_frames)
    write_precisions(folder, FrameSet([heard.sounds[0][:STEPS]], "the demo scene"))
    return folder


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_tensorrt_takes_the_shipped_model(shipped: Path, precision: str) -> None:
    pytest.importorskip("tensorrt_rtx", reason="pip install tensorrt-rtx")
    library, bundle = gate.Library("tensorrt-rtx"), ModelBundle.load(shipped)
    file, shares = bundle.audio_file(precision), list[float]()
    for streams in (1, 4) if precision == "fp16" else (1,):
        plan = gate.build_plan(library, file, streams, "8.9", shares.append)
        assert len(plan) > file.stat().st_size / 2
    assert max(shares) > 0.5


def test_the_shipped_model_in_fewer_bits_hears_the_same(shipped: Path) -> None:
    loaded = ModelBundle.load(shipped)
    heard = recorded(shipped.parent / "recordings", loaded.features, loaded.step_frames)
    frames = FrameSet([heard.sounds[0][:STEPS]], "the demo scene")
    prompts = np.eye(loaded.embedding, dtype=np.float32)
    rows = parity.measure(loaded, frames, prompts, None)
    assert rows["onnx fp16"]["cosine_p1"] > 0.999
    assert rows["onnx int8"]["cosine_mean"] > 0.95
    assert rows["onnx int8"]["megabytes"] < rows["onnx fp32"]["megabytes"]


def test_names_that_say_nothing(bundle: Path, frames: FrameSet) -> None:
    with pytest.raises(UsageError, match="export it again with python -m export bundle"):
        write_precisions(bundle, frames)


def test_parity_fails_where_one_hears_otherwise(
    precise: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    noise = np.random.default_rng(1).normal(0, 0.1, (16_000, 4))
    soundfile.write(tmp_path / "room.wav", noise, 16_000)
    argv = [str(precise), "--recordings", str(tmp_path), "--update"]
    loose = parity.Tolerance(0.5, 0.0, 90.0, 0.0)
    monkeypatch.setitem(parity.TOLERANCES, "int8", loose)
    assert parity.main(argv) == 0
    assert "| onnx fp16 |" in capsys.readouterr().out
    written = yaml.safe_load((precise / "model.yaml").read_text())["precision"]
    assert written["onnx fp32"]["cosine_mean"] == pytest.approx(1, abs=1e-5)
    monkeypatch.setitem(parity.TOLERANCES, "int8", loose._replace(cosine_mean=1.01))
    assert parity.main(argv) == 1
    assert "BEYOND" in capsys.readouterr().out


def test_recordings_that_are_none(tmp_path: Path, bundle: Path) -> None:
    loaded = ModelBundle.load(bundle)
    with pytest.raises(UsageError, match="holds no recordings"):
        recorded(tmp_path, loaded.features, loaded.step_frames)
