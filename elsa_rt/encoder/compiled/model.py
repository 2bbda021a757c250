"""`CompiledAudio`: the audio encoder as one compiled program, on the processor alone.

It gives what ONNX Runtime gives, to 1e-5, in half the time, and between the other stages in a
third: its weights take three bytes, its code fits beside theirs, and nothing is allocated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from elsa_rt import cache
from elsa_rt.config import Config
from elsa_rt.encoder.bundle import AUDIO_ENCODER, ModelBundle
from elsa_rt.encoder.compiled.codes import AHEAD, DENSE
from elsa_rt.encoder.compiled.lowering import lower
from elsa_rt.encoder.compiled.onnx_file import read_graph
from elsa_rt.encoder.compiled.program import Program
from elsa_rt.encoder.step import (
    OUTPUTS,
    Shapes,
    check_signature,
    frames_shape,
    output_shapes,
)
from elsa_rt.encoder.turns import Shape
from elsa_rt.errors import EngineError
from elsa_rt.jit.kernel import Kernel

PROGRAMS = "programs"
"""Of the cache: programs are the same from start to start."""

MAKERS = (
    "layers", "lowering", "onnx_file", "places", "program", "tensors", "units", "values"
)  # fmt: skip
"""Modules that a graph goes through on its way to a program."""

RUN = Kernel(
    "elsa_rt.encoder.compiled.kernels", "run", "i3 i2 i2 f1 i1 f2 i1 i i1 f2 f1",
    uses=["elsa_rt.jit.vector", *(
        f"elsa_rt.encoder.compiled.{part}"
        for part in ("codes", "convolutions", "dense", "depthwise", "functions", "rows")
    )],
)  # fmt: skip


NONE_AHEAD = np.empty((0, 0), np.float32), np.empty(0, np.float32)


def why_not(config: Config) -> str:
    """Why the settings rule this engine out; nothing if they do not."""
    if config.provider != "cpu":
        return f"it does not run on --provider {config.provider}"
    if config.precision not in ("auto", "fp32"):
        return f"it has no --precision {config.precision}"
    return ""


class CompiledAudio:
    """The loaded audio encoder for ``streams`` streams, immutable.

    Raises
    ------
    BundleError
        The graph does not fit its manifest.
    EngineError
        No program can be made of it.
    """

    engine = "compiled"

    def __init__(self, bundle: ModelBundle, config: Config, streams: int = 1) -> None:
        if reason := why_not(config):
            raise EngineError(f"--engine compiled: {reason}: use --engine onnx")
        self.program = _kept(bundle) or _made(bundle)
        self.frames_shape = frames_shape(bundle, streams)
        self.output_shapes = output_shapes(bundle, streams)

    def stream(self) -> CompiledRun:
        """Fresh state."""
        return CompiledRun(self.program, self.frames_shape, self.output_shapes)


def _made(bundle: ModelBundle) -> Program:
    """The program of the audio encoder of ``bundle``, which is kept for later starts."""
    path = bundle.file(AUDIO_ENCODER)
    try:
        graph = read_graph(bundle.read(path))
        program = lower(graph, OUTPUTS)
    except ValueError as error:
        raise EngineError(
            f"loading {path}: no program can be made of it: {error}: use --engine onnx"
        ) from None
    check_signature(path, bundle, 1, graph.inputs, graph.outputs)
    cache.save(PROGRAMS, _key(bundle), program.arrays(), most=4)
    return program


def _kept(bundle: ModelBundle) -> Program | None:
    arrays = cache.load(PROGRAMS, _key(bundle))
    return None if arrays is None else Program.of_arrays(arrays)


def _key(bundle: ModelBundle) -> str:
    """What a program depends on: graph, manifest, and the sources of what makes and runs it."""
    here = Path(__file__).parent
    sources = [here.joinpath(f"{name}.py").read_bytes() for name in MAKERS]
    shapes = f"{frames_shape(bundle, 1)} {output_shapes(bundle, 1)}"
    return cache.digest(bundle.files[AUDIO_ENCODER], shapes, RUN.digest, *sources)


class CompiledRun:
    """Memory of each stream, in which a program runs.

    Parameters
    ----------
    program : Program
    frames_shape : (streams, ...), of the frames of a step
    output_shapes : mapping of str to (streams, ...), of what a step gives, in its order
    """

    def __init__(self, program: Program, frames_shape: Shape, output_shapes: Shapes) -> None:
        streams = frames_shape[0]
        ahead = (AHEAD - 1) * program.crossing if streams == 1 else 0
        self._memory = np.zeros((streams, program.floats + ahead), np.float32)
        self._steps = np.zeros(streams, np.int64)
        self._all = np.arange(streams)
        shapes = [frames_shape, *output_shapes.values()]
        begins = [program.frames, *(program.outputs[name] for name in output_shapes)]
        counts = [math.prod(shape[1:]) for shape in shapes]
        self._frames, *self._outputs = (
            self._memory[:, begin : begin + count].reshape(shape)
            for begin, count, shape in zip(begins, counts, shapes, strict=True)
        )
        self._shapes, self._counts = [shape[1:] for shape in shapes[1:]], counts[1:]
        places = np.array([begins, counts], np.int64).T.copy()
        kept = program.constants, program.weights, self._memory, self._steps
        each = np.arange(len(program.operations))
        alone = np.stack([each, each + 1, program.operations[:, 0] == DENSE], axis=1)
        self._run = RUN.bind(program.operations[None], alone, places, *kept, 0)
        self._run_ahead = RUN.bind(
            program.steps_ahead(AHEAD), program.units, places, *kept, program.crossing, self._all
        )

    def reset(self, stream: int | None = None) -> None:
        """Zero the state of one stream, by default of all."""
        which = slice(None) if stream is None else stream
        self._memory[which] = 0
        self._steps[which] = 0

    def run(
        self, frames: NDArray[np.float32], held: Sequence[int] = ()
    ) -> list[NDArray[np.float32]]:
        """See `elsa_rt.encoder.step.StepRun`."""
        self._frames[...] = frames
        self._run(np.setdiff1d(self._all, held) if held else self._all, *NONE_AHEAD)
        return [output.copy() for output in self._outputs]

    def run_ahead(self, frames: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """See `elsa_rt.encoder.step.StepRun`."""
        if len(self._all) > 1:
            raise ValueError(f"{len(self._all)} streams: one alone steps ahead")
        steps = len(frames)
        told = np.empty(steps * sum(self._counts), np.float32)
        self._run_ahead(np.ascontiguousarray(frames).reshape(steps, -1), told)
        ends = np.cumsum(self._counts) * steps
        parts = zip(np.split(told, ends[:-1]), self._shapes, strict=True)
        return [part.reshape(steps, *shape) for part, shape in parts]
