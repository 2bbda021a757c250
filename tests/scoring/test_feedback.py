"""What people said of alerts: kept, undone, decaying, bounded, and only where it belongs."""

from __future__ import annotations

import json
import stat
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from elsa_rt.audio.ambisonics import direction_from_angles
from elsa_rt.config import Config
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.encoder.output import EncoderOutput
from elsa_rt.errors import ElsaError, UsageError
from elsa_rt.rules.rule import Rule
from elsa_rt.scoring import feedback
from elsa_rt.scoring.feedback import FeedbackStore, feedback_path
from elsa_rt.scoring.feedback_gate import BELOW, LOWERED, RAISED, FeedbackGate, notices_of
from elsa_rt.scoring.marks import SOUNDS, AlertSounds, spread
from elsa_rt.scoring.statistics import COARSE, Statistics

DAY_S = 86_400.0
NOW = 1_800_000_000.0
FITS = "the model"
TAKEN = 2.5 + BELOW
"""What a mark of `heard`, 2.5 above its threshold, takes."""
DOG, CAT = Rule("dog", ("a dog",)), Rule("cat", ("a cat",))


def unit(*shape: int, seed: int = 0) -> NDArray[np.float32]:
    x = np.random.default_rng(seed).normal(size=shape)
    return (x / np.linalg.norm(x, axis=-1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def statistics(bundle: Path) -> Statistics:
    return Statistics.load(ModelBundle.load(bundle))


def heard(
    alert: str = "dog-1", rule: str = "dog", seed: int = 1, azimuth_deg: float = 90.0
) -> AlertSounds:
    """An alert in which the embeddings ``unit(3, 64, seed)`` were heard."""
    sounds = np.round(127 * unit(3, COARSE, seed=seed)).astype(np.int8)
    return AlertSounds(alert, rule, "a dog", NOW, azimuth_deg, 0.0, 0.9, 1.5, FITS, sounds, 2.5)


def step(
    statistics: Statistics, seed: int = 1, azimuth_deg: float = 90.0, share: float = 1.0
) -> EncoderOutput:
    """One slot that sounds like `heard`, mixed with another sound."""
    other = unit(COARSE, seed=99)
    parts = share * unit(3, COARSE, seed=seed)[1] + (1 - share) * other
    basis = statistics.basis[:COARSE]
    embedding = statistics.mean + basis.T @ (statistics.scale[:COARSE] * parts)
    direction = direction_from_angles(azimuth_deg, 0.0)
    return EncoderOutput(
        embedding[None].astype(np.float32), direction[None].astype(np.float32),
        np.ones(1, np.float32), np.ones(1, np.float32),
    )  # fmt: skip


def gate(
    statistics: Statistics, store: FeedbackStore, *rules: Rule, half_life_days: float = 60.0
) -> FeedbackGate:
    clock = lambda: NOW  # noqa: E731
    return FeedbackGate(rules or (DOG, CAT), store, statistics, FITS, half_life_days, clock)


def test_without_marks_nothing_changes(statistics: Statistics) -> None:
    store = FeedbackStore()
    store.add(heard())
    assert gate(statistics, store).step(0.0, step(statistics)) is None


def test_its_like_loses_there_and_nothing_else_does(statistics: Statistics) -> None:
    store = FeedbackStore()
    store.add(heard())
    made = gate(statistics, store)
    store.judge("dog-1", "false", NOW)
    shift = made.step(0.0, step(statistics))
    assert shift is not None
    assert shift[0] == pytest.approx([-TAKEN, 0], abs=1e-5)  # the other rule is as before
    assert made.step(0.0, step(statistics, seed=2)) is None  # another sound
    assert made.step(0.0, step(statistics, azimuth_deg=140)) is None  # the same from elsewhere
    between = made.step(0.0, step(statistics, azimuth_deg=125))
    assert between is not None
    assert between[0, 0] == pytest.approx(-TAKEN / 2, abs=0.01)


def test_marks_are_bounded_however_many(statistics: Statistics) -> None:
    store = FeedbackStore()
    for number in range(50):
        store.add(heard(f"dog-{number}"))
        store.judge(f"dog-{number}", "false", NOW - 90 * DAY_S)
    shift = gate(statistics, store).step(0.0, step(statistics))
    assert shift is not None
    assert -LOWERED[1] <= shift[0, 0] <= -0.99 * LOWERED[0]


def test_marks_decay_with_their_half_life(statistics: Statistics) -> None:
    store = FeedbackStore()
    store.add(heard())
    store.judge("dog-1", "false", NOW - 60 * DAY_S)
    for half_life, share in ((60.0, 0.5), (30.0, 0.25), (1e9, 1.0)):
        shift = gate(statistics, store, half_life_days=half_life).step(0.0, step(statistics))
        assert shift is not None
        assert shift[0, 0] == pytest.approx(-TAKEN * share, rel=1e-3)


def test_marks_that_count_in_part_add_up_to_no_more_than_one(statistics: Statistics) -> None:
    store = FeedbackStore()
    for alert, margin in (("dog-1", 2.0), ("dog-2", 6.0)):
        store.add(replace(heard(alert), margin=margin))
        store.judge(alert, "false", NOW - 60 * DAY_S)
    shift = gate(statistics, store, half_life_days=60.0).step(0.0, step(statistics))
    assert shift is not None
    both = 1 - 0.5 * 0.5  # of each a half is left
    assert shift[0, 0] == pytest.approx(-both * (4.0 + BELOW), rel=1e-3)  # of the mean margin


def test_a_mark_is_never_renewed_by_what_is_heard(statistics: Statistics) -> None:
    store = FeedbackStore()
    store.add(heard())
    store.judge("dog-1", "false", NOW - 60 * DAY_S)
    made, (before,), sound = gate(statistics, store), store.marks, step(statistics)
    for index in range(200):
        made.step(float(index), sound)
    assert store.marks == (before,)
    assert store.version == 1
    store.add(replace(heard(), duration_s=9.0))  # its alert goes on: the age stays
    assert store.marks[0].marked == before.marked


@pytest.mark.parametrize(("margin", "taken"), [(0.0, 4.0), (4.0, 4.0 + BELOW), (50.0, 24.0)])
def test_what_is_taken_puts_the_like_below_the_threshold_within_bounds(
    statistics: Statistics, margin: float, taken: float
) -> None:
    store = FeedbackStore()
    store.add(replace(heard(), margin=margin))
    store.judge("dog-1", "false", NOW)
    shift = gate(statistics, store).step(0.0, step(statistics))
    assert shift is not None
    assert shift[0, 0] == pytest.approx(-taken, abs=1e-5)
    assert LOWERED == (4.0, 24.0)


def test_an_id_that_comes_again_after_a_restart_changes_no_mark() -> None:
    store = FeedbackStore()
    store.add(heard())
    store.judge("dog-1", "false", NOW)
    store.add(replace(heard(seed=5), at=NOW + 3600))
    assert np.array_equal(store.marks[0].heard.sounds, heard().sounds)
    assert np.array_equal(store.alerts[0].sounds, heard(seed=5).sounds)


def test_right_alerts_spare_their_like_and_raise_it_a_little(statistics: Statistics) -> None:
    store = FeedbackStore()
    for alert in ("dog-1", "dog-2"):
        store.add(heard(alert))
    store.judge("dog-1", "right", NOW)
    shift = gate(statistics, store).step(0.0, step(statistics))
    assert shift is not None
    assert shift[0, 0] == pytest.approx(RAISED)
    store.judge("dog-2", "false", NOW)
    shift = gate(statistics, store).step(0.0, step(statistics))
    assert shift is not None
    assert shift[0, 0] == pytest.approx(0)


def test_undo_and_the_last_word_count(statistics: Statistics) -> None:
    store = FeedbackStore()
    store.add(heard())
    made = gate(statistics, store)
    store.judge("dog-1", "right", NOW)
    store.judge("dog-1", "false", NOW)
    assert [mark.verdict for mark in store.marks] == ["false"]
    assert [mark.verdict for mark in store.undo("dog-1")] == ["false"]
    assert store.marks == ()
    assert made.step(0.0, step(statistics)) is None
    with pytest.raises(UsageError, match="nothing was said of the alert 'dog-1'"):
        store.undo("dog-1")


def test_rules_can_be_excepted(statistics: Statistics) -> None:
    store = FeedbackStore()
    store.add(heard())
    store.judge("dog-1", "false", NOW)
    assert gate(statistics, store, replace(DOG, learn=False)).step(0.0, step(statistics)) is None


def test_marks_of_another_model_do_not_count_and_are_said(statistics: Statistics) -> None:
    store = FeedbackStore()
    store.add(replace(heard(), fits="another"))
    store.judge("dog-1", "false", NOW)
    assert gate(statistics, store).step(0.0, step(statistics)) is None
    (notice,) = notices_of(store, FITS)
    assert notice.startswith("1 of 1 verdicts")
    assert notices_of(store, "another") == []


@pytest.mark.parametrize(
    ("alert", "verdict", "said"),
    [
        ("dog-2", "false", "no alert 'dog-2' is known.*the latest are dog-1"),
        ("dog-1", "wrong", r"the verdict 'wrong' is unknown: choose false \| right"),
    ],
)
def test_what_cannot_be_judged_is_said(alert: str, verdict: str, said: str) -> None:
    store = FeedbackStore()
    store.add(heard())
    with pytest.raises(UsageError, match=said):
        store.judge(alert, verdict)


def test_it_is_kept_for_its_owner_alone_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / "kitchen.feedback.jsonl"
    store = FeedbackStore(path)
    assert not path.exists()
    store.add(heard())
    store.judge("dog-1", "false", NOW)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (mark,) = FeedbackStore(path).marks
    assert (mark.heard.alert, mark.verdict, mark.marked) == ("dog-1", "false", NOW)
    assert np.array_equal(mark.heard.sounds, heard().sounds)
    assert mark.heard.direction == pytest.approx([0, 1, 0], abs=1e-6)
    for line in path.read_text().splitlines():
        json.loads(line)
    moved = tmp_path / "elsewhere.jsonl"
    path.rename(moved)  # it is a file like any other: portable
    assert len(FeedbackStore(moved).marks) == 1


def test_two_writers_meet_in_one_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    listener, command = FeedbackStore(path), FeedbackStore(path)
    listener.add(heard())
    command.judge("dog-1", "false", NOW)
    assert listener.marks == ()
    listener.refresh()
    assert len(listener.marks) == 1
    command.undo("dog-1")
    listener.refresh()
    assert listener.marks == ()


def test_many_threads_and_stores_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"

    def write(name: str) -> None:
        store = FeedbackStore(path)
        for number in range(8):
            store.add(heard(f"{name}-{number}"))
            store.judge(f"{name}-{number}", "false", NOW)
            store.compact()

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = FeedbackStore(path)
    assert len(found.marks) == len(found.alerts) == 32
    assert found.bad_lines == 0


def test_a_torn_line_costs_itself_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    store = FeedbackStore(path)
    store.add(heard())
    store.judge("dog-1", "false", NOW)
    with path.open("ab") as file:
        file.write(b'{"type": "mark", "alert": "do')
    store.add(heard("dog-2"))
    found: FeedbackStore = FeedbackStore(path)
    assert [one.alert for one in found.alerts] == ["dog-1", "dog-2"]
    assert len(found.marks) == found.bad_lines == 1
    assert "1 lines of" in notices_of(found, FITS)[0]


@pytest.mark.parametrize(
    "line",
    ["[]", "1", "null", "{}", '{"type": "heard"}', '{"type": "undo"}', "[" * 100_000, "\x00",
     '{"type": "mark", "alert": "x", "verdict": "false", "marked": "NaN"}'],
)  # fmt: skip
def test_lines_of_anything_are_left_out(tmp_path: Path, line: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(line + "\n")
    found = FeedbackStore(path)
    assert (found.marks, found.alerts) == ((), ())


def test_the_file_stays_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feedback, "MAX_ALERTS", 50)
    path = tmp_path / "a.jsonl"
    store = FeedbackStore(path)
    store.add(heard("dog-0"))
    store.judge("dog-0", "false", NOW)
    for number in range(1, 60):
        store.add(heard(f"dog-{number}"))
        store.add(replace(heard(f"dog-{number}"), duration_s=2.0))
    assert len(store.alerts) == 50
    before = path.stat().st_size
    store.compact()
    assert path.stat().st_size < 0.6 * before
    found = FeedbackStore(path)
    assert len(found.alerts) == 50
    assert [mark.heard.alert for mark in found.marks] == ["dog-0"]  # though its alert is gone
    assert [mark.verdict for mark in found.undo("dog-0")] == ["false"]


def test_an_alert_can_be_judged_for_some_days_and_its_mark_stays(tmp_path: Path) -> None:
    path, now = tmp_path / "a.jsonl", [NOW]
    store = FeedbackStore(path, keep_days=30, clock=lambda: now[0])
    store.add(heard("dog-1"))
    store.judge("dog-1", "false")
    now[0] += 29 * DAY_S
    store.add(heard("dog-2"))
    assert [one.alert for one in store.alerts] == ["dog-1", "dog-2"]
    now[0] += 2 * DAY_S
    for one in (store, FeedbackStore(path, keep_days=30, clock=lambda: now[0])):
        assert [two.alert for two in one.alerts] == ["dog-2"]
        assert [mark.heard.alert for mark in one.marks] == ["dog-1"]
    store.judge("dog-1", "right")  # its sounds are those of the mark
    store.undo("dog-1")
    said = "'dog-1' is known in .*: alerts of the last 30 days, 2,000 at most, can be judged, and "
    with pytest.raises(UsageError, match=f"{said}the first that is left is of 2027-"):
        store.judge("dog-1", "false")


def test_a_recording_of_last_year_can_be_judged_today() -> None:
    store = FeedbackStore(keep_days=30, clock=lambda: NOW + 400 * DAY_S)
    store.add(heard("dog-1"))
    assert store.judge("dog-1", "right")


def test_a_line_of_before_counts_from_its_onset(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    fields = {"type": "heard", **heard("dog-1").as_dict()}
    del fields["kept"]
    path.write_text(json.dumps(fields) + "\n")
    for days, left in ((1, 1), (31, 0)):
        now = NOW + days * DAY_S
        store = FeedbackStore(path, keep_days=30, clock=partial(float, now))
        assert len(store.alerts) == left


def grouped(path: Path | None = None) -> FeedbackStore:
    """An alert that a cat joined, and another one."""
    store = FeedbackStore(path)
    store.add(heard("dog-1"))
    store.add(replace(heard("cat-2", "cat"), joined="dog-1"))
    store.add(heard("cat-3", "cat"))
    return store


def test_what_is_said_of_a_grouped_alert_is_said_of_all_rules_in_it(tmp_path: Path) -> None:
    store = grouped(tmp_path / "a.jsonl")
    assert [mark.heard.rule for mark in store.judge("dog-1", "false", NOW)] == ["dog", "cat"]
    found = FeedbackStore(tmp_path / "a.jsonl")
    assert [(mark.heard.alert, mark.heard.joined) for mark in found.marks] == [
        ("dog-1", ""), ("cat-2", "dog-1"),
    ]  # fmt: skip
    assert len(found.undo("dog-1")) == 2
    assert found.marks == ()


def test_rules_of_a_grouped_alert_are_judged_singly() -> None:
    store = grouped()
    (cat,) = store.judge("dog-1", "false", NOW, rule="cat")
    assert cat.heard.alert == "cat-2"
    (dog,) = store.judge("dog-1", "right", NOW, rule="dog")
    assert dog.heard.alert == "dog-1"
    assert [mark.verdict for mark in store.marks] == ["false", "right"]
    assert [mark.heard.alert for mark in store.undo("dog-1", rule="cat")] == ["cat-2"]
    (by_its_id,) = store.judge("cat-2", "right", NOW)
    assert by_its_id.heard.rule == "cat"
    with pytest.raises(UsageError, match="'cow' had no part in the alert 'dog-1': dog, cat had"):
        store.judge("dog-1", "false", rule="cow")


def test_a_place_that_cannot_be_written_is_said_with_the_cure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ElsaError, match="feedback file .*: .*name another one with --feedback"):
        FeedbackStore(tmp_path / "file" / "a.jsonl").add(heard())


def test_some_steps_stand_for_all() -> None:
    steps = [np.full(COARSE, number, np.int8) for number in range(100)]
    assert spread(steps)[:, 0].tolist() == [0, 14, 28, 42, 57, 71, 85, 99]
    assert spread(steps[:3])[:, 0].tolist() == [0, 1, 2]
    assert len(spread(steps)) == SOUNDS


def test_it_lies_beside_the_site(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    sites = tmp_path / "elsa-rt" / "sites"
    assert feedback_path(Config()) is None
    assert feedback_path(Config(site="kitchen")) == sites / "kitchen.feedback.jsonl"
    assert feedback_path(Config(feedback="hall")) == sites / "hall.feedback.jsonl"
    assert feedback_path(Config(site="/a/b.npz")) == Path("/a/b.feedback.jsonl")
    assert feedback_path(Config(feedback="x.jsonl", site="kitchen")) == Path("x.jsonl")
