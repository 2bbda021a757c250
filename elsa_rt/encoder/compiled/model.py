"""`CompiledAudio`: the audio encoder as one compiled program, on the processor alone.

It gives what ONNX Runtime gives, to 1e-5, in half the time, and between the other stages in a
third: its weights take three bytes, its code fits beside theirs, and nothing is allocated.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from elsa_rt import cache
from elsa_rt.config import Config
from elsa_rt.encoder.bundle import AUDIO_ENCODER, ModelBundle
from elsa_rt.encoder.compiled.lowering import lower
from elsa_rt.encoder.compiled.onnx_file import read_graph
from elsa_rt.encoder.compiled.program import Program
from elsa_rt.encoder.step import OUTPUTS, check_signature, frames_shape, output_shapes
from elsa_rt.errors import EngineError
from elsa_rt.jit.kernel import Kernel

PROGRAMS = "programs"
"""Of the cache: programs are the same from start to start."""

MAKERS = ("layers", "lowering", "onnx_file", "program", "tensors", "values")
"""Modules that a graph goes through on its way to a program."""

RUN = Kernel(
    "elsa_rt.encoder.compiled.kernels", "run", "i2 f1 i1 f2 i1 i1",
    uses=["elsa_rt.jit.vector", *(
        f"elsa_rt.encoder.compiled.{part}"
        for part in ("codes", "convolutions", "dense", "depthwise", "functions", "rows")
    )],
)  # fmt: skip


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
        return CompiledRun(self)


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
    """Memory of each stream, in which its program runs."""

    def __init__(self, model: CompiledAudio) -> None:
        program, streams = model.program, model.frames_shape[0]
        self._memory = np.zeros((streams, program.floats), np.float32)
        self._steps = np.zeros(streams, np.int64)
        self._all = np.arange(streams)
        self._run = RUN.bind(
            program.operations, program.constants, program.weights, self._memory, self._steps
        )
        count = int(np.prod(model.frames_shape[1:]))
        frames = self._memory[:, program.frames : program.frames + count]
        self._frames = frames.reshape(model.frames_shape)
        self._outputs = []
        for name in OUTPUTS:
            shape, begin = model.output_shapes[name], program.outputs[name]
            part = self._memory[:, begin : begin + int(np.prod(shape[1:]))]
            self._outputs.append(part.reshape(shape))

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
        self._run(np.setdiff1d(self._all, held) if held else self._all)
        return [output.copy() for output in self._outputs]
