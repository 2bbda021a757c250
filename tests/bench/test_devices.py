"""The guide's table of devices, and the verdict of the benches."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from elsa_rt.cli.bench_run import WHOLE
from tests.bench import results
from tests.bench.devices import BEGIN, END, LINES, PAGE, in_page, newest, table
from tests.bench.targets import RECORD, Target, in_turns, judge


def line(device: str = "a board", p50: float = 2.0, **more: object) -> str:
    return json.dumps({
        "device": device, "cores": 4, "engine": "onnx", "precision": "auto", "streams": 1,
        "power_mode": None, "versions": {"onnxruntime": "1.32.0"}, "bundle": "small",
        "model": "0123456789ab", "stages_ms": {WHOLE: {"p50": p50, "p95": 3.0, "p99": 4.0}},
        "real_time": 40.0, "within": True, "onset_to_alert_s": [0.5, 0.3, 0.4],
    } | more)  # fmt: skip


def test_the_newest_line_of_each_device() -> None:
    rows = list(table(newest([line(), line("another", streams=8), line(p50=1.0)])))
    assert len(rows) == 4
    assert rows[2].startswith("| another, 4 cores | onnx 1.32.0 auto, 8 streams | small 01234567 |")
    assert rows[3] == (
        "| a board, 4 cores | onnx 1.32.0 auto | small 01234567 | 1.00 / 3.00 / 4.00 | 40 "
        "| 400 ms | WITHIN |"
    )


def test_the_version_is_that_of_what_runs_the_model() -> None:
    """The compiled engine is of elsa-rt itself."""
    (*_, row) = table(newest([line(engine="compiled", elsa_rt="0.4.2")]))
    assert "| compiled 0.4.2 auto |" in row


def test_the_table_goes_between_its_marks() -> None:
    assert in_page(f"a\n{BEGIN}old\n{END}b\n", ["new"]) == f"a\n{BEGIN}new\n{END}b\n"
    with pytest.raises(SystemExit, match="lacks"):
        in_page("a\n", [])


def test_the_page_has_nothing_but_those_lines() -> None:
    lines = LINES.read_text("utf-8").splitlines() if LINES.is_file() else []
    page = PAGE.read_text("utf-8")
    assert in_page(page, table(newest(lines))) == page


def test_the_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    kept = [Target("fast", 2.0, 3.0, "ms"), Target("dear", 80.0, 75.0, at_least=True)]
    assert judge(kept)
    assert not judge([*kept, Target("odd", float("nan"), 1.0)])
    out = capsys.readouterr().out
    assert "| fast | ≤ 3 ms | 2 ms | WITHIN |" in out
    assert "| odd | ≤ 1 | nan | EXCEEDS |" in out


def test_turns_alternate() -> None:
    order: list[str] = []
    found = in_turns({n: lambda n=n: order.append(n) for n in "ab"}, 2, run=2, warm_up=1)  # type: ignore[misc]
    assert "".join(order) == "aabb" * 3
    assert all(values.shape == (3,) for values in found.values())


def test_what_a_bench_measured_makes_the_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "results.json"
    judge([Target("a step, p50", 1.0, 1.1, "ms")], "step")
    assert not file.exists()  # only where it is asked for
    monkeypatch.setenv(RECORD, str(file))
    judge([Target("a step, p50", 1.0, 1.1, "ms"), Target("a step, p99", 2.0, 1.6, "ms")], "step")
    judge([Target("microphones on one core", 90, 100, at_least=True)], "microphones")
    kept = json.loads(file.read_text("utf-8"))
    rows = list(results.table(kept))
    assert rows[2:5] == [
        "| `python -m tests.bench.step` | a step, p50 | ≤ 1.1 ms | 1 ms |",
        "|  | a step, p99 | ≤ 1.6 ms | **2 ms** |",
        "| `python -m tests.bench.microphones` | microphones on one core | ≥ 100 | **90** |",
    ]
    assert "load average" in rows[-1]
    assert list(results.short_table(kept))[2:] == [
        "| a step, p50 | ≤ 1.1 ms | 1 ms |", "| a step, p99 | ≤ 1.6 ms | **2 ms** |",
    ]  # fmt: skip


def test_guide_and_readme_are_made_of_the_recorded_runs() -> None:
    kept = json.loads(results.RESULTS.read_text("utf-8"))
    for path, page in results.pages(kept).items():
        assert path.read_text("utf-8") == page, "run python -m tests.bench.results --write"
