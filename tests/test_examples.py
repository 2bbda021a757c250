"""The programs in examples/ run as they stand."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from elsa_rt import ArraySource
from elsa_rt.cli import main

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
    monkeypatch.setattr("elsa_rt.listener.open_source", lambda *_: ArraySource(scene, 16_000))
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
