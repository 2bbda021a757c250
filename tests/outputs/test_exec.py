"""Programs that are started for an alert: what they get, and what happens to bad ones."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from elsa_rt.errors import UsageError
from elsa_rt.outputs.base import Surroundings
from elsa_rt.outputs.exec import ExecOutput, ExecSettings
from tests.support.hearings import alert, hearing, until


def opened(notices: list[str], *command: str, **settings: Any) -> ExecOutput:
    return ExecSettings(command=command, **settings).open(Surroundings(notices.append))


def test_it_gets_the_alert_on_standard_input_and_fields_as_arguments(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import sys, json, pathlib\n"
        "pathlib.Path(sys.argv[1]).write_text(json.dumps([sys.argv[2:], json.load(sys.stdin)]))\n"
    )
    target = tmp_path / "got.json"
    notices: list[str] = []
    output = opened(
        notices, sys.executable, str(program), str(target), "{prompt}; rm -rf /", "$HOME `id`",
        "{azimuth_deg:.0f}",
    )  # fmt: skip
    output.show(hearing(1.0, alert("a1", prompt="--glass 'breaking'")))
    output.show(hearing(1.0, alert("a1", "end")))
    output.close()
    arguments, fields = json.loads(target.read_text())
    assert arguments == ["--glass 'breaking'; rm -rf /", "$HOME `id`", "150"]  # no shell saw it
    assert (fields["id"], fields["state"]) == ("a1", "start")
    assert notices == []


def test_failure_is_told_with_its_last_words() -> None:
    notices: list[str] = []
    output = opened(notices, "sh", "-c", "echo first >&2; echo no light here >&2; exit 3")
    output.show(hearing(1.0, alert("a1")))
    output.close()
    assert notices[0].startswith("exec sh: it ended with 3: no light here (1 message lost")


def test_one_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    notices: list[str] = []
    mark = tmp_path / "alive"
    mark.write_text("not begun when it was ended")
    loop = f"trap '' TERM; (while :; do date +%s%N > {mark}; sleep 0.02; done)"
    output = opened(notices, "sh", "-c", loop, timeout_s=0.3)
    output.show(hearing(1.0, alert("a1")))
    until(lambda: notices)
    assert "it ran for more than 0.3 s and was ended" in notices[0]
    output.close()
    before = mark.read_text()
    time.sleep(0.2)
    assert mark.read_text() == before


def test_one_that_reads_nothing_is_no_failure() -> None:
    notices: list[str] = []
    output = opened(notices, "true")
    for number in range(5):
        output.show(hearing(1.0, alert(f"a{number}")))
    output.close()
    assert output.worker.sent == 5
    assert notices == []


@pytest.mark.parametrize(
    ("command", "message"),
    [((), "empty"), (("",), "empty"), (("{prompt}",), "cannot come from an alert"),
     (("no-such-program-anywhere",), "there is no program"),
     ((__file__,), f"chmod +x {__file__}")],
)  # fmt: skip
def test_commands_that_cannot_be(command: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError) as refused:
        opened([], *command)
    assert message in str(refused.value)
