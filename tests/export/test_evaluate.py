"""What is measured with, what bundles say of it, and the command on tiny things."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from elsa_rt.audio.ambisonics import angles_from_direction, direction_from_angles, plane_wave
from elsa_rt.audio.direction_words import ELEVATED_DEG
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.errors import SourceError
from elsa_rt.testing import sound
from export.evaluate import __main__ as command
from export.evaluate import pairs
from export.evaluate import teacher as teaching
from export.evaluate.direction import direction_values
from export.evaluate.hearing import raised
from export.scenes import material
from export.scenes.trials import LEAD_S, RATE, TrialReader, stage, step_levels
from tests.support.rooms import wave_room
from tests.support.tiny_bundle import make_bundle, rewrite

STEP_S = 0.1


# what is measured with


def write_work(folder: Path, groups: Sequence[str] = ()) -> Path:
    """A working directory of hums and hisses, and of a label that no training knows."""
    rng = np.random.default_rng(1)
    kinds_of = ["hiss", "hum"] * 5 + ["thing"] * 2
    sounds = [
        sound("hiss" if kind == "thing" else kind, 1.1, 0, rate=RATE)[0] * rng.uniform(0.5, 1)
        for kind in kinds_of
    ]
    samples = [
        np.int16(32767 * 0.5 * mono / np.abs(mono).max()) + i for i, mono in enumerate(sounds)
    ]
    names = groups or [f"source {i}" for i in range(12)]
    keys = [
        {"path": f"{i}.wav", "label": kind, "licence": "CC0", "credit": "me", "group": group}
        for i, (kind, group) in enumerate(zip(kinds_of, names, strict=True))
    ]
    folder.mkdir()
    np.savez(
        folder / "clips.npz",
        samples=np.concatenate(samples),
        bounds=np.cumsum([0, *map(len, samples)]),
        label=np.array([["hiss", "hum", "thing"].index(kind) for kind in kinds_of]),
        labels=np.array(["hiss", "hum"]),
        unseen_labels=np.array(["thing"]),
        unseen=np.array([kind == "thing" for kind in kinds_of]),
        validation=np.array([i < 6 for i in range(12)]),
        about=np.array([json.dumps(key) for key in keys]),
    )
    azimuth = rng.uniform(-180, 180, 6)
    direction = direction_from_angles(azimuth, rng.uniform(-60, 60, 6))
    np.savez(
        folder / "rooms.npz",
        responses=plane_wave(direction)[:, :, None].astype(np.float16),
        direction=direction,
        distance=np.array([0.5, 0.7, 1.5, 1.6, 2.5, 3.5]),
        t30=np.array([0.1, 1.2, 0.1, 1.2, 0.1, 1.2]),
        floor=np.full(6, 30.0),
        validation=np.ones(6, np.bool_),
    )
    return folder


def write_rooms(folder: Path) -> Path:
    """Four level plane waves as if they were measured, at 48 kHz."""
    folder.mkdir()
    lines = ["file,azimuth_deg,elevation_deg,distance_m"]
    for azimuth in (0, 90, 180, -90):
        pulse = np.zeros((64, 4), np.float32)
        pulse[20] = plane_wave(direction_from_angles(azimuth, 0))
        soundfile.write(folder / f"{azimuth}.wav", pulse, 48_000, "FLOAT")
        lines.append(f"{azimuth}.wav,{azimuth},0,1.5")
    folder.with_suffix(".csv").write_text("\n".join(lines))
    return folder.with_suffix(".csv")


def test_clips_are_those_that_no_training_heard(tmp_path: Path) -> None:
    clips = material.read_clips(write_work(tmp_path / "work"))
    assert clips.labels == ["hiss", "hum", "thing"]
    assert sorted(clip.number for clip in clips.known) == [0, 1, 2, 3, 4, 5]
    assert sorted(clip.number for clip in clips.unseen) == [10, 11]


def test_unseen_clips_of_a_source_of_training_are_left_out(tmp_path: Path) -> None:
    groups = [f"source {i}" for i in range(12)]
    groups[10] = groups[9]
    clips = material.read_clips(write_work(tmp_path / "work", groups))
    assert [clip.number for clip in clips.unseen] == [11]


def test_recordings_on_both_sides_are_found(tmp_path: Path) -> None:
    assert "6 validation clips" in material.check_apart(write_work(tmp_path / "apart"))
    groups = [f"source {i}" for i in range(12)]
    groups[0] = groups[9]
    with pytest.raises(SourceError, match="source 9"):
        material.check_apart(write_work(tmp_path / "shared", groups))
    groups[0] = groups[9] = "synthesis"
    material.check_apart(write_work(tmp_path / "made up", groups))


def test_copies_under_another_name_are_found(tmp_path: Path) -> None:
    work = write_work(tmp_path / "work")
    with np.load(work / "clips.npz") as stored:
        arrays = dict(stored)
    first, last = arrays["bounds"][[0, 6]], arrays["bounds"][[1, 7]]
    arrays["samples"][first[1] : last[1]] = arrays["samples"][first[0] : last[0]]
    np.savez(work / "clips.npz", **arrays)
    with pytest.raises(SourceError, match="source 0, source 6"):
        material.check_apart(work)


def test_levels_of_steps_do_not_need_whole_samples() -> None:
    mono = np.ones(RATE, np.float32)
    mono[RATE // 2 :] = 3
    assert step_levels(mono, 0.25) == pytest.approx([1, 1, 3, 3])
    assert len(step_levels(mono, 0.3)) == 3


# what bundles say


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = make_bundle(tmp_path_factory.mktemp("bundles") / "tiny")
    training = {
        "clips": 4, "validation_clips": 6, "steps": 7, "labels": ["hiss", "hum"],
        "unseen": ["thing"], "rooms": "image sources", "text": "words", "hours": 0.5,
        "semantic_tower": "EfficientAT mn04_as, made causal",
    }  # fmt: skip
    rewrite(path, training=training, parameters=12)
    return path


def test_a_trial_is_heard_at_the_rate_of_the_bundle(bundle: Path) -> None:
    ear = TrialReader(ModelBundle.load(bundle))
    clip = material.Clip(0, 1, sound("hum", 1.0, 0, rate=RATE)[0])
    turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])  # to the left
    heard = ear.hear(stage(clip, wave_room(30.0), turn, 20.0, np.random.default_rng(0)))
    onset = round(LEAD_S / STEP_S)
    assert heard.active.tolist() == [onset <= i < onset + 10 for i in range(len(heard.active))]
    values = direction_values([heard])
    assert heard.about.direction == pytest.approx(direction_from_angles(120, 0))
    assert values["direction_deg"][0] < 2
    assert values["closed_deg"][0] < 2


def test_a_softer_sound_leaves_the_direction_to_the_louder(bundle: Path) -> None:
    clips = [material.Clip(i, i, sound(kind, 1.2, 0, rate=RATE)[0])
             for i, kind in enumerate(("hiss", "hum"))]  # fmt: skip
    rooms = [wave_room(90.0), wave_room(-90.0)]
    found = list(pairs.duets(clips, ["hiss", "hum"], rooms, pairs=6))
    assert {duet.level_db for duet in found} == set(pairs.LEVELS_DB)
    for duet in found:
        first, second = (np.sqrt((wet.foa[0] ** 2).mean()) for wet in duet.wet)
        assert 20 * np.log10(second / first) == pytest.approx(duet.level_db, abs=0.2)
    ear, prompts = TrialReader(ModelBundle.load(bundle)), np.eye(2, 512, dtype=np.float32)
    values = [pairs.judge(ear, duet, prompts) for duet in found if duet.level_db == -10]
    assert values
    assert all(v and v["louder_direction_right"] == 1 for v in values)


def test_sounds_are_raised_and_lowered_at_every_ratio() -> None:
    clips = [material.Clip(i, 0, sound("hum", 0.2, 0, rate=RATE)[0]) for i in range(8)]
    trials = list(raised(clips, [wave_room(60.0), wave_room(-100.0)]))
    heights = [angles_from_direction(trial.about.direction)[1] for trial in trials]
    assert all(abs(height) > ELEVATED_DEG for height in heights)
    sides = {
        (height > 0, trial.about.snr_db) for height, trial in zip(heights, trials, strict=True)
    }
    assert len(sides) == 4
    for trial in trials:  # the field was turned with the truth
        flow = (trial.wet.foa[[3, 1, 2]] * trial.wet.foa[0]).sum(1)
        assert flow / np.linalg.norm(flow) == pytest.approx(trial.about.direction, abs=1e-3)


class Twice:
    """A teacher that remembers how much it heard."""

    seconds = 1.0

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def embed_sound(self, foa: NDArray[np.float32]) -> NDArray[np.float32]:
        self.shapes.append(foa.shape)
        return np.ones((len(foa), 512), np.float32)

    def embed_text(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.ones((len(texts), 512), np.float32)


def test_the_teacher_hears_no_more_than_it_takes() -> None:
    clip = material.Clip(0, 0, sound("hum", 3.0, 0, rate=RATE)[0])
    trial = stage(clip, wave_room(0.0), np.eye(3), 20.0, np.random.default_rng(0))
    teacher = Twice()
    teaching.teacher_hears(teacher, trial)
    assert teacher.shapes == [(1, 4, RATE)]


# the command


@pytest.fixture(scope="module")
def evaluated(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The command run once on tiny things, with everything that it can do."""
    folder = tmp_path_factory.mktemp("evaluated")
    work, rooms = write_work(folder / "work"), write_rooms(folder / "rooms")
    few = folder / "few.csv"
    few.write_text("file,label\nx.wav,hum\nx.wav,thing\n")
    code = command.main([
        str(bundle), str(work), "--rooms", str(rooms), "--labels", str(few), "--compare",
        str(bundle), "--plots", str(folder / "plots"), "--json", str(folder / "figures"),
        "--update",
    ])  # fmt: skip
    return {"code": code, "folder": folder, **json.loads((folder / "figures").read_text())}


def test_the_command_measures_what_is_known(evaluated: dict[str, Any]) -> None:
    assert evaluated["code"] == 0
    for rooms in ("simulated", "measured"):
        found = evaluated[f"{rooms}, both"]
        assert found["trials"] == 12
        assert found["direction_median_deg"] < 3
        assert found["closed_form_median_deg"] < 3
        assert found["label_top1"] == 1
        assert found["label_first_right_median_s"] <= 0.3
        assert found["label_few_top1"] == found["label_few_top1_mean_over_labels"] == 1
        assert found["unseen_label_top1"] == 1  # there is only one to choose
    assert evaluated["measured, both"]["up_down_word"] == 1
    assert evaluated["measured, both"]["dry_reverberant_by_text"] is None
    assert evaluated["simulated, both"]["dry_reverberant_by_text"] is not None
    low, high = evaluated["intervals"]["measured, both"]["direction_median_deg"]
    assert low <= evaluated["measured, both"]["direction_median_deg"] <= high
    assert evaluated["by distance"]["simulated, below 1 m"]["trials"] > 0
    assert evaluated["two sources"]["measured, second at -10 dB"]["louder_direction_right"] > 0.5
    assert evaluated["cost"]["macs_per_step"] > 0


def test_the_command_draws(evaluated: dict[str, Any]) -> None:
    pictures = {
        path.name: path.stat().st_size for path in (evaluated["folder"] / "plots").iterdir()
    }
    assert set(pictures) == {
        "answer_with_time.png", "confusion.png", "direction_error.png",
        "embedding_by_direction.png", "embedding_by_label.png",
    }  # fmt: skip
    assert min(pictures.values()) > 5_000


def test_the_card_tells_what_was_measured_and_whose_sounds_they_were(
    evaluated: dict[str, Any], bundle: Path
) -> None:
    loaded = ModelBundle.load(bundle)
    median = evaluated["measured, both"]["direction_median_deg"]
    assert loaded.measured["measured, both"]["direction_median_deg"] == pytest.approx(median, 1e-3)
    assert "measured, SNR 20 dB" not in loaded.measured  # it is kept short
    for words in (
        "| direction median deg | ", "--rooms rooms.csv --labels few.csv", "Kept out", "thing",
        "Two sources", "CC0 (12)", "EfficientAT", "Not a safety device", "0.5 hours",
    ):  # fmt: skip
        assert words in loaded.card
    assert "Copyright (c) 2022 Florian Schmid" in (bundle / "NOTICE").read_text()
    assert len((bundle / "CREDITS.csv").read_text().splitlines()) == 13


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ("work", 2, "there is no such file: run python -m export prepare"),
        ("rooms", 2, "reading the rooms of"),
        ("labels", 2, "reading the labels of"),
        ("shared", 1, "in training and in validation, too"),
    ],
)
def test_bad_input_is_told_in_one_line(
    change: str, code: int, message: str, bundle: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    groups = ["one source"] * 12 if change == "shared" else []
    work = write_work(tmp_path / "work", groups)
    options = {"work": [], "shared": [], "rooms": ["--rooms", str(tmp_path / "no.csv")],
               "labels": ["--labels", str(tmp_path / "no.csv")]}[change]  # fmt: skip
    place = tmp_path / "nowhere" if change == "work" else work
    assert command.main([str(bundle), str(place), *options]) == code
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said
