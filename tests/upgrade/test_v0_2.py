"""Files of today, before the next version: it reads them, or says what to do."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from elsa_rt import Block, Listener
from elsa_rt.cli import main
from elsa_rt.microphones.profile_file import read_profile
from elsa_rt.rules_file.reader import read_rules
from elsa_rt.scoring.feedback import FeedbackStore
from elsa_rt.testing import sound

TODAY = Path(__file__).parent / "v0_2"
MARKED = "hum-6b0bdc10bbe5-000001"
RATE = 16_000


def place() -> Block:
    """A hum from azimuth 74, where the site knows it and a mark is."""
    foa = np.random.default_rng(5).normal(0, 1e-4, (4, 4 * RATE)).astype(np.float32)
    foa[:, 2 * RATE : 3 * RATE] += sound("hum", 1, 74, 0, RATE)
    return Block(foa, RATE)


def best(site: Path | None = None) -> float:
    """The best score of a hum there."""
    listener = Listener(
        ["a hum"],
        bundle=str(TODAY / "bundle"),
        site=None if site is None else str(site),
        on_notice=lambda text: None,
    )
    return max(hearing.scores[0].score for hearing in listener.push(place()))


def test_rules(tmp_path: Path) -> None:
    shutil.copy(TODAY / "rules.yaml", tmp_path)
    file = read_rules(tmp_path / "rules.yaml")
    assert [rule.id for rule in file.rules] == ["hum", "hiss-right", "beep-behind", "loud"]
    hum, hiss, beep, _ = file.rules
    assert hum.but_not == ("a beep",)
    assert not hiss.learn
    assert beep.schedule is not None
    assert file.settings["feedback_half_life_days"] == 60
    assert [output.type for output in file.outputs] == ["jsonl", "webhook"]


def test_profile() -> None:
    profile = read_profile(TODAY / "profile.yaml")
    assert (profile.signs, profile.yaw_deg, profile.residual_deg) == ((1, 1, -1, 1), 30.5, 2.1)


def test_bundle_and_site() -> None:
    without, with_site = best(), best(TODAY / "site.npz")
    assert without > 0.6, "a hum is rare elsewhere"
    assert with_site < without - 0.1, "and not there"


def test_feedback(tmp_path: Path) -> None:
    shutil.copy(TODAY / "home.feedback.jsonl", tmp_path)
    (mark,) = FeedbackStore(tmp_path / "home.feedback.jsonl").marks
    assert (mark.heard.alert, mark.verdict, mark.heard.rule) == (MARKED, "false", "hum")


def test_memory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = tmp_path / "past"
    store.mkdir()
    shutil.copy(TODAY / "memory.sqlite", store)
    given = ["--store", str(store), "--bundle", str(TODAY / "bundle"), "--json"]
    assert main(["recall", "a hum", *given]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert len(rows) >= 3
    assert '"azimuth_deg": 74' in rows[0]
