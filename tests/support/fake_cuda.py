"""CUDA and TensorRT without a GPU: memory is the processor's, a plan is an ONNX file.

What is asked of a stream is done at once, or recorded while it captures, so that a wrong order, a
wrong address or a state that does not stay where it belongs shows in what comes out.

    install(monkeypatch) -> FakeCuda    both are what elsa_rt finds from now on
"""

from __future__ import annotations

import ctypes
import enum
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

import elsa_rt.encoder.tensorrt
from elsa_rt.encoder.tensorrt.library import TENSORRT_MODULES

VERSION = "10.13.3"


class Code(enum.IntEnum):
    cudaSuccess = 0
    cudaErrorMemoryAllocation = 2
    cudaErrorInsufficientDriver = 35


class FakeCuda:
    """The functions of ``cuda.bindings.runtime`` that elsa_rt calls."""

    cudaDeviceScheduleBlockingSync = 4
    cudaStreamCaptureMode = SimpleNamespace(cudaStreamCaptureModeThreadLocal=1)
    cudaMemcpyKind = SimpleNamespace(
        cudaMemcpyHostToDevice=1, cudaMemcpyDeviceToHost=2, cudaMemcpyDeviceToDevice=3
    )

    def __init__(self) -> None:
        self.fails: Code | None = None
        self.gpu = "Orin"
        self.capability = (8, 7)
        self.launches = 0
        self._memory: dict[int, Any] = {}
        self._captured: list[Callable[[], object]] | None = None

    def _ok(self, *values: Any) -> tuple[Any, ...]:
        return (self.fails or Code.cudaSuccess, *values)

    def do(self, work: Callable[[], object]) -> None:
        """Do ``work``, or record it."""
        if self._captured is None:
            work()
        else:
            self._captured.append(work)

    def cudaGetDeviceCount(self) -> tuple[Any, ...]:
        return self._ok(1)

    def cudaGetDeviceProperties(self, _: int) -> tuple[Any, ...]:
        major, minor = self.capability
        return self._ok(SimpleNamespace(name=self.gpu.encode(), major=major, minor=minor))

    def cudaRuntimeGetVersion(self) -> tuple[Any, ...]:
        return Code.cudaSuccess, 12060

    def cudaDriverGetVersion(self) -> tuple[Any, ...]:
        return self._ok(12060)

    def cudaSetDeviceFlags(self, _: int) -> tuple[Any, ...]:
        return self._ok()

    def cudaStreamCreate(self) -> tuple[Any, ...]:
        return self._ok(7)

    def cudaStreamSynchronize(self, _: int) -> tuple[Any, ...]:
        assert self._captured is None, "a stream that captures cannot be waited for"
        return self._ok()

    def cudaStreamDestroy(self, _: int) -> tuple[Any, ...]:
        return self._ok()

    def cudaMalloc(self, count: int) -> tuple[Any, ...]:
        buffer = ctypes.create_string_buffer(b"\xff" * count, count)  # NaN until it is zeroed
        self._memory[ctypes.addressof(buffer)] = buffer
        return self._ok(ctypes.addressof(buffer))

    cudaMallocHost = cudaMalloc

    def cudaFree(self, address: int) -> tuple[Any, ...]:
        del self._memory[address]
        return self._ok()

    cudaFreeHost = cudaFree

    def cudaMemsetAsync(self, address: int, value: int, count: int, _: int) -> tuple[Any, ...]:
        self.do(lambda: ctypes.memset(address, value, count))
        return self._ok()

    def cudaMemcpyAsync(self, to: int, of: int, count: int, kind: int, _: int) -> tuple[Any, ...]:
        self.do(lambda: ctypes.memmove(to, of, count))
        return self._ok()

    def cudaStreamBeginCapture(self, stream: int, mode: int) -> tuple[Any, ...]:
        self._captured = []
        return self._ok()

    def cudaStreamEndCapture(self, _: int) -> tuple[Any, ...]:
        captured, self._captured = self._captured, None
        return self._ok(captured)

    def cudaGraphInstantiate(self, graph: Any, flags: int) -> tuple[Any, ...]:
        return self._ok(list(graph))

    def cudaGraphDestroy(self, graph: Any) -> tuple[Any, ...]:
        return self._ok()

    def cudaGraphExecDestroy(self, graph: Any) -> tuple[Any, ...]:
        return self._ok()

    def cudaGraphLaunch(self, graph: Any, _: int) -> tuple[Any, ...]:
        self.launches += 1
        for work in graph:
            work()
        return self._ok()


class _Context:
    def __init__(self, engine: _Engine) -> None:
        self._engine = engine
        self._addresses: dict[str, int] = {}

    def set_tensor_address(self, name: str, address: int) -> bool:
        self._addresses[name] = address
        return True

    def execute_async_v3(self, stream: int) -> bool:
        assert stream == 7
        addresses = dict(self._addresses)  # as they are when it is asked for
        self._engine.cuda.do(lambda: self._run(addresses))
        return True

    def _run(self, addresses: dict[str, int]) -> None:
        session = self._engine.session
        inputs = {x.name: self._at(addresses[x.name], x.shape) for x in session.get_inputs()}
        for x, value in zip(session.get_outputs(), session.run(None, inputs), strict=True):
            self._at(addresses[x.name], x.shape)[...] = value

    @staticmethod
    def _at(address: int, shape: list[int]) -> NDArray[np.float32]:
        memory = (ctypes.c_float * int(np.prod(shape))).from_address(address)
        return np.ctypeslib.as_array(memory).reshape(shape)


class _Engine:
    """A plan: the ONNX file that it was made of, its free dimension fixed."""

    def __init__(self, cuda: FakeCuda, plan: bytes, streams: int) -> None:
        options = onnxruntime.SessionOptions()
        options.add_free_dimension_override_by_name("streams", streams)
        self.cuda = cuda
        self.session = onnxruntime.InferenceSession(
            plan, options, providers=["CPUExecutionProvider"]
        )
        self._inputs = {x.name: x.shape for x in self.session.get_inputs()}
        self._shapes = self._inputs | {x.name: x.shape for x in self.session.get_outputs()}

    @property
    def num_io_tensors(self) -> int:
        return len(self._shapes)

    def get_tensor_name(self, i: int) -> str:
        return list(self._shapes)[i]

    def get_tensor_shape(self, name: str) -> list[int]:
        return self._shapes[name]

    def get_tensor_dtype(self, name: str) -> str:
        return "float32"

    def get_tensor_mode(self, name: str) -> str:
        return "input" if name in self._inputs else "output"

    def create_execution_context(self, config: RuntimeConfig | None = None) -> _Context:
        if config is not None:
            config.cache.kernels |= {config.cache.gpu.encode()}  # compiled where it is missing
        return _Context(self)


class RtxEngine(_Engine):
    """A plan of TensorRT-RTX, which has a runtime cache."""

    def create_runtime_config(self) -> RuntimeConfig:
        return RuntimeConfig(self.cuda.gpu)


class RuntimeConfig:
    """The functions of ``tensorrt_rtx.IRuntimeConfig`` that elsa_rt calls."""

    def __init__(self, gpu: str) -> None:
        self._gpu = gpu

    def create_runtime_cache(self) -> RuntimeCache:
        return RuntimeCache(self._gpu)

    def set_runtime_cache(self, cache: RuntimeCache) -> bool:
        self.cache = cache
        return True


class RuntimeCache:
    """The functions of ``tensorrt_rtx.IRuntimeCache`` that elsa_rt calls."""

    loaded: ClassVar[list[bool]] = []  # of each blob whether it fitted

    def __init__(self, gpu: str) -> None:
        self.gpu, self.kernels = gpu, set[bytes]()

    def deserialize(self, blob: bytes) -> bool:
        self.loaded.append(blob == self.gpu.encode())
        if self.loaded[-1]:
            self.kernels.add(blob)
        return self.loaded[-1]

    def serialize(self) -> bytes:
        return b"".join(self.kernels)


def fake_plan(model: Path, streams: int) -> bytes:
    """What the fake runtime takes for a plan of ``model``."""
    return bytes([streams]) + model.read_bytes()


def install(monkeypatch: pytest.MonkeyPatch, engine: str = "tensorrt") -> FakeCuda:
    cuda = FakeCuda()
    bindings = ModuleType("cuda.bindings")
    bindings.runtime = cuda  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "cuda", ModuleType("cuda"))
    monkeypatch.setitem(sys.modules, "cuda.bindings", bindings)
    for name in ("cuda", "run"):  # loaded anew they find what is pretended, until undone
        monkeypatch.setitem(sys.modules, f"elsa_rt.encoder.tensorrt.{name}", None)
        monkeypatch.setattr(f"elsa_rt.encoder.tensorrt.{name}", None, raising=False)
        del sys.modules[f"elsa_rt.encoder.tensorrt.{name}"]
        delattr(elsa_rt.encoder.tensorrt, name)

    class Logger:
        ERROR = 1

    class Runtime:
        def __init__(self, logger: Any) -> None:
            self._logger = logger

        def deserialize_cuda_engine(self, plan: bytes) -> _Engine | None:
            if plan.startswith(b"old"):
                self._logger.log(1, "Version tag does not match. Note: Current Version: 240, "
                                 "Serialized Engine Version: 239")  # fmt: skip
                return None
            kind = RtxEngine if engine == "tensorrt-rtx" else _Engine
            return kind(cuda, plan[1:], plan[0])

    trt = ModuleType(TENSORRT_MODULES[engine])
    vars(trt).update(
        __version__=VERSION,
        ILogger=Logger,
        Runtime=Runtime,
        float32="float32",
        TensorIOMode=SimpleNamespace(INPUT="input"),
    )
    monkeypatch.setitem(sys.modules, trt.__name__, trt)
    import elsa_rt.encoder.tensorrt.run as run

    monkeypatch.setattr(
        run, "build_plan", lambda library, model, streams, *_: fake_plan(model, streams)
    )
    return cuda
