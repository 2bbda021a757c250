"""Several microphones: each hears what it would hear alone, in common runs of the engine."""

from __future__ import annotations

import pickle
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from elsa_rt import AudioEncoder, Config, Hearing, Listener, Listeners, ModelBundle
from elsa_rt.encoder.audio import StreamBatch
from elsa_rt.encoder.engines import load_model
from elsa_rt.errors import DeviceError, UsageError
from elsa_rt.testing import FakeMicrophone, SoundAt, scene, tiny_bundle
from tests.support.fake_cuda import install
from tests.support.tiny_bundle import free_streams, make_bundle, make_windowed_bundle

RATE = 16_000
PROMPTS = ["a hum", "a hiss"]
LONG_S = 20.0

Foa = NDArray[np.float32]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> AudioEncoder:
    path = free_streams(make_bundle(tmp_path_factory.mktemp("bundles") / "many"))
    return AudioEncoder(ModelBundle.load(path))


def rooms() -> dict[str, Foa]:
    """Three rooms of unlike length."""
    sources = {
        "kitchen": scene(SoundAt("hum", 1, 3, 90), seconds=4),
        "hall": scene(SoundAt("hiss", 0.5, 2, 180), SoundAt("hum", 3, 4.5, -90), seconds=6),
        "attic": scene(SoundAt("hiss", 1, 2, 0, 40), seconds=2.53),
    }
    return {name: np.concatenate([b.samples for b in one], axis=1) for name, one in sources.items()}


def alone(encoder: AudioEncoder, samples: Foa) -> list[Hearing]:
    listener = Listener(PROMPTS, (samples, RATE), encoder=encoder, on_notice=lambda _: None)
    return list(listener)


def make(encoder: AudioEncoder, sources: Any) -> Listeners:
    return Listeners(PROMPTS, sources, encoder=encoder, on_notice=lambda _: None)


def assert_same(found: list[Hearing], want: list[Hearing]) -> None:
    assert len(found) == len(want)
    for one, other in zip(found, want, strict=True):
        assert one.time_s == other.time_s
        assert [(a.id, a.state, a.words) for a in one.alerts] == [
            (a.id, a.state, a.words) for a in other.alerts
        ]
        np.testing.assert_allclose(one.embedding, other.embedding, atol=1e-5)
        np.testing.assert_allclose(one.direction, other.direction, atol=1e-5)
        assert one.flow_azimuth_deg == pytest.approx(other.flow_azimuth_deg)


@pytest.mark.parametrize("sizes", [(1_600, 1_600, 1_600), (1_600, 480, 1_000), (4_000, 160, 7_000)])
def test_pushing_together_is_hearing_alone(encoder: AudioEncoder, sizes: tuple[int, ...]) -> None:
    sounds = rooms()
    together = make(encoder, list(sounds))
    found: dict[str, list[Hearing]] = {name: [] for name in sounds}
    at = dict.fromkeys(sounds, 0)
    over: set[str] = set()
    while len(over) < len(sounds):
        blocks: dict[str, Any] = {}
        for name, size in zip(sounds, sizes, strict=True):
            if at[name] < sounds[name].shape[1]:
                blocks[name] = sounds[name][:, at[name] : at[name] + size]
                at[name] += size
            elif name not in over:
                over.add(name)
                found[name] += together._finish(name)
        for name, hearings in together.push(blocks, RATE).items():
            found[name] += hearings
    for name, samples in sounds.items():
        assert_same(found[name], alone(encoder, samples))


def test_the_engine_runs_once_for_all(
    encoder: AudioEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = make(encoder, ["one", "other"])
    runs: list[list[int]] = []
    batch = together._streams._batch  # type: ignore[attr-defined]
    whole = batch.step

    def step(mel: Foa, held: list[int]) -> Any:
        runs.append(held)
        return whole(mel, held)

    monkeypatch.setattr(batch, "step", step)
    block = np.zeros((4, 1_600), np.float32)
    for _ in range(5):
        heard = together.push({"one": block, "other": block}, RATE)
        assert [len(hearings) for hearings in heard.values()] == [1, 1]
    assert runs == [[]] * 5
    assert together.push({"one": block}, RATE) == {"one": [], "other": []}  # waits for the other
    heard = together.push({"one": block}, RATE)  # but not for longer than a step
    assert [len(hearings) for hearings in heard.values()] == [1, 0]
    assert runs[5:] == [[1]]


def test_they_are_not_copied(encoder: AudioEncoder) -> None:
    with pytest.raises(TypeError, match="hear their streams and cannot be pickled"):
        pickle.dumps(make(encoder, dict.fromkeys(rooms())))


def test_sources_are_heard_to_the_end_of_the_last(encoder: AudioEncoder) -> None:
    sounds = rooms()
    together = make(encoder, {name: (samples, RATE) for name, samples in sounds.items()})
    found: dict[str, list[Hearing]] = {name: [] for name in sounds}
    for name, hearing in together.hear():
        found[name].append(hearing)
    for name, samples in sounds.items():
        assert_same(found[name], alone(encoder, samples))


def test_a_microphone_that_fails_does_not_silence_the_others(encoder: AudioEncoder) -> None:
    broken, well = FakeMicrophone(), FakeMicrophone()
    sound = rooms()["kitchen"]
    for start in range(0, sound.shape[1], 1_600):
        well.give(sound[:, start : start + 1_600])
        if start < 1.5 * RATE:
            broken.give(sound[:, start : start + 1_600])
    broken.fail(DeviceError("unplugged"))
    well.end()
    told: list[str] = []
    together = Listeners(PROMPTS, {"broken": broken, "well": well}, encoder=encoder,
                         on_notice=told.append)  # fmt: skip
    found: dict[str, list[Hearing]] = {"broken": [], "well": []}

    def hear() -> None:
        for name, hearing in together.hear():
            found[name].append(hearing)

    with pytest.raises(DeviceError, match="unplugged"):
        hear()
    assert found["broken"][-1].state == "FAILED"
    assert "broken: unplugged" in told
    assert_same(found["well"], alone(encoder, sound))
    assert broken.closed >= 1


def test_leaving_closes_every_microphone(encoder: AudioEncoder) -> None:
    microphones = {"one": FakeMicrophone(), "other": FakeMicrophone()}
    before = set(threading.enumerate())
    with make(encoder, microphones) as together:
        for microphone in microphones.values():
            microphone.give(np.zeros((4, 1_600), np.float32))
        next(iter(together.hear()))
    assert all(microphone.closed for microphone in microphones.values())
    assert set(threading.enumerate()) <= before


def test_each_has_settings_and_rules_of_its_own(encoder: AudioEncoder) -> None:
    together = Listeners(
        PROMPTS, ["one", "other"], {"one": Config(), "other": Config(mount="inverted")},
        encoder=encoder, on_notice=lambda _: None,
    )  # fmt: skip
    sound = rooms()["kitchen"]
    together["one"].change_rules(["a hiss"])
    heard = together.push({"one": sound[:, :32_000], "other": sound[:, :32_000]}, RATE)
    assert [len(hearings[-1].scores) for hearings in heard.values()] == [1, 2]
    assert [a.words for h in heard["other"] for a in h.alerts] == ["right"]
    assert repr(together) == "<Listeners one, other>"


def test_a_model_of_windows_hears_its_streams_in_turn(tmp_path: Path) -> None:
    encoder = AudioEncoder(ModelBundle.load(make_windowed_bundle(tmp_path / "windowed")))
    sounds = rooms()
    together = make(encoder, {name: (samples, RATE) for name, samples in sounds.items()})
    counts = dict.fromkeys(sounds, 0)
    for name, _ in together.hear():
        counts[name] += 1
    assert counts == {name: len(alone(encoder, samples)) for name, samples in sounds.items()}


@pytest.mark.parametrize("engine", ["onnx", "tensorrt"])
def test_held_streams_keep_their_state(
    encoder: AudioEncoder, monkeypatch: pytest.MonkeyPatch, engine: Any
) -> None:
    if engine == "tensorrt":
        install(monkeypatch)
    mel = np.random.default_rng(1).uniform(-1, 1, (6, 2, 10, 8, 64)).astype(np.float32)
    model = load_model(encoder.bundle, Config(engine=engine), 2, list[str]().append)
    batch, want = (StreamBatch(encoder.bundle, model) for _ in range(2))
    steps = [batch.step(one, [1] if index % 2 else []) for index, one in enumerate(mel)]
    first = [want.step(one)[0] for one in mel]
    want.reset()
    second = [want.step(one)[1] for one in mel[::2]]
    for sounds, one in zip(steps, first, strict=True):
        np.testing.assert_allclose(sounds[0].embedding, one.embedding, atol=1e-6)
    for sounds, other in zip(steps[::2], second, strict=True):
        np.testing.assert_allclose(sounds[1].embedding, other.embedding, atol=1e-6)


def test_a_graph_for_one_stream_is_run_for_each() -> None:
    encoder = AudioEncoder(tiny_bundle())
    sounds = rooms()
    together = make(encoder, {name: (samples, RATE) for name, samples in sounds.items()})
    counts = dict.fromkeys(sounds, 0)
    for name, _ in together.hear():
        counts[name] += 1
    assert counts == {name: len(alone(encoder, samples)) for name, samples in sounds.items()}


def test_refusals(encoder: AudioEncoder) -> None:
    for sources in ((), {}, "kitchen", 3, [1, 2], {1: None}):
        with pytest.raises(UsageError):
            make(encoder, sources)
    together = make(encoder, ["one", "other"])
    with pytest.raises(UsageError, match="there is no listener 'attic': there are one, other"):
        together["attic"]
    for blocks in (3, np.zeros((4, 10)), {"attic": np.zeros((4, 10), np.float32)}, {"one": "text"}):
        with pytest.raises((UsageError, DeviceError.__mro__[1])):
            together.push(blocks, RATE)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="there is none for 'other'"):
        Listeners(PROMPTS, ["one", "other"], {"one": Config()}, encoder=encoder)
