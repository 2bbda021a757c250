"""A simulated home, what a bundle hears in it, its statistics, and the alerts counted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import export.evaluate.alerts.__main__ as evaluate_alerts
from elsa_rt.alerting.gate import AlertGate
from elsa_rt.audio.ambisonics import angles_from_direction
from elsa_rt.config import Config
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.encoder.output import EncoderOutput
from elsa_rt.errors import UsageError
from elsa_rt.rules.rule import Rule
from elsa_rt.scoring.confirmation import times_of
from elsa_rt.scoring.false_alarm_rate import FalseAlarmCurves
from elsa_rt.scoring.scorer import Match
from elsa_rt.scoring.statistics import Statistics
from elsa_rt.scoring.thresholds import thresholds
from elsa_rt.tuning.gate import Timing
from export.bundles.score_statistics import main as calibrate
from export.bundles.training_homes import hear_homes
from export.evaluate.alerts.beside import Open, beside, beside_report
from export.evaluate.alerts.gate import starts_of
from export.evaluate.alerts.measure import RATES, false_alarms
from export.scenes import home as world
from export.scenes import home_hours as hours
from export.scenes.home import RATE, HomeEvent, World, side_of
from export.scenes.home_hours import BACKGROUND, TARGETS, HomeRecording, hear_world
from export.synthesis.music import melody
from tests.support.tiny_bundle import free_streams, make_bundle
from tests.support.tiny_studio import anechoic, make_work, places

LABELS, GROUPS = ["dog", "rain", "door knock"], 4
STEP_S, SECONDS = 0.1, 6.0


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world, "STREAM_S", SECONDS)
    monkeypatch.setattr(world, "LOOP_S", SECONDS)
    monkeypatch.setattr(world, "KINDS", {"home": 1.0})
    monkeypatch.setattr(world, "PAUSE_S", {"home": 1.0, "quiet": 1.0})
    monkeypatch.setattr(evaluate_alerts, "STREAM_S", SECONDS)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three labels in four groups of two clips each, held from training; six places."""
    folder = make_work(tmp_path_factory.mktemp("work"))
    rng = np.random.default_rng(3)
    label = np.repeat(np.arange(3), 2 * GROUPS)
    group = [f"{LABELS[one]}-{i // 2 % GROUPS}" for i, one in enumerate(label)]
    cuts = [(9_000 * rng.uniform(-1, 1, RATE)).astype(np.int16) for _ in label]
    np.savez(
        folder / "clips.npz", samples=np.concatenate(cuts), label=label,
        bounds=np.cumsum([0, *map(len, cuts)]), labels=np.array(LABELS),
        unseen_labels=np.array(["wolf"]), unseen=np.zeros(label.size, bool),
        validation=np.ones(label.size, bool),
        about=np.array([json.dumps({"group": name}) for name in group]),
    )  # fmt: skip
    azimuths = np.array([0, 60, 120, 180, -120, -60])
    towards = np.stack([np.cos(np.radians(azimuths)), np.sin(np.radians(azimuths)),
                        0 * azimuths], 1)  # fmt: skip
    four = places()
    some = {name: np.resize(four[name], (6, *np.shape(four[name])[1:])) for name in four}
    some |= {"responses": anechoic(towards), "direction": towards.astype(np.float32),
             "validation": np.ones(6, bool)}  # fmt: skip
    np.savez(folder / "rooms.npz", **some)  # type: ignore[arg-type]
    return folder


@pytest.fixture
def bundle(tmp_path: Path) -> ModelBundle:
    return ModelBundle.load(free_streams(make_bundle(tmp_path / "tiny")))


def test_streams_are_made_again_from_their_number(work: Path) -> None:
    one, other = World(work, "calibration"), World(work, "calibration")
    first = one.stream(3)
    one.stream(4)
    np.testing.assert_array_equal(first.foa, other.stream(3).foa)
    assert first.events == other.stream(3).events
    assert first.foa.shape == (4, SECONDS * RATE)
    assert np.abs(first.foa).max() <= world.PEAK + 1e-6
    assert not np.array_equal(first.foa, World(work, "evaluation").stream(3).foa)


def test_no_group_is_on_both_sides(work: Path) -> None:
    sides = [World(work, "calibration"), World(work, "evaluation")]
    groups = [{int(clip) // 2 for clip in side.clips} for side in sides]  # two clips a group
    assert not groups[0] & groups[1]
    assert [len(each) for each in groups] == [6, 6]
    label = np.array([0, 0, 1, 1])
    alone = ["a", "a", "b", "c"]
    assert side_of(np.ones(4, bool), label, alone, evaluation=True).tolist()[:2] == [0, 1]
    assert side_of(np.array([True, True, False, False]), label, alone, evaluation=False).size == 0


def test_the_training_side_is_what_neither_other_side_has(
    work: Path, bundle: ModelBundle, tmp_path: Path
) -> None:
    parts = {name: dict(np.load(work / name)) for name in ("clips.npz", "rooms.npz")}
    for wanted in ("no rooms of training", "too few clips or rooms of training"):
        np.savez(tmp_path / "clips.npz", **parts["clips.npz"])
        np.savez(tmp_path / "rooms.npz", **parts["rooms.npz"])
        with pytest.raises(UsageError, match=f"{wanted}.*python -m export prepare"):
            World(tmp_path, "training")
        parts["rooms.npz"]["validation"] = np.arange(6) % 2 > 0
    parts["clips.npz"]["validation"] = np.arange(6 * GROUPS) % 2 > 0
    np.savez(tmp_path / "clips.npz", **parts["clips.npz"])
    home = World(tmp_path, "training")
    others = [World(tmp_path, "calibration"), World(tmp_path, "evaluation")]
    assert home.clips.tolist() == list(range(0, 6 * GROUPS, 2))
    assert not set(home.clips) & {clip for other in others for clip in other.clips.tolist()}
    assert not np.array_equal(home.stream(0).foa[:, :100], others[0].stream(0).foa[:, :100])
    with pytest.raises(UsageError, match="0 streams of homes: .*: take more --streams"):
        hear_homes(bundle, tmp_path, None, streams=0)
    steps = hear_homes(bundle, tmp_path, tmp_path / "cache", streams=4)
    assert steps.true.shape == steps.unsure.shape == (len(steps.embedding), 3)
    assert steps.true.any()
    assert not (steps.true & steps.unsure).any()
    (folder,) = (tmp_path / "cache").iterdir()
    assert sorted(path.name for path in folder.iterdir())[0] == "training-background-0000.npz"


def test_a_target_is_where_and_when_it_is_said_to_be(work: Path) -> None:
    stream = World(work, "evaluation").target(1, 20.0)
    (event,) = stream.events
    assert event.label == 1
    loud = stream.foa[:, round((event.start_s + 0.1) * RATE) : round(event.end_s * RATE)]
    quiet = stream.foa[:, : round((event.start_s - 0.1) * RATE)]
    level = 10 * np.log10((loud[0] ** 2).mean() / (quiet[0] ** 2).mean())
    assert 17 < level < 23
    intensity = (loud[0] * loud[[3, 1, 2]]).mean(1)
    azimuth, _ = angles_from_direction(intensity / np.linalg.norm(intensity))
    assert abs((azimuth - event.azimuth_deg + 180) % 360 - 180) < 3


def test_music_plays_on() -> None:
    tune = melody(6.0, RATE, np.random.default_rng(0))
    assert tune.shape == (6 * RATE,)
    assert np.abs(tune).max() == pytest.approx(1)
    assert (tune.reshape(6, -1).std(1) > 1e-3).all()


def test_what_was_heard_is_kept(work: Path, bundle: ModelBundle, tmp_path: Path) -> None:
    home = World(work, "calibration")
    fresh = list(hear_world(bundle, home, BACKGROUND, 4, None))
    made = list(hear_world(bundle, home, BACKGROUND, 4, tmp_path / "cache"))
    (folder,) = (tmp_path / "cache").iterdir()
    assert len(list(folder.iterdir())) == 4
    (folder / "calibration-background-0002.npz").unlink()
    again = list(hear_world(bundle, home, BACKGROUND, 4, tmp_path / "cache"))
    (alone,) = hear_world(bundle, home, BACKGROUND, 1, None)
    for many in (made, again):
        for one, other in zip(fresh, many, strict=True):
            assert one.events == other.events
            np.testing.assert_array_equal(one.embedding, other.embedding)
    np.testing.assert_allclose(alone.embedding, fresh[0].embedding, atol=2e-3)
    (folder / "calibration-background-0002.npz").write_bytes(b"?")
    with pytest.raises(UsageError, match="0002.npz: .*: remove it"):
        list(hear_world(bundle, home, BACKGROUND, 4, tmp_path / "cache"))


@pytest.mark.parametrize("seed", range(4))
def test_starts_are_those_of_the_gate(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = np.clip(np.cumsum(rng.normal(0, 0.12, (400, 3)), 0) % 1, 0, 1).astype(np.float32)
    rules = [Rule(f"r{i}", ("x",)) for i in range(3)]
    config = Config(alert_start=0.6, alert_end=0.4)
    start, end = thresholds(rules, config, FalseAlarmCurves.unknown(3))
    times = times_of(rules, config, STEP_S)
    gate = AlertGate(rules, config, STEP_S, start, end)
    sound = EncoderOutput(np.zeros((1, 4), np.float32), np.array([[1, 0, 0]], np.float32),
                  np.ones(1, np.float32), np.ones(1, np.float32))  # fmt: skip
    wanted = []
    for step, row in enumerate(scores):
        match = Match(row, row, np.zeros(3, np.intp), row)
        for alert in gate.step((step + 1) * STEP_S, match, sound, [None]):
            if alert.state == "start":
                wanted.append((step, int(str(alert.rule)[1:])))
    found = starts_of(scores, start, end, Timing.of(times, 0))
    assert len(wanted) > 3
    assert list(zip(found.step.tolist(), found.column.tolist(), strict=True)) == wanted


def test_what_sounds_is_no_false_alarm() -> None:
    class Always:
        """Alerts of both labels at 1 s and 5 s, by every method and rate."""

        labels, step_s = ["speech", "dog"], STEP_S

        def alerts(self, heard: HomeRecording) -> object:
            columns = np.arange(2 * len(RATES) * 2)
            step = np.repeat([9, 49], columns.size)
            return type("", (), {"step": step, "column": np.tile(columns, 2)})

    nothing: NDArray[np.float32] = np.zeros(36_000, np.float32)
    events = [HomeEvent(0.5, 1.0, 2, 0, 0, 0)]  # a man speaking: a kind of speech
    heard = HomeRecording(nothing.astype(np.float16), nothing, nothing, nothing, events)
    found = false_alarms(Always(), [heard], ["speech", "dog", "man speaking"])  # type: ignore[arg-type]
    assert found.hours == pytest.approx(1)
    assert found.alarms.reshape(-1, 2).tolist() == [[1, 2]] * 2 * len(RATES)
    assert found.confused == {("speech", "nothing"): 1, ("dog", "nothing"): 1,
                              ("dog", "man speaking"): 1}  # fmt: skip


def test_statistics_and_figures_of_a_bundle(
    work: Path, bundle: ModelBundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache = ["--cache", str(tmp_path / "cache")]
    assert calibrate([str(bundle.path), str(work), "--streams", "8", *cache]) == 0
    found = Statistics.load(ModelBundle.load(bundle.path))
    assert found.background.hours == pytest.approx(8 * SECONDS / 3600, rel=0.01)
    assert found.names.labels == (*LABELS, "wolf")
    assert set(found.background.piece_labels[:, 0].tolist()) <= {-1, 0, 1, 2}
    sounds = found.background.sounds.astype(np.float32) * found.scale @ found.basis + found.mean
    active = found.background.activity > 127
    kept = np.linalg.norm(sounds[active], axis=1)
    assert np.quantile(kept, 0.1) > 0.97  # embeddings are of unit length: little was lost
    report = tmp_path / "report.json"
    argv = [str(bundle.path), str(work), "--hours", "0.01", "--targets", "6"]
    assert evaluate_alerts.main([*argv, "--json", str(report), "--update", *cache]) == 0
    said = capsys.readouterr().out
    assert "| bare cosine | 0.1 |" in said
    assert "Two prompts on one sound" in said
    figures = json.loads(report.read_text())
    assert (figures["prompts"], figures["targets"]) == (3, 6)
    assert figures["hours"] == pytest.approx(0.01, rel=0.02)
    updated = Statistics.load(ModelBundle.load(bundle.path)).names.detected
    dogs = figures["detected"]["dog"]
    assert updated[0] == pytest.approx((dogs["found"] + 1) / (dogs["of"] + 2))
    assert np.isnan(updated[3])


def test_alerts_beside_others_on_their_sound() -> None:
    class House:
        def alerts(self, heard: HomeRecording, related: NDArray[np.bool_]) -> list[Open]:
            return [
                Open(0, "track-1", 1.0, 3.0, (0.7, 0.5), True),
                Open(1, "track-1", 1.1, 3.0, (0.9, 0.5), False),  # surer, and wrong
                Open(2, "track-1", 2.0, 4.0, (0.6, 0.5), False),  # less sure
                Open(3, "track-1", 3.5, 4.0, (0.9, 0.5), False),  # the right one is over
                Open(4, "track-2", 1.0, 3.0, (0.9, 0.5), False),  # another sound
                Open(5, None, 1.0, 3.0, (0.9, 0.5), False),  # a guess
            ]

    none = np.zeros((0, 3), np.float32)
    stream = HomeRecording(none.astype(np.float16), none, none[:, 0], none[:, 0], [])
    found = beside(House(), [stream], LABELS)  # type: ignore[arg-type]
    assert found.right.tolist() == [[1, 1]]
    assert found.wrong.tolist() == [0, 1, 0, 0, 0]
    report = beside_report(found, 15)
    assert (report["pairs"], report["right_is_surer"]) == (2, 0.5)
    assert report["right_behind_wrong"] == pytest.approx(0.5)  # 7 of 14 others are there
    assert report["wrong_behind_right"] == pytest.approx(0.1)


def test_a_missing_working_directory(bundle: ModelBundle, tmp_path: Path) -> None:
    assert calibrate([str(bundle.path), str(tmp_path)]) == 2
    assert evaluate_alerts.main([str(bundle.path), str(tmp_path)]) == 2


def test_streams_of_other_lengths_are_heard_one_by_one(work: Path, bundle: ModelBundle) -> None:
    heard = list(hear_world(bundle, World(work, "evaluation"), TARGETS, 5, None))
    assert [len(one.events) for one in heard] == [1] * 5
    assert hours.TOGETHER < 5
