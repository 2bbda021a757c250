"""Several outputs as one: none can stop the listening, nor keep another from closing."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Barrier
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from elsa_rt.errors import UsageError
from elsa_rt.hearing import Hearing
from elsa_rt.outputs.base import Output, Surroundings
from elsa_rt.outputs.controls import Controls
from elsa_rt.outputs.group import OutputGroup
from tests.support.hearings import BANG, GLASS, LIMIT_S, Rules, alert, hearing


class Kept:
    """Keeps what it gets; some are faulty."""

    def __init__(self, *, faulty: bool = False, before_close: Barrier | None = None) -> None:
        self.got: list[Any] = []
        self.faulty, self.before_close, self.closed = faulty, before_close, False

    def show(self, hearing: Hearing) -> None:
        if self.faulty:
            raise KeyError("oops")
        self.got.append(hearing.time_s)

    def notice(self, text: str) -> None:
        self.got.append(text)

    def close(self) -> None:
        if self.before_close is not None:
            self.before_close.wait(LIMIT_S)
        self.closed = True


class Sound(Kept):
    """Needs the sound as well."""

    def hear(self, foa: NDArray[np.float32]) -> None:
        self.got.append(foa.shape)


@dataclass(frozen=True)
class Settings:
    """Opens what it is given."""

    type: ClassVar[str] = "kept"
    about: ClassVar[str] = "for tests"
    needs: ClassVar[tuple[str, str] | None] = None
    output: Any = None

    def open(self, surroundings: Surroundings) -> Output:
        if self.output is None:
            raise UsageError("there is nothing to open")
        found: Output = self.output
        return found


def test_a_faulty_output_is_told_once_and_the_others_get_all() -> None:
    notices: list[str] = []
    good, faulty = Kept(), Kept(faulty=True)
    with OutputGroup([Settings(faulty), Settings(good)], Surroundings(notices.append)) as outputs:
        for number in range(5):
            outputs.show(hearing(float(number)))
        outputs.notice("beware")
    assert good.got == [0.0, 1.0, 2.0, 3.0, 4.0, "beware"]
    assert notices == ["output 1, kept: internal error, KeyError: 'oops': it may lack messages"]
    assert good.closed
    assert faulty.closed


def test_one_that_cannot_open_closes_those_that_are_open() -> None:
    good = Kept()
    with (
        pytest.raises(UsageError, match="nothing to open"),
        OutputGroup([Settings(good), Settings()], Surroundings(pytest.fail)),
    ):
        pytest.fail("it was entered")
    assert good.closed


def test_they_close_at_the_same_time() -> None:
    together = Barrier(5)  # nobody passes it before all have come
    slow = [Kept(before_close=together) for _ in range(5)]
    with OutputGroup([Settings(one) for one in slow], Surroundings(pytest.fail)):
        pass
    assert all(one.closed for one in slow)


def test_sound_goes_to_those_that_want_it() -> None:
    sound, good = Sound(), Kept()
    with OutputGroup([Settings(sound), Settings(good)], Surroundings(pytest.fail)) as outputs:
        assert outputs.want_sound
        outputs.hear(np.zeros((4, 160), np.float32))
    assert (sound.got, good.got) == ([(4, 160)], [])
    with OutputGroup([Settings(Kept())], Surroundings(pytest.fail)) as outputs:
        assert not outputs.want_sound


def test_alerts_of_rules_that_are_off_are_not_told_and_open_ones_end() -> None:
    controls = Controls(Rules(GLASS, BANG))
    changes: list[bool] = []
    controls.watch(lambda: changes.append(controls.is_on("bang")))

    def told(*alerts: Any) -> list[str]:
        return [f"{one.id} {one.state}" for one in controls.filter(hearing(1.0, *alerts)).alerts]

    assert told(alert("a1"), alert("b1", rule="bang")) == ["a1 start", "b1 start"]
    controls.switch(False, "bang")
    assert changes == [False]
    assert told(alert("b2", rule="bang"), alert("a2")) == ["a2 start", "b1 end"]
    assert told(alert("b1", "end", "bang"), alert("b2", "end", "bang")) == []
    controls.switch(False)
    assert told(alert("a3")) == ["a1 end", "a2 end"]
    controls.switch(True)
    assert told(alert("a3", "update"), alert("a4")) == ["a4 start"]
    with pytest.raises(UsageError, match="there is no rule 'cat': there are glass-behind, bang"):
        controls.switch(True, "cat")


def test_the_mark_of_a_rule_that_joined_a_grouped_alert_is_of_it_alone() -> None:
    rules = Rules(GLASS, BANG)
    controls = Controls(rules)
    controls.filter(hearing(1.0, alert("b1", rule="bang")))
    controls.filter(hearing(2.0, alert("a1")))
    controls.filter(hearing(2.5, alert("a1", "update", joined=(alert("b2", rule="bang"),))))
    assert controls.mark_last("bang", "false") == "b2"
    assert (rules.marks, rules.meant) == ([("b2", "false")], ["bang"])


def test_marks_and_rates() -> None:
    rules = Rules(GLASS, BANG)
    controls = Controls(rules)
    with pytest.raises(UsageError, match="has raised no alert yet"):
        controls.mark_last("glass-behind", "false")
    controls.filter(hearing(1.0, alert("a1")))
    assert controls.mark_last("glass-behind", "right") == "a1"
    assert rules.marks == [("a1", "right")]
    controls.mark("a1", "false")
    assert rules.meant == ["glass-behind", None]
    controls.set_false_alarms_per_hour("glass-behind", 0.2)
    assert controls.rates()["glass-behind"] == 0.2
    with pytest.raises(UsageError, match="no listener to change"):
        Controls().set_prompts(["a dog"])
