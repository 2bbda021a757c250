"""``elsa-rt compile``: build the plan that TensorRT runs, on the device or for another."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from elsa_rt.cli.options import Commands, add_command
from elsa_rt.config import PRECISIONS
from elsa_rt.errors import EngineError, UsageError

if TYPE_CHECKING:
    from elsa_rt.encoder.bundle import ModelBundle
    from elsa_rt.encoder.tensorrt.library import Library, Progress
    from elsa_rt.encoder.tensorrt.plans import PlanKey

MORE = """\
The plan goes into a cache (ELSA_RT_CACHE, else ~/.cache/elsa-rt), from where listen --engine takes
it; --engine auto takes it too. It is good for one version of TensorRT and one kind of GPU.

  elsa-rt compile --engine tensorrt --precision fp16
  elsa-rt compile path/to/bundle --engine tensorrt-rtx --streams 8

TensorRT-RTX builds for other GPUs too, on a machine without any; copy what it writes into the
cache of the device:

  elsa-rt compile --engine tensorrt-rtx --target 8.9 --output plans
"""


def add(commands: Commands) -> None:
    parser = add_command(commands, "compile", run, "build the plan that TensorRT runs", MORE)
    parser.add_argument(
        "bundle",
        nargs="?",
        metavar="BUNDLE",
        help="a bundle's directory (default: the bundled model)",
    )
    parser.add_argument(
        "--engine",
        choices=("auto", "tensorrt", "tensorrt-rtx"),
        default="auto",
        help="what to build for (default: the one that is installed)",
    )
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="auto",
        help="numbers of the audio encoder; auto is fp16 where the bundle has it",
    )
    parser.add_argument(
        "--streams",
        type=int,
        default=1,
        metavar="N",
        help="how many streams step together (default: 1)",
    )
    parser.add_argument(
        "--target",
        metavar="X.Y",
        help="compute capability of another GPU, as 8.9 (default: the one here)",
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="DIR", help="write there instead of the cache"
    )


def run(arguments: argparse.Namespace) -> int:
    if arguments.streams < 1:
        raise UsageError(f"--streams {arguments.streams}: 1 or more is needed")
    if arguments.target and arguments.output is None:
        raise UsageError(
            f"--target {arguments.target} is another GPU, the cache is for this one: say with "
            "--output DIR where to write"
        )
    from elsa_rt.encoder.bundle import ModelBundle
    from elsa_rt.encoder.engines import tensorrt_precision
    from elsa_rt.encoder.tensorrt.library import Library

    bundle = ModelBundle.load(arguments.bundle)
    if bundle.window is not None:
        raise EngineError(f"compiling {bundle.path}: onnx alone runs bundles of kind {bundle.kind}")
    precision = tensorrt_precision(bundle, arguments.precision)
    library = Library(_engine(arguments.engine))
    from elsa_rt.encoder.tensorrt.run import compile_plan  # needs CUDA, the lesser want

    key = _key(library, bundle, precision, arguments)
    with _progress(f"{library.engine} {library.version}, {precision}") as progress:
        plan, path = compile_plan(library, bundle, key, arguments.output, progress)
    print(f"{path}: {len(plan) / 1e6:.1f} MB for {key.gpu or f'compute {key.capability}'}")
    return 0


def _engine(asked: str) -> str:
    from elsa_rt.encoder.tensorrt.library import INSTALL, TENSORRT_MODULES, installed

    if asked != "auto":
        return asked
    there = installed()
    if not there:
        cures = " or ".join(INSTALL[engine] for engine in TENSORRT_MODULES)
        raise EngineError(f"compiling: no TensorRT is installed: {cures}")
    return there[0]


def _key(
    library: Library, bundle: ModelBundle, precision: str, arguments: argparse.Namespace
) -> PlanKey:
    from elsa_rt.encoder.tensorrt.run import key_elsewhere, key_here

    if arguments.target:
        return key_elsewhere(library, bundle, precision, arguments.streams, arguments.target)
    try:
        return key_here(library, bundle, precision, arguments.streams)
    except EngineError as error:
        if library.engine != "tensorrt-rtx":
            raise
        raise EngineError(
            f"{error}; for another GPU: --target 8.9 --output DIR, its compute capability"
        ) from None


@contextmanager
def _progress(title: str) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Bar(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task(f"building with {title}", total=1.0)
        yield lambda share: bar.update(task, completed=share)
        bar.update(task, completed=1.0)
