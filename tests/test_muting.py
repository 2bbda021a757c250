"""Rules muted by one screen or output are muted for all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from elsa_rt.encoder.audio import AudioEncoder
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.hearing import Alert, State
from elsa_rt.listener import Listener
from elsa_rt.muting import Mutes
from elsa_rt.outputs.controls import Controls
from elsa_rt.screens.rule_book import RuleBook
from elsa_rt.screens.terminal import state as terminal
from tests.support.hearings import alert, hearing


def told(mutes: Mutes, time_s: float, *alerts: Any) -> list[str]:
    return [f"{one.id} {one.state}" for one in mutes.filter(hearing(time_s, *alerts)).alerts]


def test_an_open_alert_of_a_muted_rule_ends_at_once_and_only_once() -> None:
    mutes = Mutes()
    assert told(mutes, 1.0, alert("a1"), alert("b1", rule="bang")) == ["a1 start", "b1 start"]
    mutes.mute("bang", True)
    (end,) = mutes.filter(hearing(3.0)).alerts
    assert (end.id, end.state, end.time_s) == ("b1", "end", 3.0)
    assert end.duration_s == pytest.approx(3.0 - end.onset_s)
    assert told(mutes, 3.1, alert("b1", "update", "bang"), alert("b1", "end", "bang")) == []
    assert told(mutes, 3.2, alert("a1", "end")) == ["a1 end"]


def grouped(state: State = "start", joined: State | None = None) -> Alert:
    """An alert that another rule has joined."""
    return alert("a1", state, joined=(alert("b1", joined or state, "bang"),))


def test_what_joined_the_alert_of_a_muted_rule_is_told_by_itself() -> None:
    mutes = Mutes()
    mutes.mute("glass-behind", True)
    assert told(mutes, 1.0, grouped()) == ["b1 start"]
    assert told(mutes, 1.5, grouped("update")) == ["b1 update"]
    mutes.mute("glass-behind", False)  # what has begun in silence stays silent
    assert told(mutes, 2.0, grouped("end")) == ["b1 end"]
    assert told(mutes, 3.0, grouped()) == ["a1 start"]


def test_what_joined_an_alert_is_told_by_itself_once_that_is_muted() -> None:
    mutes = Mutes()
    assert told(mutes, 1.0, grouped()) == ["a1 start"]
    mutes.mute("glass-behind", True)
    end, start = mutes.filter(hearing(2.0)).alerts
    assert (end.id, end.state, end.joined, start.id, start.state) == (
        "a1",
        "end",
        (),
        "b1",
        "start",
    )
    assert told(mutes, 2.5, grouped("update", "end")) == ["b1 end"]
    assert told(mutes, 3.0, grouped("end")) == []


def test_a_muted_rule_is_not_told_within_the_alert_that_it_joined() -> None:
    mutes = Mutes()
    mutes.mute("bang", True)
    (start,) = mutes.filter(hearing(1.0, grouped())).alerts
    assert (start.id, start.joined) == ("a1", ())
    mutes.mute_all(True)
    assert [one.id for one in mutes.filter(hearing(2.0)).alerts] == ["a1"]


def test_all_and_one_are_muted_apart() -> None:
    mutes, changes = Mutes(), list[bool]()
    mutes.watch(lambda: changes.append(mutes.all))
    mutes.mute("bang", True)
    mutes.mute_all(True)
    assert mutes.silences("whatever")
    mutes.mute_all(False)
    assert (mutes.silences("bang"), mutes.silences("whatever")) == (True, False)
    assert changes == [False, True, False]


def test_screen_and_outputs_share_one_state(bundle: Path) -> None:
    encoder = AudioEncoder(ModelBundle.load(bundle))
    listener = Listener(["hum", "hiss"], encoder=encoder, on_notice=lambda _: None)
    book = RuleBook(listener)
    controls = Controls(listener, book.mutes)
    page, broker = list[str](), list[str]()
    book.on_change = lambda: page.append("changed")
    controls.watch(lambda: broker.append("changed"))
    controls.switch(False, "hum")  # as a switch of Home Assistant does
    assert book.mutes.rules == {"hum"}
    assert page == broker == ["changed"]
    book.mute("hiss", True)  # as the page and the terminal do
    assert (controls.is_on("hum"), controls.is_on("hiss")) == (False, False)
    controls.switch(False)
    state = terminal.State("a test", "tiny", mutes=book.mutes)
    state.take(hearing(1.0))
    assert {rule: kind for rule, _, _, _, kind in state.rules()} == {"glass-behind": "muted"}
