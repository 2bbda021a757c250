"""The gate to TensorRT 10.3 to 11 and TensorRT-RTX: loading it, its failures, building plans.

All of them share one builder API. Networks are strongly typed: precision lives in the ONNX file,
INT8 as pairs of QuantizeLinear and DequantizeLinear. Shapes are static.
"""

from __future__ import annotations

import ctypes.util
import importlib
import re
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

from elsa_rt.errors import EngineError

TENSORRT_MODULES = {"tensorrt": "tensorrt", "tensorrt-rtx": "tensorrt_rtx"}
"""The Python module of each TensorRT, the better one for a fixed machine first."""

MIN_VERSION = (10, 3)
"""Of TensorRT: the one of JetPack 6.1. TensorRT-RTX counts on its own from 1.0."""

INSTALL = {
    "tensorrt": "pip install tensorrt",
    "tensorrt-rtx": "pip install 'elsa-rt[tensorrt-rtx]'",
}

_JETSON = Path("/etc/nv_tegra_release")

Progress = Callable[[float], None]
"""Takes how much of the build is done, 0..1."""

_Value = TypeVar("_Value")


class Library:
    """One TensorRT, loaded; every call of it passes through `check`."""

    def __init__(self, engine: str) -> None:
        self.engine = engine
        self.trt = _load(engine)
        self.version: str = self.trt.__version__
        if engine == "tensorrt" and _numbers(self.version)[:2] < MIN_VERSION:
            raise EngineError(
                f"loading TensorRT: {self.version} is installed, {MIN_VERSION[0]}."
                f"{MIN_VERSION[1]} or newer is needed: update it (on a Jetson with JetPack 6.1)"
            )
        self.logger = _make_logger(self.trt)

    def check(self, value: _Value, doing: str) -> _Value:
        """``value``, or an EngineError with what TensorRT said since the last check."""
        said, self.logger.said = self.logger.said, []
        if value is None or value is False:
            reason = " ".join(" ".join(said).split())[:400] or "no reason"
            name = {"tensorrt": "TensorRT", "tensorrt-rtx": "TensorRT-RTX"}[self.engine]
            raise EngineError(f"{doing}: {name} {self.version} says: {reason}{explain(reason)}")
        return value


def installed() -> list[str]:
    """The TensorRTs whose Python module is found; loading them may still fail."""
    return [name for name, module in TENSORRT_MODULES.items() if find_spec(module)]


def explain(reason: str) -> str:
    """The cure for what TensorRT says, as far as it is known, to be put behind it."""
    for pattern, cure in _CURES:
        if re.search(pattern, reason, re.IGNORECASE):
            return f": {cure}"
    return ": see what is installed with elsa-rt info"


_CURES = (
    (
        r"version tag|serialization.*version|stale|plan.*(built|created) with",
        "the plan is of another version of TensorRT: build it anew with elsa-rt compile",
    ),
    (
        r"expecting compute|compute capability|different (gpu|device)|cross.device",
        "the plan was built for another GPU: build it on this one with elsa-rt compile",
    ),
    (
        r"calibrator|IInt8",
        "TensorRT 11 has no calibrator any more, INT8 lives in the ONNX file as Q/DQ: make it with "
        "python -m export precision BUNDLE",
    ),
    (
        r"driver version is insufficient|no cuda-capable|cudaError 35|no device",
        "there is no NVIDIA driver, or one too old for it: check with nvidia-smi",
    ),
    (
        r"out of memory|OutOfMemory",
        "the GPU's memory is full: end other programs on it (nvidia-smi lists them)",
    ),
)


def _load(engine: str) -> Any:
    try:
        return importlib.import_module(TENSORRT_MODULES[engine])
    except ModuleNotFoundError:
        raise EngineError(f"--engine {engine}: {_no_module(engine)}") from None
    except (ImportError, OSError, RuntimeError) as error:
        raise EngineError(f"--engine {engine}: {_no_library(engine, str(error))}") from None


def _no_module(engine: str) -> str:
    missing = f"Python {sys.version_info[0]}.{sys.version_info[1]} has no module {engine!r}"
    if engine == "tensorrt" and _JETSON.exists():
        if sys.prefix != sys.base_prefix:
            return (
                f"{missing} in this virtual environment; JetPack's belongs to the system: make the "
                "environment with python3 -m venv --system-site-packages .venv"
            )
        return f"{missing}: apt-get install python3-libnvinfer"
    return f"{missing}: {INSTALL[engine]}"


def _no_library(engine: str, reason: str) -> str:
    wanted = re.search(r"lib(nvinfer\w*|tensorrt\w*|cudart)\.so(\.\d+)*", reason)
    if wanted is None:
        return f"its module does not load ({reason}): {INSTALL[engine]}"
    found = ctypes.util.find_library(wanted[1])
    there = f"the system has {found}" if found else "the system has none"
    cure = (
        "apt-get install tensorrt-libs (JetPack), or the module of the same version as the library"
        if _JETSON.exists()
        else f"{INSTALL[engine]}, or put the library's directory into LD_LIBRARY_PATH"
    )
    return f"its module needs {wanted[0]}, {there}: {cure}"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def _make_logger(trt: Any) -> Any:
    class Logger(trt.ILogger):  # type: ignore[misc]
        """Keeps errors for `Library.check`; warnings of builds help nobody."""

        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.said: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            if severity <= trt.ILogger.ERROR:
                self.said.append(message)

    return Logger()


def build_plan(
    library: Library,
    model: Path,
    streams: int,
    capability: str = "",
    progress: Progress | None = None,
) -> bytes:
    """Build ``model``, an ONNX file, for ``streams`` streams.

    Parameters
    ----------
    capability : str
        Compute capability as "8.9" to build for, by default that of the GPU at hand. Only
        TensorRT-RTX can build for another.

    Raises
    ------
    EngineError
        It cannot be built; the message holds TensorRT's.
    """
    doing, trt = f"building {model.name}", library.trt
    builder = library.check(trt.Builder(library.logger), doing)
    # TensorRT 11 knows no other kind and ignores the flag
    flag = getattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
    network = builder.create_network(0 if flag is None else 1 << int(flag))
    parser = trt.OnnxParser(network, library.logger)
    if not parser.parse(model.read_bytes()):
        for i in range(parser.num_errors):
            library.logger.said.append(parser.get_error(i).desc())
        library.check(None, f"reading {model}")
    for i in range(network.num_inputs):
        tensor = network.get_input(i)
        tensor.shape = tuple(streams if size == -1 else size for size in tensor.shape)
    config = builder.create_builder_config()
    if capability:
        _aim(library, config, capability)
    monitor = _make_monitor(trt, progress or (lambda _: None))
    config.progress_monitor = monitor
    plan = builder.build_serialized_network(network, config)
    if monitor.interrupted is not None:
        raise monitor.interrupted
    return bytes(library.check(plan, doing))


def _aim(library: Library, config: Any, capability: str) -> None:
    if not hasattr(config, "set_compute_capability"):
        raise EngineError(
            f"--target {capability}: TensorRT builds only for the GPU at hand: run elsa-rt compile "
            "there, or use --engine tensorrt-rtx"
        )
    known = library.trt.ComputeCapability
    name = "SM" + capability.replace(".", "")
    if not re.fullmatch(r"\d+\.\d", capability) or not hasattr(known, name):
        each = sorted(
            (sm[2:-1] + "." + sm[-1] for sm in known.__members__ if sm.startswith("SM")), key=float
        )
        raise EngineError(
            f"--target {capability}: TensorRT-RTX {library.version} builds for compute capability "
            f"{', '.join(each)}"
        )
    config.num_compute_capabilities = 1
    library.check(config.set_compute_capability(getattr(known, name), 0), f"aiming at {capability}")


def _make_monitor(trt: Any, progress: Progress) -> Any:
    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        """Turns nested phases into one share, and Ctrl-C into the end of the build."""

        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self.interrupted: BaseException | None = None
            self._done = 0.0
            self._phases: dict[str, tuple[float, float]] = {}  # name -> start, size of a step

        def phase_start(self, name: str, parent: str | None, steps: int) -> None:
            start, size = self._phases.get(parent or "", (0.0, 1.0))
            self._phases[name] = (start, size / max(1, steps))

        def phase_finish(self, name: str) -> None:
            self._phases.pop(name, None)

        def step_complete(self, name: str, step: int) -> bool:
            try:
                start, size = self._phases.get(name, (0.0, 0.0))
                self._phases[name] = (start + size, size)
                self._done = max(self._done, min(1.0, start + size))
                progress(self._done)
            except BaseException as error:  # C++ knows no Python exceptions
                self.interrupted = error
            return self.interrupted is None

    return Monitor()
