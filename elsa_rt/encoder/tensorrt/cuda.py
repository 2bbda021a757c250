"""The gate to CUDA: device and pinned memory, a stream, a captured graph."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.errors import EngineError

try:
    from cuda.bindings import runtime as cudart
except ImportError as error:
    raise EngineError(
        f"loading CUDA's Python binding: {error}: pip install 'cuda-bindings>=12.6,<13' beside "
        "CUDA 12 (JetPack 6), pip install 'cuda-bindings>=13' beside CUDA 13 (JetPack 7)"
    ) from None

FLOAT_BYTES = 4


class Gpu(NamedTuple):
    """The first GPU, and what drives it."""

    name: str
    capability: str  # "8.9"
    driver: str
    cuda: str  # the newest CUDA that the driver knows


def check(result: tuple[Any, ...], doing: str) -> Any:
    """The value of a call of CUDA, or an EngineError that says what was being done."""
    code, *values = result
    if int(code) == 0:
        return values[0] if values else None
    name = getattr(code, "name", str(code))
    raise EngineError(f"{doing}: CUDA says {name} ({int(code)}){_cure(name)}")


def _cure(name: str) -> str:
    if "InsufficientDriver" in name:
        cuda = _version(check(cudart.cudaRuntimeGetVersion(), "asking for CUDA's version"))
        return (
            f": there is no NVIDIA driver, or one too old for CUDA {cuda} of cuda-bindings: see "
            "nvidia-smi, update the driver, or pip install 'cuda-bindings<13'"
        )
    if "NoDevice" in name:
        return ": no GPU is to be seen: check nvidia-smi and CUDA_VISIBLE_DEVICES"
    if "MemoryAllocation" in name:
        return ": the GPU's memory is full: end other programs on it (nvidia-smi lists them)"
    return ": check the GPU with nvidia-smi"


def find_gpu() -> Gpu:
    """Ask the driver for the first GPU.

    Raises
    ------
    EngineError
        There is none, or no driver.
    """
    doing = "looking for a GPU"
    check(cudart.cudaGetDeviceCount(), doing)
    properties = check(cudart.cudaGetDeviceProperties(0), doing)
    name = properties.name
    return Gpu(
        name=(name.decode() if isinstance(name, bytes) else str(name)).rstrip("\0"),
        capability=f"{properties.major}.{properties.minor}",
        driver=_driver(),
        cuda=_version(check(cudart.cudaDriverGetVersion(), doing)),
    )


def _version(number: int) -> str:
    return f"{number // 1000}.{number % 1000 // 10}"


def _driver() -> str:
    """The driver's own version; where the kernel does not tell it, as on Windows' Linux, "?"."""
    path = Path("/proc/driver/nvidia/version")
    words = path.read_text("utf-8").split() if path.is_file() else []
    return next((word for word in words if word.count(".") and word[0].isdigit()), "?")


class Stream:
    """A CUDA stream: operations enqueued on it run in order."""

    def __init__(self) -> None:
        # a waiting thread must sleep: the processor's cores are few
        check(cudart.cudaSetDeviceFlags(cudart.cudaDeviceScheduleBlockingSync), "preparing the GPU")
        self.handle = check(cudart.cudaStreamCreate(), "opening a CUDA stream")
        weakref.finalize(self, cudart.cudaStreamDestroy, self.handle)

    def synchronize(self) -> None:
        """Wait until all is done."""
        check(cudart.cudaStreamSynchronize(self.handle), "running the audio encoder on the GPU")

    def capture(self, work: Callable[[], None]) -> Graph:
        """Record what ``work`` asks of this stream, instead of doing it."""
        mode = cudart.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        check(cudart.cudaStreamBeginCapture(self.handle, mode), "capturing a CUDA graph")
        work()
        graph = check(cudart.cudaStreamEndCapture(self.handle), "capturing a CUDA graph")
        return Graph(graph, self)


class Graph:
    """Recorded work, launched at the price of one call."""

    def __init__(self, graph: Any, stream: Stream) -> None:
        self._stream = stream
        self._ready = check(cudart.cudaGraphInstantiate(graph, 0), "preparing a CUDA graph")
        check(cudart.cudaGraphDestroy(graph), "preparing a CUDA graph")
        weakref.finalize(self, cudart.cudaGraphExecDestroy, self._ready)

    def launch(self) -> None:
        """Begin the work; `Stream.synchronize` waits for its end."""
        check(cudart.cudaGraphLaunch(self._ready, self._stream.handle), "launching a CUDA graph")


class DeviceArray:
    """Zeroed float32 of ``shape`` on the GPU."""

    def __init__(self, shape: tuple[int, ...], stream: Stream) -> None:
        self.shape = shape
        self.bytes = FLOAT_BYTES * int(np.prod(shape))
        self.address: int = check(cudart.cudaMalloc(self.bytes), f"taking {self.bytes} bytes")
        weakref.finalize(self, cudart.cudaFree, self.address)
        self.zero(stream)

    def zero(self, stream: Stream, row: int | None = None) -> None:
        """Zero one row of the first axis, by default all."""
        row_bytes = self.bytes // self.shape[0]
        start, count = (0, self.bytes) if row is None else (row * row_bytes, row_bytes)
        done = cudart.cudaMemsetAsync(self.address + start, 0, count, stream.handle)
        check(done, "zeroing GPU memory")

    def copy_row(self, source: DeviceArray, row: int, stream: Stream) -> None:
        """Copy one row of the first axis of another array of this shape."""
        row_bytes = self.bytes // self.shape[0]
        start, kind = row * row_bytes, cudart.cudaMemcpyKind.cudaMemcpyDeviceToDevice
        done = cudart.cudaMemcpyAsync(
            self.address + start, source.address + start, row_bytes, kind, stream.handle
        )
        check(done, "copying on the GPU")


class PinnedArray:
    """``values``, zeroed float32 of ``shape`` that the GPU reads and writes by itself."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        count = int(np.prod(shape))
        self.bytes = FLOAT_BYTES * count
        self.address: int = check(cudart.cudaMallocHost(self.bytes), "taking pinned memory")
        weakref.finalize(self, cudart.cudaFreeHost, self.address)
        memory = (ctypes.c_float * count).from_address(self.address)
        self.values: NDArray[np.float32] = np.ctypeslib.as_array(memory).reshape(shape)
        self.values[:] = 0

    def upload(self, to: DeviceArray, stream: Stream) -> None:
        """Copy to the GPU."""
        kind = cudart.cudaMemcpyKind.cudaMemcpyHostToDevice
        done = cudart.cudaMemcpyAsync(to.address, self.address, self.bytes, kind, stream.handle)
        check(done, "copying to the GPU")

    def download(self, source: DeviceArray, stream: Stream) -> None:
        """Copy from the GPU."""
        kind = cudart.cudaMemcpyKind.cudaMemcpyDeviceToHost
        done = cudart.cudaMemcpyAsync(self.address, source.address, self.bytes, kind, stream.handle)
        check(done, "copying from the GPU")
