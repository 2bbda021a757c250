"""TensorRT: plans that are refused, errors with their cure, and the run on a pretended GPU.

Plans are built for real where TensorRT-RTX is installed; running one needs a GPU.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from elsa_rt.config import Config
from elsa_rt.encoder import engines
from elsa_rt.encoder.audio import AudioEncoder
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.encoder.engines import load_model
from elsa_rt.encoder.lanes import Streams
from elsa_rt.encoder.output import EncoderOutput
from elsa_rt.encoder.tensorrt import library as gate
from elsa_rt.encoder.tensorrt.library import installed
from elsa_rt.encoder.tensorrt.plans import PlanError, PlanKey, find_plan, keep_plan
from elsa_rt.errors import BundleError, EngineError
from elsa_rt.features.intensity import Frames
from tests.support.fake_cuda import VERSION, Code, FakeCuda, RuntimeCache, RuntimeConfig, install
from tests.support.tiny_bundle import free_streams, make_bundle

KEY = PlanKey("tiny", "ab" * 32, "tensorrt", "fp16", 1, "10.13.3", "8.7", "Orin", "540.4", "12.6")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ELSA_RT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    return install(monkeypatch)


@pytest.fixture(scope="module")
def many_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return free_streams(make_bundle(tmp_path_factory.mktemp("bundles") / "many"))


def frames(steps: int, seed: int = 0, streams: int = 1) -> NDArray[np.float32]:
    found = np.random.default_rng(seed).uniform(-0.5, 0.5, (steps, streams, 10, 8, 64))
    found[:, :, :, 0] = 10 * found[:, :, :, 0] - 10
    return found.astype(np.float32)


def as_frames(mel: NDArray[np.float32]) -> Frames:
    nothing = np.zeros(len(mel), np.float32)
    return Frames(mel, np.zeros((len(mel), 3), np.float32), *3 * [nothing])


def hear(encoder: AudioEncoder, mels: NDArray[np.float32]) -> NDArray[np.float32]:
    stream, nothing = encoder.streams().lanes[0], np.zeros((4, 0), np.float32)
    sounds = [stream.step(as_frames(mel[0]), nothing)[0] for mel in mels]
    return np.stack(
        [np.r_[x.embedding[0], x.direction[0], x.activity, x.distance_m] for x in sounds]
    )


# plans on disk


def test_a_plan_comes_back(cache: Path) -> None:
    path = keep_plan(KEY, b"plan")
    assert path.parent == cache
    assert path.stat().st_mode & 0o077 == 0
    assert find_plan(KEY) == b"plan"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"engine_version": "10.3.0"}, "built for tensorrt 10.13.3, here is tensorrt 10.3.0"),
        ({"gpu": "RTX 4090"}, "built for the GPU Orin, here is the GPU RTX 4090"),
        ({"capability": "8.9"}, "compute capability 8.7, here is compute capability 8.9"),
        ({"driver": "580.65"}, "driver 540.4, here is driver 580.65"),
        ({"cuda": "13.0"}, "CUDA 12.6, here is CUDA 13.0"),
        ({"precision": "int8"}, "there is no tensorrt plan"),
        ({"streams": 2}, "there is no tensorrt plan .*elsa-rt compile .* --streams 2"),
        ({"model": "cd" * 32}, "there is no tensorrt plan"),
    ],
)
def test_a_plan_for_something_else(change: dict[str, object], said: str) -> None:
    keep_plan(KEY, b"plan")
    with pytest.raises(PlanError, match=said):
        find_plan(PlanKey(**{**KEY.__dict__, **change}))


@pytest.mark.parametrize("name", ["engine_version", "capability"])
def test_a_plan_that_does_not_say_what_it_was_built_for(name: str) -> None:
    keep_plan(PlanKey(**{**KEY.__dict__, name: ""}), b"plan")
    with pytest.raises(PlanError, match="was built for .*, here is "):
        find_plan(KEY)


def test_a_plan_for_any_gpu_of_its_kind() -> None:
    made = PlanKey(**{**KEY.__dict__, "gpu": "", "driver": "", "cuda": ""})
    keep_plan(made, b"plan")
    assert find_plan(KEY) == b"plan"


def test_truncated_changed_or_renamed(cache: Path) -> None:
    path = keep_plan(KEY, b"plan")
    path.write_bytes(b"pla")
    with pytest.raises(PlanError, match="has 3 bytes, 4 were written: elsa-rt compile"):
        find_plan(KEY)
    path.write_bytes(b"evil")
    with pytest.raises(PlanError, match="was changed since it was built"):
        find_plan(KEY)
    path = keep_plan(KEY, b"plan")
    sidecar = path.with_suffix(".json")
    sidecar.write_text(json.dumps(json.loads(sidecar.read_text()) | {"model": "0" * 64}))
    with pytest.raises(PlanError, match="is of another model, 0000"):
        find_plan(KEY)
    sidecar.write_text("{")
    with pytest.raises(PlanError, match="is not of this elsa-rt"):
        find_plan(KEY)


def test_a_plan_that_others_may_write_to() -> None:
    keep_plan(KEY, b"plan").chmod(0o666)
    with pytest.raises(PlanError, match="others may write to it"):
        find_plan(KEY)


def test_a_cache_that_is_none(cache: Path) -> None:
    cache.write_text("a file")
    with pytest.raises(EngineError, match="set ELSA_RT_CACHE"):
        keep_plan(KEY, b"plan")


# what TensorRT says


def test_no_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    with pytest.raises(EngineError, match="no module 'tensorrt': pip install tensorrt"):
        gate.Library("tensorrt")
    monkeypatch.setattr(gate, "_JETSON", Path("/"))
    monkeypatch.setattr(sys, "prefix", "/home/me/.venv")
    with pytest.raises(EngineError, match="--system-site-packages"):
        gate.Library("tensorrt")
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    with pytest.raises(EngineError, match="apt-get install python3-libnvinfer"):
        gate.Library("tensorrt")


def test_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: str) -> None:
        raise ImportError("libnvinfer.so.10: cannot open shared object file")

    monkeypatch.setattr("ctypes.util.find_library", lambda _: "libnvinfer.so.8")
    monkeypatch.setattr("importlib.import_module", fail)
    with pytest.raises(
        EngineError, match=r"needs libnvinfer\.so\.10, the system has libnvinfer\.so\.8"
    ):
        gate.Library("tensorrt")


def test_too_old(monkeypatch: pytest.MonkeyPatch, cuda: FakeCuda) -> None:
    monkeypatch.setattr(sys.modules["tensorrt"], "__version__", "8.6.2")
    with pytest.raises(EngineError, match=r"8\.6\.2 is installed, 10\.3 or newer is needed"):
        gate.Library("tensorrt")


@pytest.mark.parametrize(
    ("said", "cure"),
    [
        ("Version tag does not match. Current Version: 240, Serialized: 239", "another version"),
        ("Engine plan: expecting compute 8.9 got compute 8.7", "another GPU"),
        ("module has no attribute 'IInt8EntropyCalibrator2'", "INT8 lives in the ONNX file"),
        ("CUDA driver version is insufficient (cudaError 35)", "nvidia-smi"),
        ("out of memory", "memory is full"),
        ("something new", "elsa-rt info"),
    ],
)
def test_every_error_has_its_cure(said: str, cure: str) -> None:
    assert cure in gate.explain(said)


# the run


def test_the_run_is_that_of_onnx(bundle: Path, cuda: FakeCuda) -> None:
    loaded = ModelBundle.load(bundle)
    notices: list[str] = []
    encoder = AudioEncoder(loaded, Config(engine="tensorrt"), notices.append)
    assert encoder.engine == "tensorrt"
    assert [notice for notice in notices if "there is no tensorrt plan" in notice] == notices
    mels = frames(30)
    before = cuda.launches
    np.testing.assert_allclose(
        hear(encoder, mels), hear(AudioEncoder(loaded, Config(engine="onnx")), mels), atol=1e-6
    )
    assert cuda.launches == before + 30
    again: list[str] = []
    AudioEncoder(loaded, Config(engine="tensorrt", compile=False), again.append)
    assert not again


def stepped(streams: Streams, mel: NDArray[np.float32]) -> list[EncoderOutput]:
    """The output of each stream for a step (streams, frames, 8, mels) of all."""
    count, nothing = mel.shape[1], np.zeros(mel.shape[1], np.float32)
    each = [Frames(one, np.zeros((count, 3), np.float32), *3 * [nothing]) for one in mel]
    heard = streams.step(each, np.zeros((4, 0), np.float32))
    return [output for (output,) in heard]


@pytest.mark.parametrize("engine", ["onnx", "tensorrt"])
def test_streams_step_together(many_bundle: Path, cuda: FakeCuda, engine: Any) -> None:
    loaded = ModelBundle.load(many_bundle)
    encoder = AudioEncoder(loaded, Config(engine=engine), list[str]().append)
    streams = encoder.streams(3)
    mels = frames(8, streams=3)
    together = [stepped(streams, mel) for mel in mels[:4]]
    streams.lanes[1].reset()
    together += [stepped(streams, mel) for mel in mels[4:]]
    alone = AudioEncoder(loaded, Config(engine="onnx"))
    for stream, parts in ((0, [mels]), (1, [mels[:4], mels[4:]]), (2, [mels])):
        one = np.concatenate([hear(alone, part[:, stream : stream + 1]) for part in parts])
        heard = np.stack([sounds[stream].embedding[0] for sounds in together])
        np.testing.assert_allclose(heard, one[:, :512], atol=1e-5)
    for lane in streams.lanes:
        lane.reset()
    np.testing.assert_array_equal(stepped(streams, mels[0])[2].embedding, together[0][2].embedding)


def test_a_bundle_of_one_stream_is_run_once_for_each(bundle: Path) -> None:
    loaded = ModelBundle.load(bundle)
    with pytest.raises(BundleError, match="3 streams were asked for, it hears one at a time"):
        load_model(loaded, Config(engine="onnx"), 3, print)
    streams = AudioEncoder(loaded, Config(engine="onnx")).streams(3)
    mels = frames(2, streams=3)
    heard = [stepped(streams, mel) for mel in mels]
    one = hear(AudioEncoder(loaded, Config(engine="onnx")), mels[:, 2:3])
    np.testing.assert_array_equal([sounds[2].embedding[0] for sounds in heard], one[:, :512])


def test_a_plan_that_was_swapped(bundle: Path, cuda: FakeCuda, cache: Path) -> None:
    loaded = ModelBundle.load(bundle)
    AudioEncoder(loaded, Config(engine="tensorrt"), list[str]().append)
    (path,) = cache.glob("*.plan")
    path.write_bytes(b"old" + path.read_bytes()[3:])
    with pytest.raises(EngineError, match="was changed since"):
        AudioEncoder(loaded, Config(engine="tensorrt", compile=False))
    notices: list[str] = []
    AudioEncoder(loaded, Config(engine="tensorrt"), notices.append)
    assert "was changed since" in notices[0]


def test_version_tag_that_does_not_match(bundle: Path, cuda: FakeCuda) -> None:
    from elsa_rt.encoder.tensorrt.run import TensorRtAudio

    with pytest.raises(EngineError, match=f"TensorRT {VERSION} says: Version tag .*build it anew"):
        TensorRtAudio(gate.Library("tensorrt"), b"old", ModelBundle.load(bundle), 1)


def test_no_driver(bundle: Path, cuda: FakeCuda) -> None:
    cuda.fails = Code.cudaErrorInsufficientDriver
    with pytest.raises(EngineError, match=r"no NVIDIA driver, or one too old for CUDA 12\.6"):
        AudioEncoder(ModelBundle.load(bundle), Config(engine="tensorrt"))


def test_auto_takes_a_plan_that_is_there_and_falls_back_aloud(
    bundle: Path, cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "has_gpu", lambda: True)
    monkeypatch.setattr(engines, "installed", lambda: ["tensorrt"])
    loaded, notices = ModelBundle.load(bundle), list[str]()
    assert AudioEncoder(loaded, Config(), notices.append).engine == "onnx"
    assert len(notices) == 1
    assert "no TensorRT: there is no tensorrt plan" in notices[0]
    AudioEncoder(loaded, Config(engine="tensorrt"), notices.append)
    assert AudioEncoder(loaded, Config(), pytest.fail).engine == "tensorrt"
    monkeypatch.setattr(engines, "has_gpu", lambda: False)
    assert AudioEncoder(loaded, Config(), pytest.fail).engine == "onnx"


def test_a_precision_that_the_bundle_lacks(bundle: Path, cuda: FakeCuda) -> None:
    for engine in ("onnx", "tensorrt"):
        with pytest.raises(BundleError, match="no audio encoder in int8, only in fp32"):
            AudioEncoder(ModelBundle.load(bundle), Config(engine=engine, precision="int8"))


def test_a_provider_that_is_not_there(bundle: Path) -> None:
    with pytest.raises(EngineError, match="--provider cuda needs CUDAExecutionProvider"):
        AudioEncoder(ModelBundle.load(bundle), Config(engine="onnx", provider="cuda"))


@pytest.mark.filterwarnings("ignore:Specified provider")
def test_onnx_runtime_that_falls_back_without_a_word(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # as with onnxruntime-gpu where a library of CUDA is missing
    both = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr("elsa_rt.encoder.onnx.ort.get_available_providers", lambda: both)
    with pytest.raises(
        EngineError,
        match=r"asked ONNX Runtime for CUDAExecutionProvider and got CPUExecutionProvider: check "
        r"CUDA and cuDNN .*--provider cpu",
    ):
        AudioEncoder(ModelBundle.load(bundle), Config(engine="onnx", provider="cuda"))


# what TensorRT-RTX compiles on the device


def test_kernels_are_kept_for_the_next_start(
    bundle: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cuda, loaded = install(monkeypatch, "tensorrt-rtx"), ModelBundle.load(bundle)
    fitted: list[bool] = []
    monkeypatch.setattr(RuntimeCache, "loaded", fitted)

    def start() -> None:
        AudioEncoder(loaded, Config(engine="tensorrt-rtx"), list[str]().append)

    start()
    (file,) = cache.glob("*.kernels")
    assert not fitted
    written = file.stat().st_mtime_ns
    start()
    assert fitted == [True]
    assert file.stat().st_mtime_ns == written
    file.write_bytes(file.read_bytes()[:-1] + b"!")  # changed: not even shown to it
    start()
    assert fitted == [True]
    file.chmod(0o666)  # others may write to it
    start()
    assert fitted == [True]
    start()
    assert fitted == [True, True]
    cuda.gpu = "another"
    start()
    assert fitted == [True, True, False]
    start()
    assert fitted == [True, True, False, True]


def test_kernels_that_cannot_be_kept(
    bundle: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, "tensorrt-rtx")
    loaded, notices = ModelBundle.load(bundle), list[str]()
    AudioEncoder(loaded, Config(engine="tensorrt-rtx"), notices.append)
    (file,) = cache.glob("*.kernels")
    file.unlink()
    file.mkdir()
    AudioEncoder(loaded, Config(engine="tensorrt-rtx"), notices.append)
    assert f"keeping {file}: " in notices[-1]


def test_tensorrt_rtx_has_what_is_called() -> None:
    trt = pytest.importorskip("tensorrt_rtx", reason="pip install tensorrt-rtx")
    for real, fake in ((trt.IRuntimeConfig, RuntimeConfig), (trt.IRuntimeCache, RuntimeCache)):
        called = [name for name, value in vars(fake).items() if callable(value) and name[0] != "_"]
        assert not [name for name in called if not hasattr(real, name)]
    assert hasattr(trt.ICudaEngine, "create_runtime_config")


# TensorRT-RTX itself


def test_refusals_of_the_real_builder(tmp_path: Path, many_bundle: Path) -> None:
    pytest.importorskip("tensorrt_rtx", reason="pip install tensorrt-rtx")
    library = gate.Library("tensorrt-rtx")
    encoder = ModelBundle.load(many_bundle).audio_file("fp32")
    with pytest.raises(EngineError, match=r"--target 1\.2: .*7\.5, 8\.0"):
        gate.build_plan(library, encoder, 1, "1.2")
    (tmp_path / "none.onnx").write_bytes(b"not a graph")
    with pytest.raises(EngineError, match="TensorRT-RTX .* says"):
        gate.build_plan(library, tmp_path / "none.onnx", 1, "8.9")

    def stop(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gate.build_plan(library, encoder, 2, "8.9", stop)


@pytest.mark.skipif(not engines.has_gpu(), reason="no NVIDIA GPU")
def test_a_real_plan_runs(bundle: Path) -> None:
    for engine in installed():
        loaded = ModelBundle.load(bundle)
        mels = frames(20)
        np.testing.assert_allclose(
            hear(AudioEncoder(loaded, Config(engine=cast(Any, engine))), mels),
            hear(AudioEncoder(loaded, Config(engine="onnx")), mels),
            atol=1e-3,
        )


def test_the_binding_has_what_is_called() -> None:
    runtime = pytest.importorskip("cuda.bindings.runtime", reason="pip install cuda-bindings")
    missing = [name for name in vars(FakeCuda) if name[:4] == "cuda" and not hasattr(runtime, name)]
    assert not missing
