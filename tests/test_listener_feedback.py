"""Alerts that people judge while a listener runs, and reasons why there was none."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from elsa_rt import AudioEncoder, Block, Hearing, Listener, ModelBundle
from elsa_rt.cli import main
from elsa_rt.config import Config
from elsa_rt.errors import UsageError
from elsa_rt.rules.region import Region
from elsa_rt.rules.rule import Rule
from elsa_rt.scoring.logits import logit_of, sigmoid

RATE = 16_000
BEHIND = Region(azimuth_deg=(125, -125))

Foa = NDArray[np.float32]


@pytest.fixture(scope="module")
def encoder(bundle: Path) -> AudioEncoder:
    return AudioEncoder(ModelBundle.load(bundle))


def ignore(notice: str) -> None:
    """Take a notice that the test is not about."""


def listen(encoder: AudioEncoder, *rules: Rule, **more: Any) -> Listener:
    return Listener(config=Config(rules=rules, **more), encoder=encoder, on_notice=ignore)


def hear(listener: Listener, scene: Foa) -> list[Hearing]:
    return listener.push(Block(scene.copy(), RATE)) + listener.finish()


def starts(hearings: list[Hearing]) -> list[str]:
    return [a.id for hearing in hearings for a in hearing.alerts if a.state == "start"]


@pytest.fixture(scope="module")
def hum(encoder: AudioEncoder, scene: Foa) -> Rule:
    """A rule that alerts on the hum, by a margin that a verdict can take."""
    plain = hear(listen(encoder, Rule("hum", ("a hum",), alert_start=0.01)), scene)
    peak = max(hearing.scores[0].score for hearing in plain)
    start = float(sigmoid(logit_of(np.array(peak)) - 2))
    return Rule("hum", ("a hum",), alert_start=start, alert_end=start)


def mirrored(scene: Foa) -> Foa:
    """The scene with left and right exchanged."""
    other = scene.copy()
    other[1] *= -1
    return other


def test_what_was_false_alerts_no_more_until_it_is_undone(
    encoder: AudioEncoder, scene: Foa, hum: Rule
) -> None:
    listener = listen(encoder, hum)
    (first,) = starts(hear(listener, scene))
    listener.feedback(first, "false")
    assert [mark.verdict for mark in listener.marks] == ["false"]
    assert starts(hear(listener, scene)) == []
    (elsewhere,) = starts(hear(listener, mirrored(scene)))
    assert elsewhere != first
    listener.feedback(first, "undo")
    assert len(starts(hear(listener, scene))) == 1


def test_right_after_false_takes_its_place(encoder: AudioEncoder, scene: Foa, hum: Rule) -> None:
    listener = listen(encoder, hum)
    (first,) = starts(hear(listener, scene))
    listener.feedback(first, "false")
    listener.feedback(first, "right")
    assert len(starts(hear(listener, scene))) == 1


def test_the_rules_of_one_grouped_alert_can_be_judged_singly(
    encoder: AudioEncoder, scene: Foa, hum: Rule
) -> None:
    rules = hum, replace(hum, id="again")
    listener = listen(encoder, *rules, alert_group=True)
    (first,) = starts(hear(listener, scene))
    (leader,) = (a for a in listener.store.alerts if not a.joined)
    (follower,) = (a for a in listener.store.alerts if a.joined)
    assert (leader.alert, follower.joined) == (first, first)
    assert follower.duration_s == pytest.approx(leader.duration_s)
    listener.feedback(first, "false", rule=leader.rule)
    (other,) = (a for h in hear(listener, scene) for a in h.alerts if a.state == "start")
    assert other.rule == follower.rule  # it is told by itself now
    listener.feedback(first, "false")
    assert starts(hear(listener, scene)) == []


def test_an_alert_can_be_judged_while_it_is_open(
    encoder: AudioEncoder, scene: Foa, hum: Rule
) -> None:
    listener = listen(encoder, hum)
    for start in range(0, scene.shape[1], 800):
        for hearing in listener.push(Block(scene[:, start : start + 800].copy(), RATE, start)):
            for alert in hearing.alerts:
                if alert.state == "start":
                    listener.feedback(alert.id, "false")
    listener.finish()
    (mark,) = listener.marks
    assert 0 < mark.heard.duration_s < 2  # it ended early, and all of it that was heard counts
    assert starts(hear(listener, scene)) == []


def test_no_sound_is_kept_and_only_its_owner_reads_it(
    encoder: AudioEncoder, scene: Foa, hum: Rule, tmp_path: Path
) -> None:
    path = tmp_path / "home.jsonl"
    listener = listen(encoder, hum, feedback=str(path))
    (first,) = starts(hear(listener, scene))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert {line["type"] for line in lines} == {"heard"}
    assert {line["alert"] for line in lines} == {first}
    assert path.stat().st_size < 4_000


def test_the_command_judges_for_a_running_listener_and_for_the_next(
    encoder: AudioEncoder, scene: Foa, hum: Rule, tmp_path: Path, capsys: Any
) -> None:
    path = str(tmp_path / "home.jsonl")
    listener = listen(encoder, hum, feedback=path)
    (first,) = starts(hear(listener, scene))
    assert main(["feedback", "last", "false", "--feedback", path]) == 0
    assert first in capsys.readouterr().out
    assert starts(hear(listener, scene)) == []
    assert starts(hear(listen(encoder, hum, feedback=path), scene)) == []
    assert main(["feedback", "list", "--feedback", path, "--json"]) == 0
    (told,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (told["alert"], told["verdict"], told["weight"]) == (first, "false", 1.0)
    assert "sounds" not in told
    assert main(["feedback", first, "undo", "--feedback", path]) == 0
    assert len(starts(hear(listener, scene))) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["feedback", "x-1", "false"], "give --config RULES, --site NAME or --feedback NAME"),
        (["feedback", "x-1"], "needs an alert and what it was"),
        (["feedback", "list", "false"], "needs an alert and what it was"),
        (["feedback", "last", "false", "--feedback", "none"], "no alert was heard yet"),
        (["feedback", "x-1", "right", "--feedback", "none"], "no alert 'x-1' is known"),
        (["feedback", "x-1", "undo", "--feedback", "none"], "nothing was said of the alert"),
        (["feedback", "x-1", "wrong"], "invalid choice: 'wrong'"),
    ],
)
def test_the_command_says_what_is_missing(
    arguments: list[str], said: str, capsys: Any, monkeypatch: Any, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert main(arguments) == 2
    assert said in capsys.readouterr().err


def test_verdicts_on_nothing_are_refused(encoder: AudioEncoder, hum: Rule) -> None:
    listener = listen(encoder, hum)
    with pytest.raises(UsageError, match="no alert 'x' is known"):
        listener.feedback("x", "false")
    with pytest.raises(UsageError, match="the verdict 'no' is unknown"):
        listener.feedback("x", "no")  # type: ignore[arg-type]


def causes(hearings: list[Hearing]) -> set[tuple[str, str]]:
    return {(why.rule, why.cause) for hearing in hearings for why in hearing.reasons}


def test_reasons_name_the_first_stage_that_held_it_back(
    encoder: AudioEncoder, scene: Foa, hum: Rule
) -> None:
    rules = (
        Rule("there", hum.prompts, region=BEHIND, alert_start=hum.alert_start),
        Rule("loud", hum.prompts, level_dbfs=-1.0, alert_start=hum.alert_start),
        Rule("long", hum.prompts, alert_start=hum.alert_start, confirm_s=60.0),
    )
    hearings = hear(listen(encoder, *rules, why=True), scene)
    assert {("there", "region"), ("loud", "level"), ("long", "confirmation")} <= causes(hearings)
    (region,) = {
        why.text.split(",")[0]
        for hearing in hearings
        for why in hearing.reasons
        if why.cause == "region"
    }
    assert region == "right sound"
    misses = {miss.reason.rule for hearing in hearings for miss in hearing.near_misses}
    assert {"there", "loud", "long"} <= misses
    assert starts(hearings) == []


def test_a_verdict_and_a_cooldown_are_reasons(encoder: AudioEncoder, scene: Foa, hum: Rule) -> None:
    listener = listen(encoder, hum, why=True)
    (first,) = starts(hear(listener, scene))
    listener.feedback(first, "false")
    assert ("hum", "feedback") in causes(hear(listener, scene))
    once = Rule("hum", hum.prompts, alert_start=hum.alert_start, cooldown_s=600.0)
    listener = listen(encoder, once, why=True)
    twice = np.concatenate([scene, scene], axis=1)
    assert ("hum", "cooldown") in causes(hear(listener, twice))


def test_without_why_nothing_is_told_and_all_is_counted(
    encoder: AudioEncoder, scene: Foa, hum: Rule
) -> None:
    there = Rule("there", hum.prompts, region=BEHIND, alert_start=hum.alert_start)
    listener = listen(encoder, hum, there)
    hearings = hear(listener, scene)
    assert all(not hearing.reasons and not hearing.near_misses for hearing in hearings)
    assert "reasons" not in hearings[20].as_dict()
    mine, other = listener.statistics
    assert (mine.alerts, other.alerts) == (1, 0)
    assert other.near_misses >= 1
    assert mine.hours == pytest.approx(hearings[-1].time_s / 3600, rel=0.01)


def test_any_sound_alerts_on_what_is_not_excluded(encoder: AudioEncoder, scene: Foa) -> None:
    rules = (
        Rule("any", ("any sound",)),
        Rule("left", ("on the left",)),
        Rule("but-hum", ("any sound but a hum",)),
        Rule("but-hiss", ("anything but a hiss",)),
    )
    hearings = hear(listen(encoder, *rules), scene)
    heard = {(a.rule, a.words) for h in hearings for a in h.alerts if a.state == "start"}
    assert heard == {
        ("any", "left"), ("left", "left"), ("but-hum", "behind"), ("but-hiss", "left"),
    }  # fmt: skip
