"""``elsa-rt info``: versions, engine, and the card of a model."""

from __future__ import annotations

import argparse
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from elsa_rt.cli.options import Commands, add_command
from elsa_rt.errors import EngineError
from elsa_rt.version import __version__

if TYPE_CHECKING:
    from elsa_rt.encoder.bundle import ModelBundle

MORE = """\
  elsa-rt info
  elsa-rt info path/to/bundle
"""

PACKAGES = ("numpy", "numba", "onnxruntime", "tokenizers", "sounddevice", "soundfile", "soxr")


def add(commands: Commands) -> None:
    parser = add_command(commands, "info", run, "show versions, engine and model card", MORE)
    parser.add_argument(
        "bundle",
        nargs="?",
        metavar="BUNDLE",
        help="a bundle's directory (default: the bundled model)",
    )


def run(arguments: argparse.Namespace) -> int:
    _show("elsa-rt", __version__)
    _show("python", f"{platform.python_version()} on {platform.platform()}")
    for package in PACKAGES:
        _show(package, _installed(package))
    _show("portaudio", _portaudio())
    for engine in (_compiled(), _engine(), *_tensorrt()):
        _show("engine", engine)

    from elsa_rt.encoder.bundle import ModelBundle

    print()
    _show_bundle(ModelBundle.load(arguments.bundle))
    return 0


def _show_bundle(bundle: ModelBundle) -> None:
    _show("model", f"{bundle.name} {bundle.version}, {bundle.licence}")
    _show("directory", str(bundle.path))
    _show("hears", f"{bundle.slots} source at {bundle.features.rate} Hz")
    _show("step", f"{1000 * bundle.step_s:.0f} ms, looks back {bundle.context_s:g} s")
    print(f"\n{bundle.card.strip() or 'It has no model card.'}")


def _show(name: str, value: str) -> None:
    print(f"{name:12} {value}")


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return f"missing: pip install {package}"


def _portaudio() -> str:
    try:
        import sounddevice
    except (ImportError, OSError):
        return "missing, so no microphone: apt-get install libportaudio2"
    return str(sounddevice.get_portaudio_version()[1])


def _compiled() -> str:
    from elsa_rt.encoder.compiled.model import RUN

    ready = "its machine code is there" if RUN.is_ready else "to be made ready: elsa-rt warmup"
    return f"compiled on the processor, {ready}"


def _engine() -> str:
    try:
        from elsa_rt.encoder.onnx import available_providers
    except EngineError as error:
        return str(error)
    return f"onnx on {', '.join(available_providers())}"


def _tensorrt() -> list[str]:
    """Version of each installed TensorRT, or the reason why it cannot run."""
    from elsa_rt.encoder.tensorrt.library import Library, installed

    lines = []
    for engine in installed():
        try:
            lines.append(f"{engine} {Library(engine).version}, {_gpu()}")
        except EngineError as error:
            lines.append(str(error))
    return lines


def _gpu() -> str:
    from elsa_rt.encoder.tensorrt import cuda

    gpu = cuda.find_gpu()
    return f"{gpu.name}, compute {gpu.capability}, driver {gpu.driver}, CUDA {gpu.cuda}"
