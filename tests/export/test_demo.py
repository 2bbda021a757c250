"""The demo scene: its script makes it again, and what its description says is so."""

from __future__ import annotations

import shutil
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import yaml
from numpy.typing import NDArray

from elsa_rt.audio.ambisonics import direction_from_angles
from elsa_rt.demo import demo_path, demo_prompts, demo_scene
from elsa_rt.features.intensity import FeatureSettings, IntensityFeatures
from export.scenes import demo as script

EVENTS = demo_scene()["events"]
each_event = pytest.mark.parametrize("event", EVENTS, ids=[e["label"] for e in EVENTS])


@lru_cache
def committed() -> tuple[NDArray[np.float32], int]:
    """The scene (4, n) as it ships, and its rate."""
    samples, rate = soundfile.read(demo_path(), dtype="float32")
    return np.ascontiguousarray(samples.T), rate


def level_db(foa: NDArray[np.float32], rate: int, start: float, end: float) -> float:
    """Power of W between two times in seconds."""
    return float(10 * np.log10(np.mean(foa[0, round(start * rate) : round(end * rate)] ** 2)))


def test_the_scene_is_small_and_of_the_promised_form() -> None:
    foa, rate = committed()
    about = demo_scene()
    assert soundfile.info(demo_path()).subtype == "PCM_16"
    assert foa.shape[0] == 4
    assert (rate, foa.shape[1] / rate) == (about["rate"], pytest.approx(about["seconds"], abs=1e-3))
    assert 18 < foa.shape[1] / rate < 22
    assert demo_path().stat().st_size <= 2.5e6
    assert 0.3 < np.abs(foa).max() < 0.99
    assert about["licence"] == "Apache-2.0"


def test_there_is_a_prompt_for_each_event_and_two_that_never_sound() -> None:
    prompts = demo_prompts()
    assert len(EVENTS) >= 4
    assert prompts[: len(EVENTS)] == tuple(event["prompt"] for event in EVENTS)
    assert len(prompts) == len(EVENTS) + 2 == len(set(prompts))


@each_event
def test_an_event_begins_and_ends_where_the_description_says(event: dict[str, Any]) -> None:
    foa, rate = committed()
    before = level_db(foa, rate, event["start_s"] - 0.2, event["start_s"] - 0.005)
    onset = level_db(foa, rate, event["start_s"] - 0.005, event["start_s"] + 0.05)
    assert onset > before + 10
    assert level_db(foa, rate, event["end_s"] + 0.4, event["end_s"] + 0.6) < onset - 10


@each_event
def test_the_direct_sound_comes_from_where_the_description_says(event: dict[str, Any]) -> None:
    # 1 ms hops of a 5 ms window: done before the walls answer
    foa, rate = committed()
    settings = FeatureSettings(
        rate=rate, hop=24, n_fft=128, window=128, mels=10, low_hz=100,
        direction_low_hz=200, direction_high_hz=6000,
    )  # fmt: skip
    first = round(event["start_s"] * rate)
    around = np.ascontiguousarray(foa[:, first - 24 * 20 : first + 24 * 8])
    flow = IntensityFeatures(settings).step(around).intensity[20:].sum(axis=0)
    truth = direction_from_angles(event["azimuth_deg"], event["elevation_deg"])
    angle = np.degrees(np.arccos(flow @ truth / np.linalg.norm(flow)))
    assert angle < 10


def test_the_background_lies_25_db_down_and_comes_from_all_around() -> None:
    foa, rate = committed()
    quiet = np.concatenate(
        [foa[:, : round(0.6 * rate)], foa[:, -round(0.8 * rate) :]], axis=1
    ).astype(float)
    loud = [level_db(foa, rate, e["start_s"], e["end_s"]) for e in EVENTS]
    noise_db = 10 * np.log10(np.mean(quiet[0] ** 2))
    assert np.mean(loud) - noise_db == pytest.approx(demo_scene()["snr_db"], abs=3)
    w, *rest = np.mean(quiet**2, axis=1)
    # a diffuse field holds a third of W's power in each of Y, Z, X
    assert np.array(rest) / w == pytest.approx(1 / 3, rel=0.35)


def test_the_script_makes_the_scene_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert EVENTS[0]["label"] == "speech"
    hiss = np.random.default_rng(0).uniform(-1, 1, 20_000).astype(np.float32)
    monkeypatch.setattr(script, "speak", lambda *_: hiss)
    scene = script.render()
    foa, rate = committed()
    assert scene.foa.shape == foa.shape
    # the speech depends on the release of espeak-ng: from the second event on all is the same
    first = round((EVENTS[1]["start_s"] - 0.05) * rate)
    np.testing.assert_allclose(scene.foa[:, first:], foa[:, first:], atol=1e-3)
    assert scene.description["events"][1:] == EVENTS[1:]
    without = {k: v for k, v in demo_scene().items() if k != "events"}
    assert {k: v for k, v in scene.description.items() if k != "events"} == without


@pytest.mark.skipif(
    shutil.which("espeak-ng") is None, reason="espeak-ng is not installed: apt-get install it"
)
def test_the_command_writes_the_sound_and_its_description(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert script.main(["-o", str(tmp_path / "new" / "scene.flac")]) == 0
    assert "6 sounds" in capsys.readouterr().out
    again, rate = soundfile.read(tmp_path / "new" / "scene.flac")
    assert (again.shape[1], rate) == (4, script.RATE)
    about = yaml.safe_load((tmp_path / "new" / "scene.yaml").read_text())
    assert [event["label"] for event in about["events"]] == [e.label for e in script.EVENTS]
    for event, wanted in zip(about["events"], script.EVENTS, strict=True):
        assert event["end_s"] - event["start_s"] <= wanted.seconds + 1e-3


def test_a_place_that_cannot_be_written_is_said_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = script.Scene(np.zeros((4, 100), np.float32), {"events": []})
    monkeypatch.setattr(script, "render", lambda: scene)
    (tmp_path / "file").write_text("in the way")
    assert script.main(["-o", str(tmp_path / "file" / "scene.flac")]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "-o" in said
