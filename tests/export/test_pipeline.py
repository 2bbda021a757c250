"""The whole workshop, small: from self-made clips to a bundle that listens, by its commands."""

from __future__ import annotations

import csv
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from elsa_rt import Block, Listener, ModelBundle
from export.bundles.bundle import trained
from export.student import train
from export.student.batches import Feed
from export.student.model import Student
from export.student.step_cache import gather
from export.student.trainer import SOUND_TOWER_RATE
from tests.support.workshop import LABELS, run, write_clips, write_rooms, write_sentences


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory in which every command has been run once."""
    folder = tmp_path_factory.mktemp("workshop")
    work, bundle = folder / "work", folder / "bundle"
    manifest, sentences, rooms = write_clips(folder), write_sentences(folder), write_rooms(folder)
    run("prepare", work, "--manifest", manifest, "--sentences", sentences,
        "--rooms", "20", "--synthesised", "1", "--jobs", "1")  # fmt: skip
    run("train", work, "--steps", "3", "--validation", "4")
    shutil.copy(work / "run" / "checkpoint.pt", work / "run" / "before-aligning.pt")
    run("align", work, "--scenes", "16", "--steps", "3", "--validation", "16")
    run("bundle", work, "--sentences", sentences, "-o", bundle, "--streams", "4")
    report = run("evaluate", bundle, work, "--rooms", rooms, "--json", folder / "figures",
                 "--update")  # fmt: skip
    (folder / "report").write_text(report)
    return folder


def test_clips_are_unified_and_split_by_source(workshop: Path) -> None:
    with np.load(workshop / "work" / "clips.npz") as clips:
        about = [json.loads(str(text)) for text in clips["about"]]
        held = clips["validation"]
    groups = {split: {a["group"] for a, h in zip(about, held, strict=True) if h == split}
              for split in (True, False)}  # fmt: skip
    assert groups[True]
    assert not groups[True] & groups[False]
    assert set(LABELS) <= {a["label"] for a in about}


def test_training_resumes_where_it_stopped(workshop: Path) -> None:
    import torch

    checkpoint = workshop / "work" / "run" / "checkpoint.pt"
    before = torch.load(checkpoint, weights_only=True)
    assert before["step"] == 3
    run("train", workshop / "work", "--steps", "4", "--validation", "4")
    after = torch.load(checkpoint, weights_only=True)
    assert after["step"] == 4
    assert after["seconds"] > before["seconds"]
    # each parameter met its own moments again: none has changed its shape
    for name, moments in before["optimizer"]["state"].items():
        assert after["optimizer"]["state"][name]["exp_avg"].shape == moments["exp_avg"].shape
        assert after["optimizer"]["state"][name]["step"] == 4

    run(
        "train",
        workshop / "work",
        "--steps",
        "5",
        "--validation",
        "4",
        "--hold-sound",
    )
    last = torch.load(checkpoint, weights_only=True)["student"]
    held = ("semantic.", "sound.", "level.")
    for name in dict(Student().named_parameters()):
        learns = not name.startswith(held)
        assert torch.equal(last[name], after["student"][name]) != learns, name


def test_what_hears_the_kind_of_a_sound_is_trained_alone(workshop: Path, tmp_path: Path) -> None:
    import torch

    work = tmp_path / "work"
    (work / "run").mkdir(parents=True)
    for name in ("rooms.npz", "captions.npz"):
        (work / name).symlink_to(workshop / "work" / name)
    rng = np.random.default_rng(5)
    with np.load(workshop / "work" / "clips.npz") as clips:
        count = len(clips["label"])
        logits, features = rng.normal(size=(count, 527)), rng.normal(size=(count, 384))
        np.savez(work / "clips.npz", logits=logits, features=features, **clips)
    shutil.copy(workshop / "work" / "run" / "before-aligning.pt", work / "run" / "checkpoint.pt")
    before = torch.load(work / "run" / "checkpoint.pt", weights_only=True)
    run("train", work, "--steps", "4", "--validation", "4", "--sound-only")
    after = torch.load(work / "run" / "checkpoint.pt", weights_only=True)
    held = ("spatial.", "name.", "fuse.", "whereabouts.")
    for name in dict(Student().named_parameters()):
        learns = not name.startswith(held)
        assert torch.equal(after["student"][name], before["student"][name]) != learns, name
    assert all(map(torch.equal, after["projection"].values(), before["projection"].values()))
    told = json.loads((work / "run" / "log.jsonl").read_text().splitlines()[-1])
    assert set(told["losses"]) >= {"tags", "features", "standing"}
    rates = [group["share"] for group in after["optimizer"]["param_groups"]]
    assert rates == [1.0, SOUND_TOWER_RATE]
    assert -1 <= told["validation"]["features"] <= 1
    aligned = run("align", work, "--scenes", "16", "--steps", "2", "--validation", "16")
    assert 0 < json.loads(aligned.splitlines()[-1])["losses"]["kept"] < 4


def test_training_on_sound_alone_needs_the_tagger(
    workshop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        train.main([str(workshop / "work"), "--steps", "9", "--sound-only"])
    assert ended.value.code == 2
    assert "export prepare with --tagger" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        train.main([str(workshop / "work"), "--hold-sound", "--sound-only"])
    assert ended.value.code == 2
    assert "not allowed with argument --hold-sound" in capsys.readouterr().err


def test_aligning_leaves_what_is_heard_alone(workshop: Path) -> None:
    import torch

    runs = workshop / "work" / "run"
    aligned = torch.load(runs / "aligned.pt", weights_only=True)
    before = torch.load(runs / "before-aligning.pt", weights_only=True)
    assert aligned["aligned"] == 3
    for name, weights in before["average"].items():
        learns = name.startswith(("name.", "whereabouts.", "fuse."))
        assert torch.equal(aligned["average"][name], weights) != learns, name
    linear = "linear.weight"
    assert not torch.equal(
        aligned["average_projection"][linear], before["average_projection"][linear]
    )


def test_what_was_trained_last_is_bundled(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    for name, at_s in (("checkpoint.pt", 100), ("aligned.pt", 200)):
        (run / name).touch()
        os.utime(run / name, (at_s, at_s))
        assert trained(tmp_path) == run / name
    os.utime(run / "checkpoint.pt", (300, 300))
    assert trained(tmp_path) == run / "checkpoint.pt"


def test_memories_are_gathered_once(workshop: Path) -> None:
    (folder,) = (workshop / "work" / "run").glob("memories-*")
    kept = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert kept
    memories = gather(Feed(workshop / "work"), Student(), 16, folder, 1, seed=1)
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == kept
    assert len(memories.label) == len(memories.sound) == len(memories.truth)
    assert np.allclose(np.linalg.norm(memories.truth[:, :3], axis=1), 1, atol=1e-5)


def test_bundle_listens(workshop: Path) -> None:
    bundle = ModelBundle.load(workshop / "bundle")
    listener = Listener(["a knock on the door", "rain behind me"], bundle=str(bundle.path))
    rate = bundle.features.rate
    noise = np.random.default_rng(0).normal(0, 0.1, (4, 2 * rate)).astype(np.float32)
    hearings = listener.push(Block(noise, rate))
    assert len(hearings) == 2 / bundle.step_s
    for hearing in hearings:
        assert np.linalg.norm(hearing.embedding) == pytest.approx(1, abs=1e-4)
        assert np.linalg.norm(hearing.direction) == pytest.approx(1, abs=1e-4)
        assert all(0 <= score.score <= 1 for score in hearing.scores)


def test_evaluation_reports_both_kinds_of_rooms(workshop: Path) -> None:
    figures = json.loads((workshop / "figures").read_text())
    assert {"simulated, both", "measured, both"} <= figures.keys()
    # the closed form owes nothing to training: these rooms are dry and near
    assert figures["measured, SNR 20 dB"]["closed_form_median_deg"] < 10
    assert "direction median deg" in (workshop / "report").read_text()


def test_card_and_credits_tell_the_measured_truth(workshop: Path) -> None:
    bundle = ModelBundle.load(workshop / "bundle")
    figures = json.loads((workshop / "figures").read_text())
    median = figures["measured, both"]["direction_median_deg"]
    assert bundle.measured["measured, both"]["direction_median_deg"] == pytest.approx(median, 1e-3)
    assert f"{round(median, 4):.4g}" in bundle.card
    with (bundle.path / "CREDITS.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 15
    assert {row["licence"] for row in rows} == {"CC0"}
