"""``--config``, ``check``, ``replay`` and ``tune``: one file, the same alerts live and after."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from elsa_rt.cli import main
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.rules_file.lint import lint
from elsa_rt.rules_file.reader import read_rules
from tests.cli.test_bad_input import refused
from tests.support.busy import besides_waiting, next_besides_waiting
from tests.support.run_ids import without_run

EXAMPLE = Path(__file__).parents[2] / "examples" / "rules.yaml"
LIMIT_S = 60

Capture = pytest.CaptureFixture[str]

RULES = """\
model:
  bundle: {bundle}
alerts: {{confirm_s: 0.3}}   # a comment
rules:
  - id: hum       # on the left
    prompt: a hum
    region: {{azimuth_deg: [45, 135]}}
  - id: hum-behind
    prompt: a hum
    region: {{azimuth_deg: [135, -135]}}
  - id: hiss
    prompts: [a hiss, the hiss]
"""


@pytest.fixture
def rules(tmp_path: Path, bundle: Path) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text(RULES.format(bundle=bundle), encoding="utf-8")
    return path


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def alerts(text: str) -> list[dict[str, Any]]:
    return [line for line in lines(text) if line["type"] == "alert"]


def test_listen_by_a_file(rules: Path, recording: Path, capsys: Capture) -> None:
    assert main(["listen", str(recording), "--config", str(rules)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert [(a["rule"], a["state"]) for a in alerts(out)] == [
        ("hum", "start"), ("hum", "end"), ("hiss", "start"), ("hiss", "end"),
    ]  # fmt: skip


def test_the_command_line_comes_first(rules: Path, recording: Path, capsys: Capture) -> None:
    assert main(["listen", str(recording), "--config", str(rules), "--alert-confirm-s", "9"]) == 0
    assert alerts(capsys.readouterr().out) == []


def test_the_file_may_name_the_source_and_files_for_alerts(
    rules: Path, recording: Path, capsys: Capture
) -> None:
    with rules.open("a", encoding="utf-8") as file:
        file.write(
            f"microphone: {{source: {recording}}}\noutputs:\n"
            "- {type: jsonl, path: alerts.jsonl}\n- {type: jsonl, path: all.jsonl, what: all}\n"
        )
    assert main(["listen", "--config", str(rules)]) == 0
    out = capsys.readouterr().out
    assert lines(rules.with_name("all.jsonl").read_text()) == lines(out)
    assert lines(rules.with_name("alerts.jsonl").read_text()) == alerts(out)


def test_replay_gives_what_a_pipe_gave_live(
    rules: Path, recording: Path, scene: NDArray[np.float32], command: list[str]
) -> None:
    pcm = np.round(scene.T * 2**15).astype("<i2").tobytes()
    raw = ["-", "--rate", "16000", "--channels", "4", "--sample-format", "s16"]
    live = subprocess.Popen(
        [*command, "listen", *raw, "--config", str(rules), "--alerts-only"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=False,
    )
    assert live.stdin is not None
    assert live.stdout is not None
    sizes = np.random.default_rng(3).integers(1, 20_001, 2_000)
    with live:
        start = 0
        for size in sizes:  # in pieces as a sound card never gives them
            live.stdin.write(pcm[start : start + size])
            live.stdin.flush()
            start += int(size)
            if start >= len(pcm):
                break
        live.stdin.close()
        heard = lines(live.stdout.read().decode())
    assert all(line.pop("at") for line in heard)
    replayed = subprocess.run(
        [*command, "replay", recording, "--config", str(rules)],
        capture_output=True,
        timeout=LIMIT_S,
        check=True,
    )
    assert lines(replayed.stdout.decode()) == without_run(heard)
    assert len(heard) == 4


def test_replay_as_a_table(
    rules: Path, recording: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    with contextlib.redirect_stdout(terminal):
        argv = ["replay", str(recording), "--config", str(rules), "--at", "2026-01-31T23:59:58"]
        assert main(argv) == 0
    head, hum, hiss = terminal.getvalue().splitlines()
    assert head.split() == ["begins", "lasts", "score", "where", "rule"]
    assert hum.split()[:2] == ["2026-01-31", "23:59:59"]
    assert hum.endswith("hum")
    assert "left" in hum
    assert hiss.split()[:2] == ["2026-02-01", "00:00:02"]


def test_replay_goes_by_the_schedule_of_that_time(
    rules: Path, recording: Path, capsys: Capture
) -> None:
    with rules.open("a", encoding="utf-8") as file:
        file.write("schedule: 22:00-06:00\ntime_zone: Asia/Tokyo\n")
    argv = ["replay", str(recording), "--config", str(rules)]
    assert main([*argv, "--at", "2026-01-31T12:00"]) == 0
    assert capsys.readouterr().out == ""
    assert main([*argv, "--at", "2026-01-31T23:00"]) == 0
    night = alerts(capsys.readouterr().out)
    assert len(night) == 4
    assert night[0]["at"].startswith("2026-01-31T23:00:01.")
    assert night[0]["at"].endswith("+09:00")
    assert main([*argv, "--at", "2026-01-31T14:00+00:00"]) == 0
    assert len(alerts(capsys.readouterr().out)) == 4
    assert "--at 2026-01-31T22:00" in refused(capsys, 2, *argv)
    assert "give date and time" in refused(capsys, 2, *argv, "--at", "noon")


def test_a_file_that_changes_while_it_is_listened_by(
    rules: Path, bundle: Path, scene: NDArray[np.float32], command: list[str]
) -> None:
    pcm = np.round(scene.T * 2**15).astype("<i2").tobytes()
    raw = ["-", "--rate", "16000", "--channels", "4", "--sample-format", "s16"]
    process = subprocess.Popen(
        [*command, "listen", *raw, "--config", str(rules), "--alerts-only"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    with process:
        process.stdin.write(pcm[: 2 * 16_000 * 8])
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["rule"] == "hum"
        rules.write_text(RULES.format(bundle=bundle).replace("a hiss", "''"), encoding="utf-8")
        os.kill(process.pid, signal.SIGHUP)
        refusal = next_besides_waiting(process.stderr)
        assert "line 12: prompts: a prompt is empty" in refusal
        assert "the old rules go on" in refusal
        text = RULES.format(bundle=bundle).replace("id: hum ", "id: drone ")
        rules.write_text(text, encoding="utf-8")
        os.kill(process.pid, signal.SIGHUP)
        assert "3 rules now, 1 new, 1 removed" in next_besides_waiting(process.stderr)
        out, err = process.communicate(pcm[2 * 16_000 * 8 :], timeout=LIMIT_S)
    assert besides_waiting(err) == []
    rest = [(a["rule"], a["state"]) for a in lines(out.decode())]
    assert rest[:2] == [("hum", "end"), ("drone", "start")]
    assert ("hiss", "end") in rest


def test_check_shows_rules_and_warnings(rules: Path, capsys: Capture) -> None:
    with rules.open("a", encoding="utf-8") as file:
        file.write("  - {id: twin, prompts: [a hiss, the hiss]}\n  - {prompt: разбитое стекло}\n")
        file.write("  - {id: never, level_dbfs: -1, alert_start: 1}\n")
    assert main(["check", str(rules)]) == 0
    out, err = capsys.readouterr()
    assert f"{rules}: 6 rules, no mistake" in out.replace("\n", "")
    for said in (
        "line 13: rule twin is the same as hiss",
        "does not look English",
        "line 15: rule never: level_dbfs -1: a full-scale sine reads -3",
        "line 15: rule never: alert_start 1",
    ):
        assert said in err
    assert all(line.startswith(f"warning: {rules}, line ") for line in err.splitlines())


def test_regions_narrower_than_the_model_is_exact_are_doubted(rules: Path, bundle: Path) -> None:
    rules.write_text(
        "rules:\n- {id: a, prompt: a hum, region: {azimuth_deg: [170, -175]}}\n"
        "- {id: b, prompt: a hum, region: {azimuth_deg: [170, -160]}}\n"
        "- {id: c, prompt: a hum, region: {elevation_deg: [0, 19]}}\n",
        encoding="utf-8",
    )
    known = {"here": {"direction_step_median_deg": 8.0}, "there": {"direction_step_median_deg": 10}}
    plain = ModelBundle.load(bundle)
    assert lint(read_rules(rules), plain) == []
    found = lint(read_rules(rules), replace(plain, measured=known))
    assert [(doubt.line, doubt.what.split(",")[0]) for doubt in found] == [
        (2, "rule a: azimuth_deg is 15° wide"), (4, "rule c: elevation_deg is 19° wide"),
    ]  # fmt: skip


def test_check_says_all_mistakes_and_ends_with_2(rules: Path, capsys: Capture) -> None:
    rules.write_text("rules:\n- prompt: ''\n- promt: x\nmodel: {engine: steam}\n", "utf-8")
    assert main(["check", str(rules)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert [line.split(": ")[0] for line in err.splitlines()] == [
        f"{rules}, line {number}" for number in (2, 3, 3, 4)
    ]
    assert main(["check", str(rules), "--json"]) == 2
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] is False
    assert [mistake["line"] for mistake in found["mistakes"]] == [2, 3, 3, 4]
    assert "did you mean prompt" in found["mistakes"][1]["message"] + str(found["mistakes"][2])


def test_check_as_json_of_what_is_right(rules: Path, capsys: Capture) -> None:
    assert main(["check", str(rules), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == {
        "ok": True, "path": str(rules), "mistakes": [], "warnings": [],
        "rules": ["hum", "hum-behind", "hiss"],
    }  # fmt: skip


def test_check_prints_the_schema(capsys: Capture) -> None:
    assert main(["check", "--schema"]) == 0
    assert json.loads(capsys.readouterr().out)["required"] == ["rules"]


def test_the_example_is_right_and_its_schema_is_there() -> None:
    file = read_rules(EXAMPLE)
    assert len(file.rules) >= 5
    said = EXAMPLE.read_text(encoding="utf-8").splitlines()[0].split("$schema=")[1]
    assert (EXAMPLE.parent / said).is_file()


LABELS = "start_s,end_s,rule\n1.0,3.0,hum\n4.0,5.0,hiss\n"


def test_tune_draws_and_writes_and_the_new_scores_keep_what_it_said(
    rules: Path, recording: Path, tmp_path: Path, capsys: Capture
) -> None:
    labels, target = tmp_path / "labels.csv", tmp_path / "page.html"
    labels.write_text(LABELS, encoding="utf-8")
    argv = ["tune", str(recording), str(labels), "--config", str(rules), "-o", str(target)]
    before = rules.read_text(encoding="utf-8")
    assert main(argv) == 0
    out = capsys.readouterr().out
    assert "hum: alert_start " in out
    assert "hum-behind: no sound of it is labelled" in out
    assert target.read_text(encoding="utf-8").count("<svg") == 4
    assert rules.read_text(encoding="utf-8") == before
    assert main([*argv, "--write"]) == 0
    assert "alert_start of 2 rules is written" in capsys.readouterr().out
    after = rules.read_text(encoding="utf-8").splitlines()
    assert [line for line in after if "alert_start" not in line] == before.splitlines()
    assert [line.strip()[:12] for line in after].count("alert_start:") == 2
    assert main(["replay", str(recording), "--config", str(rules)]) == 0
    assert [(a["rule"], a["state"]) for a in alerts(capsys.readouterr().out)] == [
        ("hum", "start"), ("hum", "end"), ("hiss", "start"), ("hiss", "end"),
    ]  # fmt: skip


def test_bad_input_of_rules(rules: Path, recording: Path, tmp_path: Path, capsys: Capture) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text(LABELS, encoding="utf-8")
    config = ("--config", rules)
    assert "elsa-rt check rules.yaml" in refused(capsys, 2, "check")
    assert "--config" in refused(capsys, 2, "replay", recording)
    missing = refused(capsys, 2, "listen", recording, "--config", tmp_path / "no.yaml")
    assert "no.yaml: it cannot be read" in missing
    both = refused(capsys, 2, "listen", recording, *config, "--prompt", "a dog")
    assert "leave out --prompt" in both
    nothing = refused(capsys, 2, "replay", tmp_path / "no.wav", *config)
    assert "no.wav: No such file" in nothing
    stereo = refused(capsys, 2, "tune", tmp_path / "no.wav", labels, *config)
    assert "no.wav" in stereo
    nowhere = refused(capsys, 2, "tune", recording, labels, *config, "-o", tmp_path / "no" / "x")
    assert "make it first" in nowhere
    labels.write_text(LABELS + "50,60,hum\n", encoding="utf-8")
    late = refused(capsys, 2, "tune", recording, labels, *config, "-o", tmp_path / "x.html")
    assert "begins at 50 s and the recording ends at 6" in late
    rules.write_text("rules: 5\n", encoding="utf-8")
    assert "rules.yaml, line 1: " in refused(capsys, 2, "listen", recording, *config)


def test_outputs_of_a_rules_file_get_what_is_heard(
    bundle: Path, recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(
        f"microphone: {{source: {recording}}}\nmodel: {{bundle: {bundle}}}\n"
        "rules: [{prompt: a hum}, {prompt: a hiss}]\n"
        "outputs:\n"
        "  - {type: jsonl, path: alerts.jsonl}\n"
        f"  - {{type: exec, command: [sh, -c, 'cat >> {tmp_path}/got.jsonl']}}\n"
        "  - {type: clips, directory: clips, speech: allow, pre_s: 0.5}\n"
        "  - {type: webhook, url: 'http://127.0.0.1:1/'}\n"
    )
    assert main(["listen", "--config", str(rules), "--alerts-only"]) == 0
    captured = capsys.readouterr()
    lines = [json.loads(line) for line in captured.out.splitlines()]
    ids = [line["id"] for line in lines if line["state"] == "start"]
    assert len(ids) == 2
    got = [json.loads(line) for line in (tmp_path / "got.jsonl").read_text().splitlines()]
    assert [line["id"] for line in got] == ids
    assert {path.stem for path in (tmp_path / "clips").glob("*/*.flac")} == set(ids)
    assert len((tmp_path / "alerts.jsonl").read_text().splitlines()) == len(lines)
    assert "webhook 127.0.0.1:1: the receiver cannot be reached" in captured.err
    assert "2 messages lost" in captured.err
