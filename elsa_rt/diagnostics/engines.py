"""Checks of the inference engines: version, and the reason why one cannot run."""

from __future__ import annotations

from collections.abc import Iterator

from elsa_rt.config import Config
from elsa_rt.diagnostics.check import Check
from elsa_rt.encoder.engines import has_gpu
from elsa_rt.encoder.tensorrt.library import TENSORRT_MODULES, installed
from elsa_rt.errors import EngineError


def check_engines(config: Config) -> Iterator[Check]:
    """ONNX Runtime with its providers, and each TensorRT.

    What is missing fails only if it was asked for by name; where there is an NVIDIA GPU that
    nothing can use it is a warning.
    """
    yield check_onnx(config)
    for engine in TENSORRT_MODULES:
        yield check_tensorrt(engine, config)


def check_onnx(config: Config) -> Check:
    """Whether ONNX Runtime loads, and has the provider that is asked for."""
    try:
        from elsa_rt.encoder.onnx import PROVIDERS, available_providers
    except EngineError as error:
        return Check("onnx", "failure", str(error))
    import onnxruntime

    there = available_providers()
    told = f"onnxruntime {onnxruntime.__version__} with {', '.join(there)}"
    if PROVIDERS["cuda"] in there:
        return Check("onnx", "ok", told)
    cure = "pip uninstall onnxruntime && pip install onnxruntime-gpu"
    if config.provider == "cuda":
        return Check("onnx", "failure", f"{told}, --provider cuda needs {PROVIDERS['cuda']}", cure)
    if has_gpu():
        return Check("onnx", "ok", f"{told}; with {PROVIDERS['cuda']} it would use the GPU: {cure}")
    return Check("onnx", "ok", told)


def check_tensorrt(engine: str, config: Config) -> Check:
    """Whether ``engine`` loads and has a GPU."""
    from elsa_rt.encoder.tensorrt.library import Library

    asked = config.engine == engine
    if engine not in installed() and not asked:
        if has_gpu() and not installed():
            return Check(
                engine, "warning", "not installed, though there is an NVIDIA GPU", _install(engine)
            )
        return Check(engine, "ok", "not installed, and not needed")
    version = ""
    try:
        version = Library(engine).version
        from elsa_rt.encoder.tensorrt import cuda

        gpu = cuda.find_gpu()
    except EngineError as error:
        told = f"{version}; {error}" if version else str(error)
        if asked:
            return Check(engine, "failure", told)
        if has_gpu():
            return Check(engine, "warning", told)
        return Check(engine, "ok", f"{version or 'does not load'}, and there is no NVIDIA GPU")
    return Check(
        engine,
        "ok",
        f"{version}, {gpu.name}, compute capability {gpu.capability}, driver {gpu.driver}, "
        f"CUDA {gpu.cuda}",
    )


def _install(engine: str) -> str:
    from elsa_rt.encoder.tensorrt.library import INSTALL

    return f"{INSTALL[engine]}, then elsa-rt compile --engine {engine}"
