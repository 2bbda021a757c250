"""Windowed bundles: exact streaming, the window, the beam, the place by physics, refusals."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from math import isnan
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

import elsa_rt
from elsa_rt.audio.ambisonics import direction_from_angles
from elsa_rt.encoder.audio import AudioEncoder
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.encoder.output import EncoderOutput
from elsa_rt.encoder.window import BEAMS, SlidingWindow, WindowSettings
from elsa_rt.errors import BundleError, UsageError
from elsa_rt.features.intensity import IntensityFeatures
from elsa_rt.screens.terminal.picture import Picture
from elsa_rt.screens.terminal.signs import UNICODE
from elsa_rt.screens.terminal.state import State
from elsa_rt.screens.terminal.style import plain
from elsa_rt.testing import sound
from tests.support.contract import ODD_SIZES, check_streaming, splits
from tests.support.tiny_bundle import WINDOW_S, make_windowed_bundle, rewrite

RATE = 16_000
WINDOW = round(WINDOW_S * RATE)
STEP = RATE // 10


@pytest.fixture(scope="module")
def windowed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_windowed_bundle(tmp_path_factory.mktemp("bundles") / "windowed")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return make_windowed_bundle(tmp_path / "windowed")


class OnFoa:
    """Features and encoder together, as the listener has them, counted in samples."""

    def __init__(self, encoder: AudioEncoder) -> None:
        self._features = IntensityFeatures(encoder.bundle.features)
        self._stream = encoder.streams().lanes[0]
        self.block = encoder.bundle.step_samples
        self.latency = self._stream.latency * encoder.bundle.features.hop

    def step(self, foa: NDArray[np.float32]) -> list[EncoderOutput]:
        return self._stream.step(self._features.step(foa), foa)

    def reset(self) -> None:
        self._features.reset()
        self._stream.reset()


def stacked(outputs: list[list[EncoderOutput]]) -> list[NDArray[np.float32]]:
    sounds = [sound for output in outputs for sound in output]
    return [np.stack(values) for values in zip(*sounds, strict=True)]


@pytest.mark.parametrize("sizes", [(1,), *((size,) for size in ODD_SIZES[1:]), (700, 80, 3000)])
def test_sliding_window_is_the_newest_samples(sizes: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).normal(size=(2, 2000)).astype(np.float32)
    window = SlidingWindow(2, 700)
    position = 0
    while position < x.shape[1]:
        size = sizes[position % len(sizes)]
        window.push(x[:, position : position + size])
        position = min(position + size, x.shape[1])
        known = np.hstack([np.zeros((2, 700), np.float32), x[:, :position]])[:, -700:]
        np.testing.assert_array_equal(window.view(), known)
        assert window.view()[0].flags.c_contiguous
    window.reset()
    assert not window.view().any()


@pytest.mark.parametrize("beam", BEAMS)
def test_any_split_gives_the_same_bits(
    tmp_path: Path, scene: NDArray[np.float32], beam: str
) -> None:
    encoder = AudioEncoder(ModelBundle.load(make_windowed_bundle(tmp_path / "b", beam)))
    embedding, direction, activity, distance = check_streaming(
        lambda: OnFoa(encoder), scene[:, :25_000], stacked, sizes=(63, 481, STEP, 5001)
    )
    assert embedding.shape == (15, 1, 512)
    np.testing.assert_allclose(np.linalg.norm(embedding, axis=2), 1, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(direction, axis=2), 1, atol=1e-5)
    assert ((activity >= 0) & (activity <= 1)).all()
    assert np.isnan(distance).all()


def test_each_step_embeds_the_window_that_ends_with_it(
    windowed: Path, scene: NDArray[np.float32]
) -> None:
    sounds = OnFoa(AudioEncoder(ModelBundle.load(windowed))).step(scene)
    session = onnxruntime.InferenceSession(str(windowed / "audio_encoder.onnx"))
    padded = np.pad(scene[:1], ((0, 0), (WINDOW, 0)))
    for step in (0, 3, 14, 41, 59):
        end = WINDOW + (step + 1) * STEP
        (wanted,) = session.run(None, {"samples": padded[:, end - WINDOW : end]})
        np.testing.assert_allclose(sounds[step].embedding, wanted, atol=1e-6)


@pytest.mark.parametrize(("azimuth", "elevation"), [(90, 0), (-60, 30), (180, -45)])
def test_a_plane_wave_is_found(windowed: Path, azimuth: float, elevation: float) -> None:
    foa = sound("hum", 1, azimuth, elevation)
    heard = OnFoa(AudioEncoder(ModelBundle.load(windowed))).step(foa)[5]
    wanted = direction_from_angles(azimuth, elevation)
    assert float(heard.direction[0] @ wanted) > np.cos(np.radians(1))
    assert heard.activity[0] > 0.99


def test_steady_noise_does_not_bend_the_direction(windowed: Path) -> None:
    steady = sound("hiss", 30, -90, level=0.01)
    knock = sound("hum", 0.05, 90, level=0.05)
    steady[:, 28 * RATE : 28 * RATE + knock.shape[1]] += knock
    encoder = AudioEncoder(ModelBundle.load(windowed))
    before, heard = OnFoa(encoder).step(steady)[279:281]
    assert before.activity[0] < 0.1
    assert heard.direction[0] @ [0, 1, 0] > 0.9


@pytest.mark.parametrize("beam", ["cardioid", "hypercardioid"])
def test_the_beam_leaves_out_what_is_elsewhere(tmp_path: Path, beam: str) -> None:
    share = BEAMS[beam]
    null = np.degrees(np.arccos(-share / (1 - share)))
    before, now = sound("hum", 0.3, null, level=0.3), sound("hiss", 0.2, 0, level=0.1)
    words = ["a hum", "a hiss"]
    scores = {}
    for pattern in ("omni", beam):
        bundle = make_windowed_bundle(tmp_path / pattern, pattern)
        listener = elsa_rt.Listener(words, bundle=str(bundle))
        *_, last = listener.push(elsa_rt.Block(np.hstack([before, now]), RATE))
        scores[pattern] = [score.score for score in last.scores]
        assert abs(last.azimuth_deg) < 1
    assert scores["omni"][0] > 0.5, "without a beam the hum in the window wins"
    assert scores[beam][1] > 0.5
    assert scores[beam][0] < 0.1


def hear(bundle: Path, foa: NDArray[np.float32], prompts: list[str]) -> list[elsa_rt.Hearing]:
    notices: list[str] = []
    listener = elsa_rt.Listener(prompts, bundle=str(bundle), on_notice=notices.append)
    hearings = listener.push(elsa_rt.Block(foa, RATE)) + listener.finish()
    assert not notices
    return hearings


def test_prompts_are_heard_in_their_region_alone(
    windowed: Path, scene: NDArray[np.float32]
) -> None:
    prompts = ["a hum", "a hum on the left", "a hum behind me", "a hiss behind me", "on the left"]
    hearings = hear(windowed, scene, prompts)
    started = {
        alert.prompt: alert for h in hearings for alert in h.alerts if alert.state == "start"
    }
    assert {"a hum", "a hum on the left", "a hiss behind me"} <= started.keys()
    assert "a hum behind me" not in started
    assert started["a hum on the left"].azimuth_deg == pytest.approx(90, abs=2)
    assert 1.0 < started["a hum on the left"].time_s <= 1.4
    during = [h for h in hearings if 1.5 < h.time_s < 2.9]
    assert all(h.scores[1].similarity == h.scores[0].similarity for h in during)
    assert all(h.scores[2].score == 0 for h in during)


def test_a_model_with_state_reads_prompts_whole(bundle: Path, windowed: Path) -> None:
    for path, whole in ((bundle, True), (windowed, False)):
        loaded = ModelBundle.load(path)
        bank = elsa_rt.PromptBank.encode(loaded, ["a hum on the left"])
        assert bank.regions[0].azimuth_deg == (35, 145)
        alone = elsa_rt.embed_text(["a hum"], loaded)
        assert np.allclose(bank.embedding, alone, atol=1e-6) is not whole


def test_a_distance_that_cannot_be_heard_is_said(windowed: Path) -> None:
    bank = elsa_rt.PromptBank.encode(ModelBundle.load(windowed), ["a hum nearby", "a hiss"])
    assert bank.notices == (
        "the prompt 'a hum nearby' names a distance, which is heard too roughly: it is not "
        "checked; give the rule a region with a distance if it should be",
    )


def test_lost_samples_and_latencies(windowed: Path, scene: NDArray[np.float32]) -> None:
    listener = elsa_rt.Listener(["a hum"], bundle=str(windowed))
    hearings = listener.push(elsa_rt.Block(scene[:, : 2 * STEP], RATE))
    lost = elsa_rt.Block(scene[:, 5 * STEP : 7 * STEP], RATE, start=5 * STEP, dropped=3 * STEP)
    hearings += listener.push(lost)
    assert [h.dropped for h in hearings] == [0, 0, 3 * STEP, 3 * STEP]
    assert [h.time_s for h in hearings] == pytest.approx([0.1, 0.2, 0.6, 0.7])
    assert listener.latencies_s == {"resampling": 0, "features": 256 / RATE, "step": 0.1}


def test_a_listener_begins_anew(windowed: Path, scene: NDArray[np.float32]) -> None:
    listener = elsa_rt.Listener(["a hum"], bundle=str(windowed))
    first = listener.push(elsa_rt.Block(scene[:, : 2 * RATE], RATE))
    listener.reset()
    for pieces in splits(2 * RATE, (481,)):
        position, again = 0, []
        for size in pieces:
            again += listener.push(elsa_rt.Block(scene[:, position : position + size], RATE))
            position += size
        assert [h.scores for h in again] == [h.scores for h in first]
        listener.reset()


def test_command_line(windowed: Path, recording: Path, command: list[str], tmp_path: Path) -> None:
    prompt = ["--prompt", "a hum on the left"]
    done = subprocess.run(
        [*command, "listen", str(recording), "--bundle", str(windowed), *prompt],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {line["distance_m"] for line in lines if line["type"] == "hearing"} == {None}
    alerts = [line for line in lines if line["type"] == "alert"]
    assert [alert["state"] for alert in alerts] == ["start", "end"]
    assert alerts[0]["prompt"] == "a hum on the left"
    target = tmp_path / "out.npz"
    subprocess.run(
        [*command, "embed", str(recording), "-o", str(target), "--bundle", str(windowed)],
        check=True, capture_output=True,
    )  # fmt: skip
    with np.load(target) as stored:
        assert stored["embedding"].shape == (60, 512)
        assert np.isnan(stored["distance_m"]).all()


def test_the_screen_leaves_out_a_distance_that_is_not_known(
    windowed: Path, scene: NDArray[np.float32]
) -> None:
    hearing = hear(windowed, scene[:, :RATE], ["a hum"])[-1]
    assert isnan(hearing.distance_m)
    state = State("scene.wav", "tiny 1")
    state.take(hearing)
    drawn = "\n".join(map(plain, Picture(state, UNICODE).lines(100, 30)))
    assert "az " in drawn
    assert "nan" not in drawn


REFUSED: dict[str, tuple[Callable[[Path], None], str]] = {
    "no window": (lambda p: rewrite(p, window=None), "window is nothing, a dict is needed"),
    "a key too many": (
        lambda p: rewrite(p, window={"seconds": 0.5, "beam": "omni", "hop": 1}),
        "the window settings hop do not fit this version",
    ),
    "a strange beam": (
        lambda p: rewrite(p, window={"seconds": 0.5, "beam": "laser"}),
        "beam 'laser' is unknown: choose omni | cardioid | hypercardioid",
    ),
    "no number": (
        lambda p: rewrite(p, window={"seconds": "long", "beam": "omni"}),
        "window setting seconds is 'long', a float is needed",
    ),
    "a window of nothing": (
        lambda p: rewrite(p, window={"seconds": 0, "beam": "omni"}), "0 seconds are not in 0..60",
    ),
    "steps past the window": (
        lambda p: rewrite(p, step_frames=60), "the window of 0.5 s is shorter than the step of 0.6",
    ),
    "two sources": (lambda p: rewrite(p, slots=2), "slots is 2, a windowed encoder has 1"),
    "another window": (
        lambda p: rewrite(p, window={"seconds": 1.0, "beam": "omni"}),
        r"takes samples as .*1, 8000.*asks for .*1, 16000",
    ),
    "another embedding": (lambda p: rewrite(p, embedding=256), "gives embedding as"),
    "state that is not there": (
        lambda p: rewrite(p, kind="stateful", window=None), "it takes frames as None",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_manifest_that_lies(path: Path, case: str) -> None:
    change, said = REFUSED[case]
    change(path)
    with pytest.raises(BundleError, match=said):
        elsa_rt.Listener(["a hum"], bundle=str(path))


def test_settings_are_checked() -> None:
    with pytest.raises(UsageError, match="61 seconds are not in"):
        WindowSettings(seconds=61)


def test_a_model_that_gives_no_numbers(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = np.full((1, 512), np.nan, np.float32)
    monkeypatch.setattr("elsa_rt.encoder.onnx.OnnxWindow.run", lambda *_: nothing)
    with pytest.raises(BundleError, match="gives NaN: export the bundle again"):
        AudioEncoder(ModelBundle.load(path))
