"""A long recording is heard in pieces side by side, and the report is that of the whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from elsa_rt.cli import main
from elsa_rt.config import Config
from elsa_rt.hearing import Hearing
from elsa_rt.recordings.pieces import read_header
from elsa_rt.screens.report import hear, steps
from elsa_rt.screens.report.collect import Collected
from elsa_rt.screens.report.hear import (
    StepListener,
    hear_parted,
    hear_whole,
    is_parted,
    length_of_pieces,
)
from elsa_rt.sources.files import FileSource
from tests.memory.recordings import RATE, write_recording

SECONDS = 70


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sounds of a second each, a stretch of digital silence, and one channel that is dead then."""
    path = write_recording(tmp_path_factory.mktemp("long") / "long.wav", SECONDS, seed=5)
    samples, rate = soundfile.read(path, dtype="int16")
    samples[24 * RATE : 30 * RATE] = 0
    samples[30 * RATE :, 3] = 0
    soundfile.write(path, samples, rate)
    return path


@dataclass
class Labelled(Collected):
    """Keeps the nearest known sound of each step as well; "" where there is none."""

    nearest: list[str] = field(default_factory=list)

    def take(self, hearing: Hearing) -> None:
        self.nearest.append(hearing.labels[0].name if hearing.labels else "")
        super().take(hearing)


def heard(way: Any, path: Path, bundle: Path, said: list[str], **more: Any) -> Labelled:
    config = Config(bundle=str(bundle), why=True, known_sounds=2)
    listener = StepListener(["hum", "hiss on the left"], config=config, on_notice=said.append)
    features, step_frames = listener.bundle.features, listener.bundle.step_frames
    found = Labelled.start(features, step_frames, 0.5, round(SECONDS / listener.bundle.step_s))
    assert isinstance(found, Labelled)
    done = list[float]()
    with FileSource(path, config, said.append) as source:
        whole = way is hear_whole
        way(listener, source if whole else read_header(path), found, done.append, **more)
    found.finish()
    assert sum(done) == pytest.approx(SECONDS)
    return found


def events(found: Collected) -> list[tuple[Any, ...]]:
    return [
        (start.rule, round(start.time_s, 2), round(start.azimuth_deg), round(last.score, 2),
         round(last.duration_s or 0, 2))
        for start, last in found.alerts.values()
    ]  # fmt: skip


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_pieces_give_the_report_of_the_whole(
    jobs: int, long: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hear, "length_of_pieces", lambda *_: 16.0)
    monkeypatch.setattr(steps, "SENT_S", 5.0)  # each piece in several parts
    notices: list[list[str]] = [[], []]
    whole = heard(hear_whole, long, bundle, notices[0])
    parted = heard(hear_parted, long, bundle, notices[1], jobs=jobs)
    assert len(events(whole)) > 8
    assert events(parted) == events(whole)
    misses = [
        [(miss.reason.rule, round(miss.start_s, 2)) for miss in found.near
         if not 30 < miss.start_s < 32]  # the end of deafness is seen half a second apart
        for found in (whole, parted)
    ]  # fmt: skip
    assert misses[0] == misses[1]
    assert {"hum", "hiss"} <= set(whole.nearest)
    pairs = list(zip(whole.nearest, parted.nearest, strict=True))
    assert sum(one == other for one, other in pairs) > 0.97 * len(pairs)
    assert any("digital silence" in notice for notice in notices[1])
    assert any("channel 4" in notice for notice in notices[1])
    count = round(SECONDS / 0.1)
    np.testing.assert_allclose(parted.steps()[:, :count], whole.steps()[:, :count], atol=0.5)
    levels = [found.picture[:, :, 0].astype(int) for found in (whole, parted)]
    assert np.abs(levels[0] - levels[1]).max() <= 2


def test_what_is_damaged_is_heard_up_to_there(
    long: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(hear, "length_of_pieces", lambda *_: 16.0)
    samples, rate = soundfile.read(long, dtype="int16")
    path = tmp_path / "damaged.flac"
    soundfile.write(path, samples, rate)
    raw = bytearray(path.read_bytes())
    middle = len(raw) // 2
    raw[middle : middle + 4000] = bytes(4000)
    path.write_bytes(raw)
    config = Config(bundle=str(bundle), why=True, known_sounds=2)
    said: list[str] = []
    listener = StepListener(["hum"], config=config, on_notice=said.append)
    found = Collected.start(listener.bundle.features, listener.bundle.step_frames, 0.5, 700)
    hear_parted(listener, read_header(path), found, lambda _: None, jobs=1)
    assert len(found.alerts) >= 3
    assert any("the rest of it is not heard" in notice for notice in said)


def test_only_long_recordings_are_parted(long: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = read_header(long)
    assert not is_parted(recording)
    monkeypatch.setattr(hear, "LONG_S", 60.0)
    assert is_parted(recording)


@pytest.mark.parametrize(
    ("jobs", "seconds", "length_s"),
    [(1, 86_400, 86_400), (2, 400, 300), (2, 720, 360), (2, 7200, 3600), (2, 86_397, 3600),
     (7, 86_400, 3086)],
)  # fmt: skip
def test_pieces_are_whole_steps_and_shared_by_all(
    jobs: int, seconds: float, length_s: float
) -> None:
    assert length_of_pieces(seconds, 0.08, jobs) == length_s


@pytest.mark.slow
def test_the_command_hears_a_long_recording_on_two_processes(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_recording(tmp_path / "long.flac", hear.LONG_S + 1, seed=6)
    target = tmp_path / "long.html"
    argv = ["report", str(path), "--prompt", "hum", "-o", str(target), "--bundle", str(bundle)]
    assert main([*argv, "--jobs", "2"]) == 0
    assert "long.html: " in capsys.readouterr().out
    assert "15:01 of sound" in target.read_text("utf-8")
