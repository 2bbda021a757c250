"""The check of a GPU, on a pretended one: its report, its table, its verdicts."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from elsa_rt.config import Config
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.encoder.engines import load_model
from elsa_rt.encoder.step import StepRun
from export.bundles.parity import Answers
from tests.bench import gpu_check
from tests.support.fake_cuda import install
from tests.support.tiny_bundle import free_streams, make_bundle


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return free_streams(make_bundle(tmp_path_factory.mktemp("bundles") / "many"))


@pytest.fixture(autouse=True)
def _few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELSA_RT_CACHE", str(tmp_path / "cache"))
    for name, value in (("STREAMS", (1, 4)), ("STEPS", 6), ("TIMED", 30), ("WARM_UP", 2)):
        monkeypatch.setattr(gpu_check, name, value)
    # a busy machine must not end the rows of streams early
    monkeypatch.setattr(gpu_check, "quantiles_ms", lambda *_: {"p50": 1.0, "p95": 2.0, "p99": 3.0})


def test_the_report_of_a_gpu_that_does_what_it_should(
    many: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch)
    memory = iter(range(2_000_000_000, 0, -1_000_000))
    report = gpu_check.check("tensorrt", ModelBundle.load(many), 60, lambda: next(memory))
    assert report["within"]
    full = report["precisions"]["fp32"]
    assert full["cosine_mean"] > 0.9999
    assert full["step_ms"]["p99"] == 3
    assert [row["streams"] for row in report["batches"]] == [1, 4]
    assert all(row["memory_mb"] == 1 for row in report["batches"])
    assert set(report["foreign"]["refused"]) == {"gpu", "driver", "capability"}
    text = "\n".join(gpu_check.table(json.loads(json.dumps(report))))
    assert "| fp32 |" in text
    assert "plans of other GPUs and drivers: refused" in text


def test_an_encoder_that_hears_something_else_is_beyond(
    many: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cuda = install(monkeypatch)
    real = gpu_check.answers

    def turned(run: object, frames: gpu_check.Frames) -> Answers:
        heard = real(run, frames)  # type: ignore[arg-type]
        on_gpu = type(run).__module__.endswith("tensorrt.run")
        return heard._replace(direction=-heard.direction) if on_gpu else heard

    monkeypatch.setattr(gpu_check, "answers", turned)
    report = gpu_check.check("tensorrt", ModelBundle.load(many), 60, lambda: 0)
    assert not report["precisions"]["fp32"]["within"]
    assert not report["within"]
    assert "BEYOND" in "\n".join(gpu_check.table(report))
    assert cuda is not None


def test_it_stops_when_its_time_is_over(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)
    report = gpu_check.check("tensorrt", ModelBundle.load(many), 0, lambda: 0)
    assert report["batches"] == [{"streams": 1, "skipped": "no time was left"}]
    assert "no time was left" in "\n".join(gpu_check.table(report))


def test_no_engine_is_begun_that_its_time_may_not_reach(many: Path) -> None:
    asked, left = list[int](), iter([450.0, 450.0, 280.0, 280.0])

    def load(_: str, streams: int) -> StepRun:
        asked.append(streams)
        config = Config(engine="onnx")
        return load_model(ModelBundle.load(many), config, streams, lambda _: None).stream()

    rows = gpu_check.batches(ModelBundle.load(many), load, "fp32", lambda: 0, lambda: next(left))
    assert [row.get("skipped") for row in rows] == [None, "no time was left"]
    assert asked == [1]


def test_a_machine_without_a_gpu_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gpu_check, "has_gpu", lambda: False)
    monkeypatch.setattr(sys, "argv", ["gpu_check"])
    assert gpu_check.main() == 1
    assert "no NVIDIA GPU" in capsys.readouterr().err
