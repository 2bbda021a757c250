"""A first rules file: from options, from answers, and never over another."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from elsa_rt.cli import init, main
from elsa_rt.outputs.mqtt import MqttSettings
from elsa_rt.outputs.webhook import WebhookSettings
from elsa_rt.rules_file.reader import read_rules

Capture = pytest.CaptureFixture[str]


def test_defaults_pass_check(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "home.yaml"
    assert main(["init", str(path)]) == 0
    out = capsys.readouterr().out
    assert f"elsa-rt listen --config {path}" in out
    file = read_rules(path)
    assert [rule.prompts[0] for rule in file.rules] == list(init.PROMPTS)
    assert file.settings["false_alarms_per_hour"] == init.RATE
    assert [output.type for output in file.outputs] == ["jsonl"]
    assert path.read_text().count("#") > 8
    assert main(["check", str(path)]) == 0


def test_options_say_all_of_it(tmp_path: Path) -> None:
    path = tmp_path / "my home.yaml"
    options = ["--prompt", "glass: \"breaking\" # here", "--prompt", "a dog", "--source", "hw:1",
               "--microphone", "sennheiser-ambeo-vr", "--mount", "inverted",
               "--false-alarms-per-hour", "0.5", "--mqtt", "broker", "--ntfy", "topic"]  # fmt: skip
    assert main(["init", str(path), *options]) == 0
    file = read_rules(path)
    assert file.rules[0].prompts == ('glass: "breaking" # here',)
    assert file.source == "hw:1"
    assert file.settings["microphone"] == "sennheiser-ambeo-vr"
    assert file.settings["mount"] == "inverted"
    _, mqtt, webhook = file.outputs
    assert isinstance(mqtt, MqttSettings)
    assert isinstance(webhook, WebhookSettings)
    assert (mqtt.host, webhook.url) == ("broker", "https://ntfy.sh/topic")


def test_six_questions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    answers = iter(["a dog, a cat behind me", "", "", "endfire", "0,25", "mqtt"])
    questions: list[str] = []

    def ask(question: str) -> str:
        questions.append(question)
        return next(answers)

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr("builtins.input", ask)
    monkeypatch.setattr(init.asked, "__defaults__", (ask,))
    path = tmp_path / "home.yaml"
    assert main(["init", str(path)]) == 0
    assert len(questions) == 6
    file = read_rules(path)
    assert [rule.prompts[0] for rule in file.rules] == ["a dog", "a cat behind me"]
    assert (file.settings["mount"], file.settings["false_alarms_per_hour"]) == ("endfire", 0.25)
    assert isinstance(file.outputs[1], MqttSettings)
    assert file.outputs[1].host == "homeassistant.local"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--microphone", "ambeo"], "there is no such profile"),
        (["--prompt", "  "], "prompt"),
        (["--false-alarms-per-hour", "0"], "0.0001..1000 are possible"),
        (["no/home.yaml"], "mkdir no"),
    ],
)
def test_what_cannot_be_leaves_no_file(
    options: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(["init", *options]) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_over(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "home.yaml"
    path.write_text("mine")
    assert main(["init", str(path)]) == 2
    assert "it is there already" in capsys.readouterr().err
    assert path.read_text() == "mine"
