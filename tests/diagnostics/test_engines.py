"""What the doctor says of engines: versions, GPUs, and the cure for what is asked for in vain."""

from __future__ import annotations

import sys

import pytest

from elsa_rt.config import Config
from elsa_rt.diagnostics import engines
from elsa_rt.diagnostics.engines import check_engines, check_onnx, check_tensorrt
from tests.support.fake_cuda import VERSION, Code, install


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "has_gpu", lambda: True)


def none_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "installed", list)
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", None)


def test_a_computer_without_gpu_needs_none(monkeypatch: pytest.MonkeyPatch) -> None:
    none_installed(monkeypatch)
    monkeypatch.setattr(engines, "has_gpu", lambda: False)
    checks = {check.name: check for check in check_engines(Config())}
    assert list(checks) == ["onnx", "tensorrt", "tensorrt-rtx"]
    assert {check.state for check in checks.values()} == {"ok"}
    assert "with CPUExecutionProvider" in checks["onnx"].found


def test_a_gpu_that_nothing_uses(monkeypatch: pytest.MonkeyPatch, gpu: None) -> None:
    none_installed(monkeypatch)
    checks = {check.name: check for check in check_engines(Config())}
    assert "pip install onnxruntime-gpu" in checks["onnx"].found
    assert checks["tensorrt"].state == "warning"
    assert checks["tensorrt"].cure.startswith("pip install tensorrt, then elsa-rt compile")


def test_what_is_asked_for_by_name_and_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    none_installed(monkeypatch)
    for engine in ("tensorrt", "tensorrt-rtx"):
        check = check_tensorrt(engine, Config(engine=engine))
        assert check.state == "failure"
        assert f"no module '{engine}': pip install" in check.found
    check = check_onnx(Config(provider="cuda"))
    assert (check.state, "onnxruntime-gpu" in check.cure) == ("failure", True)


def test_versions_of_what_is_there(monkeypatch: pytest.MonkeyPatch, gpu: None) -> None:
    cuda = install(monkeypatch)
    monkeypatch.setattr(engines, "installed", lambda: ["tensorrt"])
    check = check_tensorrt("tensorrt", Config())
    assert check.state == "ok"
    assert check.found.startswith(f"{VERSION}, Orin, compute capability 8.7, driver ")
    assert check.found.endswith("CUDA 12.6")
    cuda.fails = Code.cudaErrorInsufficientDriver
    check = check_tensorrt("tensorrt", Config())
    assert check.state == "warning"
    assert f"{VERSION}; looking for a GPU: CUDA says cudaErrorInsufficientDriver" in check.found
    assert "update the driver" in check.found
    assert check_tensorrt("tensorrt", Config(engine="tensorrt")).state == "failure"
