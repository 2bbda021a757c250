"""Clips of alerts: what is in them, which are kept, and which must not be."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from elsa_rt.demo import demo_path, demo_prompts
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.errors import UsageError
from elsa_rt.hearing import Alert, Hearing
from elsa_rt.listener import Listener
from elsa_rt.outputs.base import Surroundings
from elsa_rt.outputs.clips import ClipsOutput, ClipsSettings
from elsa_rt.scoring.known_sounds import KnownSounds
from elsa_rt.scoring.speech import speech_detector
from tests.support.hearings import alert, hearing, until

RATE, STEP = 1_000, 100


def opened(directory: Path, notices: list[str] | None = None, **settings: Any) -> ClipsOutput:
    given: dict[str, Any] = {
        "directory": str(directory),
        "speech": "allow",
        "pre_s": 1.0,
        "post_s": 0.5,
    }
    on_notice = pytest.fail if notices is None else notices.append
    around = Surroundings(on_notice, rate=RATE, step_samples=STEP, is_speech=is_speech)
    return ClipsSettings(**given | settings).open(around)


def is_speech(hearing: Hearing) -> bool:
    return hearing.words == "speech"


def ramp(seconds: float) -> NDArray[np.float32]:
    """Four channels whose samples tell their own time: sample i is i / 10^5."""
    return np.tile(np.arange(round(seconds * RATE), dtype=np.float32) / 1e5, (4, 1))


def play(output: ClipsOutput, events: dict[float, list[Alert]], seconds: float = 10.0,
         speech_s: tuple[float, float] = (-1, -1)) -> None:  # fmt: skip
    """Hear a ramp in steps, with ``events`` by the time of their step."""
    samples = ramp(seconds)
    for step in range(round(seconds * RATE / STEP)):
        output.hear(samples[:, step * STEP : (step + 1) * STEP])
        time_s = round((step + 1) * STEP / RATE, 3)
        words = "speech" if speech_s[0] <= time_s <= speech_s[1] else "left"
        output.show(hearing(time_s, *events.get(time_s, ()), words=words))


def event(id: str, start_s: float, onset_s: float, end_s: float, **fields: Any) -> dict[float, Any]:
    end = alert(id, "end", onset_s=onset_s, duration_s=end_s - onset_s, **fields)
    return {start_s: [alert(id, onset_s=onset_s, **fields)], round(end_s + 0.5, 3): [end]}


def test_a_clip_holds_the_whole_sound_from_before_its_onset(tmp_path: Path) -> None:
    output = opened(tmp_path)
    play(output, event("a1", 3.5, 3.0, 5.0))
    output.close()
    samples, rate = soundfile.read(tmp_path / "glass-behind" / "a1.flac", dtype="float64")
    assert (rate, samples.shape[1]) == (RATE, 4)
    assert np.allclose(samples[:, 0] * 1e5, np.arange(2_000, 5_500), atol=0.02)
    about = json.loads((tmp_path / "glass-behind" / "a1.json").read_text())
    assert (about["id"], about["state"], about["clip_begins_s"]) == ("a1", "end", 2.0)
    assert json.loads(soundfile.SoundFile(tmp_path / "glass-behind" / "a1.flac").comment) == about
    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("*/*")} == {0o600}


def test_a_long_sound_is_cut_and_one_that_goes_on_at_the_end_is_kept(tmp_path: Path) -> None:
    output = opened(tmp_path, max_s=2.0)
    play(output, {1.5: [alert("long", onset_s=1.0)], 9.0: [alert("late", onset_s=8.5)]})
    output.close()
    long, _ = soundfile.read(tmp_path / "glass-behind" / "long.flac")
    late, _ = soundfile.read(tmp_path / "glass-behind" / "late.flac")
    assert np.allclose(long[[0, -1], 0] * 1e5, [0, 3_499], atol=0.02)
    assert np.allclose(late[[0, -1], 0] * 1e5, [7_500, 9_999], atol=0.02)


def test_streams_one_after_the_other_and_lost_sound_have_their_clips(tmp_path: Path) -> None:
    output = opened(tmp_path)
    play(output, event("a1", 3.5, 3.0, 5.0) | {9.0: [alert("open", onset_s=8.5)]})
    play(output, event("a2", 3.5, 3.0, 5.0))  # a stream that begins again
    samples = ramp(10)
    lost_s = 60.0  # stream time goes on, sound does not
    for step in range(100):
        output.hear(samples[:, step * STEP : (step + 1) * STEP])
        time_s = round(70 + (step + 1) * STEP / RATE, 3)
        told = event("a3", 10 + lost_s + 3.5, 10 + lost_s + 3.0, 10 + lost_s + 5.0)
        output.show(hearing(time_s, *told.get(time_s, ())))
    output.close()
    for name in ("a1", "a2", "a3"):
        clip, _ = soundfile.read(tmp_path / "glass-behind" / f"{name}.flac", dtype="float64")
        assert np.allclose(clip[:, 0] * 1e5, np.arange(2_000, 5_500), atol=0.02), name
    clip, _ = soundfile.read(tmp_path / "glass-behind" / "open.flac")
    assert np.allclose(clip[[0, -1], 0] * 1e5, [7_500, 9_999], atol=0.02)


def test_the_best_of_each_rule_stay(tmp_path: Path) -> None:
    output = opened(tmp_path, per_rule=2)
    for id, peak in (("a", 0.5), ("b", 0.9), ("c", 0.7), ("d", 0.4)):
        play(output, event(id, 3.5, 3.0, 5.0, peak=peak, score=peak))
    play(output, event("other", 3.5, 3.0, 5.0, rule="bang", peak=0.1))
    output.close()
    assert sorted(path.stem for path in (tmp_path / "glass-behind").glob("*.flac")) == ["b", "c"]
    assert sorted(path.stem for path in (tmp_path / "glass-behind").glob("*.json")) == ["b", "c"]
    assert [path.stem for path in (tmp_path / "bang").glob("*.flac")] == ["other"]


def test_the_quota_holds_over_all_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(1).uniform(-1, 1, (4, 10 * RATE)).astype(np.float32)
    monkeypatch.setattr("tests.outputs.test_clips.ramp", lambda seconds: noise)
    output = opened(tmp_path, quota_mb=1.0, pre_s=60.0, max_s=40.0)
    for number in range(16):  # of 0.12 MB each
        peak = 0.5 + (number * 5 % 16) / 100
        play(output, event(f"a{peak:.2f}", 9.0, 8.5, 9.4, peak=peak, rule=f"r{number % 2}"))
        until(lambda: output.worker.waiting == 0)
    output.close()
    found = sorted(tmp_path.glob("*/*.flac"))
    assert 0.7e6 < sum(path.stat().st_size for path in found) <= 1e6
    assert sorted(path.stem for path in found)[-1] == "a0.65"
    assert "a0.50" not in {path.stem for path in found}


def test_no_clip_while_speech_is_heard(tmp_path: Path) -> None:
    for spoken, expected in (((2.5, 2.6), []), ((5.2, 5.4), []), ((0.2, 1.5), ["a1"])):
        directory = tmp_path / str(spoken[0])
        output = opened(directory, speech="never")
        play(output, event("a1", 3.5, 3.0, 5.0), speech_s=spoken)
        output.close()
        assert [path.stem for path in directory.glob("*/*.flac")] == expected
        assert output.refused == 1 - len(expected)


def test_rules_that_are_not_asked_for_have_no_clip(tmp_path: Path) -> None:
    output = opened(tmp_path, rules=("other",))
    play(output, event("a1", 3.5, 3.0, 5.0))
    output.close()
    assert list(tmp_path.iterdir()) == []


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="name a writable directory"):
        opened(tmp_path / "file" / "x")
    around = Surroundings(pytest.fail)
    with pytest.raises(UsageError, match="this model knows no speech"):
        ClipsSettings(directory=str(tmp_path)).open(around)
    notices: list[str] = []
    output = opened(tmp_path / "clips", notices)
    (tmp_path / "clips" / "glass-behind").touch()  # in the way
    play(output, event("a1", 3.5, 3.0, 5.0))
    output.close()
    assert any("glass-behind" in notice for notice in notices)
    assert output.worker.lost == 1


def test_a_clip_replays_to_the_same_alert(tmp_path: Path) -> None:
    listener = Listener(list(demo_prompts()))
    bundle = listener.bundle
    around = Surroundings(pytest.fail, rate=bundle.features.rate, step_samples=bundle.step_samples)
    settings = ClipsSettings(directory=str(tmp_path), speech="allow")
    output = settings.open(around)
    listener.on_foa = output.hear
    ends: dict[str, Alert] = {}
    listener.source = demo_path()
    for heard in listener:
        output.show(heard)
        ends.update({alert.id: alert for alert in heard.alerts if alert.state == "end"})
    output.close()
    clips = sorted(tmp_path.glob("*/*.flac"))
    assert len(clips) == len(ends) >= 5
    missed = []
    for clip in clips:
        told = ends[clip.stem]
        again = Listener(list(demo_prompts()), source=clip)
        found = [alert for heard in again for alert in heard.alerts if alert.state == "end"]
        alike = [alert for alert in found if alert.rule == told.rule]
        if not alike:
            missed.append(told)
            continue
        nearest = min(abs((one.azimuth_deg - told.azimuth_deg + 180) % 360 - 180) for one in alike)
        assert nearest < 15
    # the slow memory of the background begins anew, which may cost what barely reached its
    # threshold: in the built-in scene the one alert that is wrong
    assert [alert.rule for alert in missed] in ([], ["a-bicycle-bell-ringing"])


def test_speech_is_told_from_other_sounds() -> None:
    bundle = ModelBundle.load(None)
    detect = speech_detector(bundle)
    assert detect is not None
    known = KnownSounds(bundle)
    for name, expected in (("man speaking", True), ("woman speaking", True), ("dog", False),
                           ("glass breaking", False)):  # fmt: skip
        phrase = known.phrases[known.names.index(name)]
        found = replace(hearing(), embedding=phrase / np.linalg.norm(phrase))
        assert detect(found) is expected, name
