"""The programs in examples/ run as they stand."""

from __future__ import annotations

import json
import re
import runpy
import socket
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from elsa_rt import ArraySource
from elsa_rt.cli import main
from elsa_rt.outputs.home_assistant import Topics, discovery
from elsa_rt.outputs.mqtt import MqttSettings
from elsa_rt.rules_file.reader import read_rules

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture
def run(bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setattr("elsa_rt.encoder.bundle.DEFAULT", bundle)
    return Run(monkeypatch, capsys)


class Run:
    """Runs an example as a program, on the tiny model; gives what it printed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, name: str, *argv: str | Path) -> str:
        self._monkeypatch.setattr(sys, "argv", [name, *map(str, argv)])
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
        return self._capsys.readouterr().out


def test_hear_a_microphone(
    run: Run, scene: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("elsa_rt.listener.open_source", lambda *_, **__: ArraySource(scene, 16_000))
    lines = run("hear_a_microphone", "a hum", "a hiss").splitlines()
    assert [line.split(" s  ")[1] for line in lines] == [
        "start  a hum  (left)", "end    a hum  (left)",
        "start  a hiss  (behind)", "end    a hiss  (behind)",
    ]  # fmt: skip


def test_push_from_a_robot(run: Run, recording: Path) -> None:
    lines = run("push_from_a_robot", recording, "a hum", "a hiss").splitlines()
    assert len(lines) == 61  # one of silence ends the last alert
    assert lines[20].startswith("   2.1 s")
    assert lines[20].endswith("a hum")


def test_search_a_recording(run: Run, recording: Path, tmp_path: Path) -> None:
    target = tmp_path / "room.npz"
    assert main(["embed", str(recording), "-o", str(target)]) == 0
    lines = run("search_a_recording", target, "a hiss").splitlines()[1:]
    assert len(lines) == 5
    assert all(4 < float(line.split()[0]) < 5.5 for line in lines)


def test_draw_live_view(run: Run, tmp_path: Path) -> None:
    picture = tmp_path / "view.svg"
    run("draw_live_view", picture, "3")
    assert "built-in" in picture.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(path.stem for path in EXAMPLES.glob("*.py")))
def test_without_arguments_it_says_how_to_run_it(run: Run, name: str) -> None:
    with pytest.raises(SystemExit) as ended:
        run(name)
    assert f"python examples/{name}.py" in str(ended.value)


def run_alone(monkeypatch: pytest.MonkeyPatch, name: str, *argv: str) -> int:
    """Run an example with the bundled model; its exit code."""
    monkeypatch.setattr(sys, "argv", [name, *argv])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    return int(ended.value.code or 0)


def test_a_simulated_robot_turns_to_the_sound(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_alone(monkeypatch, "turn_to_sound", "150") == 0
    out = capsys.readouterr().out
    assert "a telephone ringing behind" in out
    assert "the head faces it within" in out.splitlines()[-1]


@pytest.mark.parametrize("azimuth", ["-150", "30"])
def test_a_robot_that_cannot_tell_front_from_back_finds_out(
    monkeypatch: pytest.MonkeyPatch, azimuth: str
) -> None:
    assert run_alone(monkeypatch, "front_or_back", azimuth) == 0


def test_the_home_can_be_listened_by_and_its_automations_name_its_entities(tmp_path: Path) -> None:
    file = read_rules(EXAMPLES / "home" / "home.yaml")
    assert [output.type for output in file.outputs] == [
        "mqtt", "webhook", "jsonl", "clips", "prometheus"
    ]  # fmt: skip
    (mqtt,) = (output for output in file.outputs if isinstance(output, MqttSettings))
    message = discovery(mqtt.device_id, "", Topics("x"), file.rules, model="", version="")
    entities = {one["default_entity_id"] for one in message["cmps"].values()}
    text = (EXAMPLES / "home" / "automations.yaml").read_text("utf-8")
    named = set(
        re.findall(r"\b(?:binary_sensor|event|switch|number|button|sensor)\.living\w+", text)
    )
    assert len(named) >= 6
    assert named <= entities
    assert [one["alias"] for one in yaml.safe_load(text)]


STORY = ["start a hum, left", "end a hum, left", "start a hiss, behind", "end a hiss, behind"]


def test_several_rooms(run: Run, recording: Path) -> None:
    lines = run(
        "several_rooms", f"kitchen={recording}", f"hall={recording}", "--", "a hum", "a hiss"
    )
    for room in ("kitchen", "hall"):
        told = [line.split(": ")[1] for line in lines.splitlines() if line.startswith(room)]
        assert told == STORY


@pytest.mark.parametrize("name", ["listen_in_asyncio", "call_back"])
def test_without_a_loop_of_its_own(run: Run, recording: Path, name: str) -> None:
    lines = run(name, recording, "a hum", "a hiss").splitlines()
    assert [line.split("  ")[1:3] for line in lines] == [
        ["start", "a hum"], ["end", "a hum"], ["start", "a hiss"], ["end", "a hiss"],
    ]  # fmt: skip


def test_match_embeddings(run: Run, recording: Path) -> None:
    lines = run("match_embeddings", recording, "a hum", "a hiss", "a dog").splitlines()
    heard = [(float(line.split(" s  ")[0]), line.split(" s  ")[1]) for line in lines]
    assert {what for time_s, what in heard if 1.2 < time_s < 3} == {"a hum"}
    assert {what for time_s, what in heard if 4.2 < time_s < 5} == {"a hiss"}


def test_own_source(run: Run, scene: NDArray[np.float32]) -> None:
    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            connection.sendall(np.ascontiguousarray(scene.T).astype("<f4").tobytes())

    with socket.create_server(("127.0.0.1", 0)) as server:
        sending = threading.Thread(target=serve)
        sending.start()
        port = str(server.getsockname()[1])
        lines = run("own_source", "127.0.0.1", port, "a hum", "a hiss").splitlines()
        sending.join()
    assert [line.split("  ")[1:] for line in lines] == [
        ["start", "a hum"], ["end", "a hum"], ["start", "a hiss"], ["end", "a hiss"],
    ]  # fmt: skip


def test_search_a_folder(run: Run, recording: Path) -> None:
    (recording.parent / "notes.txt").write_text("no sound", "utf-8")
    lines = [
        json.loads(line) for line in run("search_a_folder", recording.parent, "a hiss").splitlines()
    ]
    assert [(line["file"], line["state"], line["words"]) for line in lines] == [
        ("scene.wav", "start", "behind"), ("scene.wav", "end", "behind"),
    ]  # fmt: skip
