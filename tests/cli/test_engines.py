"""``compile``, ``bench`` and ``warmup``: what they build, measure and refuse."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from elsa_rt.cli import main
from elsa_rt.cli.bench_run import BUSIEST, WHOLE, Quantiles, Report
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.encoder.tensorrt import library
from elsa_rt.encoder.tensorrt.library import Library
from elsa_rt.encoder.tensorrt.plans import PlanKey, find_plan
from elsa_rt.errors import EngineError

Capture = pytest.CaptureFixture[str]


def test_compile_for_another_gpu(bundle: Path, tmp_path: Path, capsys: Capture) -> None:
    pytest.importorskip("tensorrt_rtx", reason="pip install tensorrt-rtx")
    argv = ["compile", str(bundle), "--engine", "tensorrt-rtx", "--target", "8.9"]
    assert main([*argv, "--output", str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    (path,) = tmp_path.glob("*.plan")
    assert out.startswith(f"{path}: ")
    assert "100%" in err
    loaded, library = ModelBundle.load(bundle), Library("tensorrt-rtx")
    model = loaded.files["audio_encoder.onnx"]
    there = ("8.9", "RTX 4090", "580.65", "13.0")
    key = PlanKey("tiny", model, "tensorrt-rtx", "fp32", 1, library.version, *there)
    assert find_plan(key, tmp_path) == path.read_bytes()
    with pytest.raises(EngineError, match=r"capability 8\.9, here is compute capability 8\.6"):
        find_plan(PlanKey(**{**key.__dict__, "capability": "8.6"}), tmp_path)


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (["--streams", "0"], 2, "--streams 0: 1 or more is needed"),
        (["--target", "8.9"], 2, "the cache is for this one: say with --output DIR"),
        (["--engine", "tensorrt"], 1, "has no module 'tensorrt'"),
        (["--precision", "half"], 2, "invalid choice: 'half'"),
    ],
)
def test_compile_refuses(
    bundle: Path, argv: list[str], code: int, said: str, capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    assert main(["compile", str(bundle), *argv]) == code
    assert said in capsys.readouterr().err


def test_compile_without_any_tensorrt(
    bundle: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "find_spec", lambda _: None)
    assert main(["compile", str(bundle)]) == 1
    assert "no TensorRT is installed: pip install tensorrt or pip" in capsys.readouterr().err


def test_bench_measures_and_appends_a_line(bundle: Path, tmp_path: Path, capsys: Capture) -> None:
    file = tmp_path / "figures.jsonl"
    argv = ["bench", "--bundle", str(bundle), "--steps", "20", "--prompts", "3"]
    for _ in range(2):
        assert main([*argv, "--json", str(file)]) in (0, 1)
    out = capsys.readouterr().out
    assert "BUDGET: p99" in out
    assert "scores of 3 prompts" in out
    first, second = map(json.loads, file.read_text().splitlines())
    assert first["model"] == second["model"] == ModelBundle.load(bundle).files[
        "audio_encoder.onnx"
    ][:12]  # fmt: skip
    assert first["stages_ms"][WHOLE]["p50"] >= first["stages_ms"]["audio encoder"]["p50"]
    assert first["latency_ms"]["step"] == pytest.approx(100)


def test_the_verdict() -> None:
    fast = Quantiles(1, 2, 1000 * BUSIEST * 0.1)
    report = Report({WHOLE: fast}, 0.1, {}, "onnx", 1)
    assert report.within
    assert report.real_time == 100
    assert report.capacity == 50
    assert not report._replace(stages={WHOLE: fast._replace(p99=fast.p99 + 0.1)}).within


def test_bench_refuses(bundle: Path, capsys: Capture) -> None:
    assert main(["bench", "--steps", "0"]) == 2
    assert "--steps 0: 1 or more is needed" in capsys.readouterr().err


def test_warmup(bundle: Path, capsys: Capture) -> None:
    assert main(["warmup", "--bundle", str(bundle)]) == 0
    assert "first hearing after" in capsys.readouterr().out
