"""Choice of the engine that runs the audio encoder."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from elsa_rt.config import Config
from elsa_rt.encoder.bundle import AUDIO_FILES, ModelBundle
from elsa_rt.encoder.step import StepModel
from elsa_rt.encoder.tensorrt.library import TENSORRT_MODULES, installed
from elsa_rt.errors import EngineError
from elsa_rt.notices import OnNotice

if TYPE_CHECKING:
    from elsa_rt.encoder.onnx import OnnxWindow
    from elsa_rt.encoder.window import WindowSettings

_GPU_FILES = ("/dev/nvidiactl", "/dev/nvhost-gpu", "/dev/nvgpu", "/dev/dxg")
"""Desktop and server; Jetson with JetPack 5, 6 and 7; Windows' Linux."""


def load_model(bundle: ModelBundle, config: Config, streams: int, on_notice: OnNotice) -> StepModel:
    """Load the encoder of ``bundle`` for ``streams`` streams on the engine of ``config``.

    ``auto`` takes a TensorRT only if its plan is there already, as a build may last minutes; why
    it takes none where a GPU and a TensorRT are at hand is a notice. On the processor it takes
    ``compiled`` where machine code and a program can be had at once, else ``onnx``.

    Raises
    ------
    EngineError
        What was asked for by name cannot be had.
    """
    if config.engine in TENSORRT_MODULES:
        return _load_tensorrt(config.engine, bundle, config, streams, on_notice)
    if config.engine == "auto" and has_gpu():
        reasons = []
        for engine in installed():
            try:
                return _load_tensorrt(
                    engine, bundle, config.changed(compile=False), streams, on_notice
                )
            except EngineError as error:
                reasons.append(str(error))
        if reasons:
            on_notice(f"the processor runs the model, no TensorRT: {'; '.join(reasons)}")
    if config.engine in ("auto", "compiled"):
        from elsa_rt.encoder.compiled.model import RUN, CompiledAudio, why_not

        if config.engine == "compiled":
            return CompiledAudio(bundle, config, streams)
        if not why_not(config) and RUN.is_ready:
            with contextlib.suppress(EngineError):  # another architecture
                return CompiledAudio(bundle, config, streams)
    from elsa_rt.encoder.onnx import OnnxAudio

    return OnnxAudio(bundle, config, streams)


def load_windowed(bundle: ModelBundle, window: WindowSettings, config: Config) -> OnnxWindow:
    """Load an encoder without state, which ONNX Runtime alone runs.

    Raises
    ------
    EngineError
        Another engine was asked for by name.
    """
    if config.engine in TENSORRT_MODULES:
        raise EngineError(
            f"--engine {config.engine}: bundle {bundle.path} is of kind {bundle.kind}, which onnx "
            "alone runs: use --engine onnx, or a bundle with state"
        )
    from elsa_rt.encoder.onnx import OnnxWindow

    return OnnxWindow(bundle, window, config)


def _load_tensorrt(
    engine: str, bundle: ModelBundle, config: Config, streams: int, on_notice: OnNotice
) -> StepModel:
    from elsa_rt.encoder.tensorrt.run import load_audio

    precision = tensorrt_precision(bundle, config.precision)
    return load_audio(engine, bundle, precision, streams, build=config.compile, on_notice=on_notice)


def tensorrt_precision(bundle: ModelBundle, asked: str) -> str:
    """Precision of a plan: ``auto`` is fp16 if the bundle has it."""
    if asked != "auto":
        return asked
    return "fp16" if AUDIO_FILES["fp16"] in bundle.files else "fp32"


def has_gpu() -> bool:
    """Whether the system shows an NVIDIA GPU."""
    return any(Path(file).exists() for file in _GPU_FILES)
