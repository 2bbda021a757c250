"""Runs of the command: their ids differ, and their outputs do not write into one another."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from elsa_rt.cli import main

Capture = pytest.CaptureFixture[str]


def test_ids_never_repeat_between_runs(
    bundle: Path, recording: Path, tmp_path: Path, capsys: Capture
) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text("rules: [{prompt: a hum}]\noutputs: [{type: jsonl, path: a.jsonl}]\n")
    for _ in range(2):
        options = ["listen", str(recording), "--bundle", str(bundle), "--config", str(rules)]
        assert main(options) == 0
    capsys.readouterr()
    rows = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    starts = [row for row in rows if row.get("state") == "start"]
    assert len(starts) >= 2
    for name in ("id", "event", "track"):
        found = [row[name] for row in starts if row[name]]
        assert len(set(found)) == len(found)


@pytest.mark.parametrize(
    ("paths", "told"),
    [
        (("a.jsonl", "./a.jsonl"), "is written by the output in line"),
        (("fifo",), "no regular file"),
        ((".",), "no regular file"),
    ],
)
def test_check_refuses_outputs_that_would_lose_lines(
    paths: tuple[str, ...], told: str, tmp_path: Path, capsys: Capture
) -> None:
    os.mkfifo(tmp_path / "fifo")
    rules = tmp_path / "rules.yaml"
    lines = "".join(f"  - {{type: jsonl, path: {path}}}\n" for path in paths)
    rules.write_text(f"rules: [{{prompt: a hum}}]\noutputs:\n{lines}")
    assert main(["check", str(rules)]) == 2
    assert told in "".join(capsys.readouterr())
