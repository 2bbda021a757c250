"""The audio encoder through ONNX Runtime: exact streaming, separate streams, clear refusals."""

from __future__ import annotations

import copy
import pickle
import tracemalloc
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from elsa_rt.config import Config
from elsa_rt.encoder.audio import AudioEncoder
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.encoder.output import EncoderOutput, EncoderStream
from elsa_rt.errors import BundleError, EngineError, UsageError
from elsa_rt.features.intensity import Frames
from tests.support.contract import check_declared, check_streaming
from tests.support.tiny_bundle import make_bundle, rehash, rewrite


@pytest.fixture(scope="module")
def encoder(bundle: Path) -> AudioEncoder:
    return AudioEncoder(ModelBundle.load(bundle))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return make_bundle(tmp_path / "tiny")


def mel(hops: int, seed: int = 0) -> NDArray[np.float32]:
    frames = np.random.default_rng(seed).uniform(-0.5, 0.5, (hops, 8, 64)).astype(np.float32)
    frames[:, 0] *= 10
    frames[:, 0] -= 10
    return frames


class OnMel:
    """A stream of the encoder that is given nothing but mel frames."""

    def __init__(self, encoder: AudioEncoder) -> None:
        self._stream: EncoderStream = encoder.streams().lanes[0]
        self.block, self.latency = self._stream.block, self._stream.latency
        self.reset = self._stream.reset

    def step(self, mel: NDArray[np.float32]) -> list[EncoderOutput]:
        nothing = np.zeros(len(mel), np.float32)
        frames = Frames(mel, np.zeros((len(mel), 3), np.float32), *3 * [nothing])
        return self._stream.step(frames, np.zeros((4, 0), np.float32))


def stacked(outputs: list[list[EncoderOutput]]) -> list[NDArray[np.float32]]:
    sounds = [sound for output in outputs for sound in output]
    return [np.stack(values) for values in zip(*sounds, strict=True)]


def test_any_split_gives_the_same_sounds(encoder: AudioEncoder) -> None:
    embedding, direction, activity, distance = check_streaming(
        lambda: OnMel(encoder), mel(507), stacked, axis=0, tolerance=1e-4, sizes=(1, 7, 10, 63, 481)
    )
    assert embedding.shape == (50, 1, 512)
    np.testing.assert_allclose(np.linalg.norm(embedding, axis=2), 1, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(direction, axis=2), 1, atol=1e-5)
    assert activity.shape == distance.shape == (50, 1)
    assert ((activity >= 0) & (activity <= 1)).all()


def test_waits_as_declared(encoder: AudioEncoder) -> None:
    check_declared(lambda: OnMel(encoder), mel(962), len, axis=0)
    assert OnMel(encoder).latency == 10


def test_the_state_matters(encoder: AudioEncoder) -> None:
    again = (
        OnMel(encoder).step(mel(10)),
        OnMel(encoder).step(np.concatenate([mel(30), mel(10)])),
    )
    assert np.abs(again[0][0].embedding - again[1][3].embedding).max() > 1e-3


def test_streams_do_not_hear_each_other(encoder: AudioEncoder) -> None:
    alone = [OnMel(encoder).step(mel(60, seed)) for seed in (1, 2)]
    streams = [OnMel(encoder), OnMel(encoder)]
    together: list[list[EncoderOutput]] = [[], []]
    for start in range(0, 60, 15):
        for stream, heard, seed in zip(streams, together, (1, 2), strict=True):
            heard += stream.step(mel(60, seed)[start : start + 15])
    for one, other in zip(alone, together, strict=True):
        for values, others in zip(stacked([one]), stacked([other]), strict=True):
            np.testing.assert_array_equal(values, others)


def test_sounds_are_copies(encoder: AudioEncoder) -> None:
    stream = OnMel(encoder)
    (first,) = stream.step(mel(10))
    before = [values.copy() for values in first]
    stream.step(mel(50, 9))
    for values, kept in zip(first, before, strict=True):
        np.testing.assert_array_equal(values, kept)


def test_a_pickle_is_loaded_where_it_arrives(encoder: AudioEncoder) -> None:
    again = pickle.loads(pickle.dumps(encoder))
    assert again is not encoder
    assert again.config == encoder.config
    assert again.bundle.files == encoder.bundle.files
    for heard, others in zip(OnMel(encoder).step(mel(30)), OnMel(again).step(mel(30)), strict=True):
        np.testing.assert_array_equal(heard.embedding, others.embedding)
    assert copy.deepcopy(encoder) is encoder  # immutable


def test_memory_stays_flat(encoder: AudioEncoder) -> None:
    stream = OnMel(encoder)
    frames = mel(10)
    kept = []
    tracemalloc.start()
    for _ in range(2):  # in the first round Python's free lists fill
        for _ in range(2500):
            stream.step(frames)
        kept.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert kept[1] - kept[0] < 10_000


@pytest.mark.parametrize("shape", [(10, 8), (10, 8, 40), (10, 7, 64)])
def test_wrong_frames(encoder: AudioEncoder, shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match=r"\(hops, 8, 64\) are needed"):
        OnMel(encoder).step(np.zeros(shape, np.float32))


def test_a_model_that_gives_no_numbers(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = [np.full(shape, np.nan, np.float32) for shape in ((1, 1, 512), (1, 1, 3), (1, 1))]
    monkeypatch.setattr("elsa_rt.encoder.onnx.OnnxRun.run", lambda *_: [*heard, heard[2]])
    with pytest.raises(BundleError, match="gives NaN: export the bundle again"):
        AudioEncoder(ModelBundle.load(path))


def test_unknown_engine(path: Path) -> None:
    with pytest.raises(UsageError, match="--engine 'quantum' is unknown: choose auto"):
        AudioEncoder(ModelBundle.load(path), Config(engine="quantum"))  # type: ignore[arg-type]


def test_graph_that_is_none(path: Path) -> None:
    (path / "audio_encoder.onnx").write_bytes(b"not a graph")
    rehash(path)
    with pytest.raises(EngineError, match=r"loading .*audio_encoder\.onnx: ONNX Runtime .* says"):
        AudioEncoder(ModelBundle.load(path))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"step_frames": 20}, r"takes frames as .*1, 10, 8, 64.*asks for .*1, 20, 8, 64"),
        ({"slots": 2}, "gives activity as .*1, 1.*asks for .*1, 2"),
        ({"embedding": 256}, "gives embedding as"),
    ],
)
def test_graph_that_does_not_fit_the_manifest(
    path: Path, changes: dict[str, int], said: str
) -> None:
    rewrite(path, **changes)
    with pytest.raises(BundleError, match=said):
        AudioEncoder(ModelBundle.load(path))


def test_state_that_leads_nowhere(path: Path) -> None:
    file = path / "audio_encoder.onnx"
    model = onnx.load(str(file))
    outputs = [value for value in model.graph.output if value.name != "next_level"]
    del model.graph.output[:]
    model.graph.output.extend(outputs)
    onnx.save(model, str(file))
    rehash(path)
    with pytest.raises(BundleError, match="gives next_level as None"):
        AudioEncoder(ModelBundle.load(path))
