"""The audio encoder on TensorRT: state that stays on the GPU, a step that is one graph launch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.encoder.step import (
    OUTPUTS,
    Shapes,
    check_signature,
    frames_shape,
    one_by_one,
    output_shapes,
)
from elsa_rt.encoder.tensorrt import cuda
from elsa_rt.encoder.tensorrt.library import Library, Progress, build_plan
from elsa_rt.encoder.tensorrt.plans import PlanError, PlanKey, find_plan, keep_plan
from elsa_rt.encoder.tensorrt.runtime_cache import Kernels
from elsa_rt.encoder.turns import Shape, States, Turns
from elsa_rt.notices import OnNotice, log_notice

RUNNING = "running the audio encoder"


def load_audio(
    engine: str,
    bundle: ModelBundle,
    precision: str,
    streams: int,
    *,
    build: bool,
    on_notice: OnNotice,
) -> TensorRtAudio:
    """Load the plan for this machine out of the cache; ``build`` makes it where none fits.

    Raises
    ------
    EngineError
        TensorRT or the GPU cannot be had, or no plan fits and ``build`` is False.
    """
    library = Library(engine)
    key = key_here(library, bundle, precision, streams)
    try:
        plan = find_plan(key)
    except PlanError as error:
        if not build:
            raise
        on_notice(f"{error}: doing that now, it may take minutes")
        plan, _ = compile_plan(library, bundle, key)
    return TensorRtAudio(library, plan, bundle, streams, key, on_notice)


def key_here(library: Library, bundle: ModelBundle, precision: str, streams: int) -> PlanKey:
    """Key of a plan for the GPU of this machine."""
    gpu = cuda.find_gpu()
    return PlanKey(
        bundle.name,
        bundle.files[bundle.audio_file(precision).name],
        library.engine,
        precision,
        streams,
        library.version,
        gpu.capability,
        gpu.name,
        gpu.driver,
        gpu.cuda,
    )


def key_elsewhere(
    library: Library, bundle: ModelBundle, precision: str, streams: int, capability: str
) -> PlanKey:
    """The same of a plan that is built here for any GPU of ``capability``."""
    model = bundle.files[bundle.audio_file(precision).name]
    return PlanKey(
        bundle.name, model, library.engine, precision, streams, library.version, capability
    )


def compile_plan(
    library: Library,
    bundle: ModelBundle,
    key: PlanKey,
    directory: Path | None = None,
    progress: Progress | None = None,
) -> tuple[bytes, Path]:
    """Build the plan for ``key`` and keep it; returns it and where it lies."""
    model = bundle.audio_file(key.precision)
    target = "" if key.gpu else key.capability
    plan = build_plan(library, model, key.streams, target, progress)
    return plan, keep_plan(key, plan, directory)


class TensorRtAudio:
    """A plan on the GPU, immutable; each stream has a context of its own.

    ``key`` says whose kernels may be kept for the next start.
    """

    def __init__(
        self,
        library: Library,
        plan: bytes,
        bundle: ModelBundle,
        streams: int,
        key: PlanKey | None = None,
        on_notice: OnNotice = log_notice,
    ) -> None:
        self.engine = library.engine
        self.library = library
        self.frames_shape = frames_shape(bundle, streams)
        self.output_shapes = output_shapes(bundle, streams)
        self._runtime = library.trt.Runtime(library.logger)  # must outlive what it gives
        self.plan = library.check(
            self._runtime.deserialize_cuda_engine(plan), f"loading the plan of {bundle.path}"
        )
        self.state_shapes = self._check(bundle, streams)
        self.kernels = Kernels(library, self.plan, key, on_notice)

    def _check(self, bundle: ModelBundle, streams: int) -> Shapes:
        trt, plan = self.library.trt, self.plan
        takes: dict[str, object] = {}
        gives: dict[str, object] = {}
        for i in range(plan.num_io_tensors):
            name = plan.get_tensor_name(i)
            shape, kind = tuple(plan.get_tensor_shape(name)), plan.get_tensor_dtype(name)
            side = takes if plan.get_tensor_mode(name) == trt.TensorIOMode.INPUT else gives
            side[name] = shape if kind == trt.float32 else (str(kind), shape)
        return check_signature(bundle.path, bundle, streams, takes, gives)

    def stream(self) -> TensorRtRun:
        """Fresh state."""
        return TensorRtRun(self)


class TensorRtRun:
    """State and memory of streams that step together, and the graphs that run them."""

    def __init__(self, model: TensorRtAudio) -> None:
        self._library = model.library
        self._stream = stream = cuda.Stream()
        self._context = model.kernels.context()
        self._frames = cuda.PinnedArray(model.frames_shape)
        self._frames_there = cuda.DeviceArray(model.frames_shape, stream)
        shapes = model.output_shapes
        self._outputs = {name: cuda.PinnedArray(shapes[name]) for name in OUTPUTS}
        self._outputs_there = {name: cuda.DeviceArray(shapes[name], stream) for name in OUTPUTS}
        self._turns = Turns(model.state_shapes, self._array, self._capture)
        model.kernels.keep()
        self.reset()

    def _array(self, shape: Shape) -> cuda.DeviceArray:
        return cuda.DeviceArray(shape, self._stream)

    def _capture(self, old: States[cuda.DeviceArray], new: States[cuda.DeviceArray]) -> cuda.Graph:
        addresses = {"frames": self._frames_there}
        addresses |= {"state_" + name: array for name, array in old.items()}
        addresses |= {"next_" + name: array for name, array in new.items()}
        addresses |= self._outputs_there
        for name, array in addresses.items():
            self._library.check(self._context.set_tensor_address(name, array.address), RUNNING)
        # the first run prepares what a graph must not: memory, kernels made for this GPU
        self._enqueue()
        self._stream.synchronize()
        return self._stream.capture(self._enqueue)

    def _enqueue(self) -> None:
        self._frames.upload(self._frames_there, self._stream)
        queued = self._context.execute_async_v3(int(self._stream.handle))
        self._library.check(queued, RUNNING)
        for name, array in self._outputs.items():
            array.download(self._outputs_there[name], self._stream)

    def reset(self, stream: int | None = None) -> None:
        """Zero the state of one stream, by default of all."""
        for array in self._turns.state.values():
            array.zero(self._stream, stream)

    def run(
        self, frames: NDArray[np.float32], held: Sequence[int] = ()
    ) -> list[NDArray[np.float32]]:
        """See `elsa_rt.encoder.step.StepRun`."""
        self._frames.values[:] = frames
        self._turns.run.launch()
        old, new = self._turns.state, self._turns.following
        for stream in held:
            for name, array in new.items():
                array.copy_row(old[name], stream, self._stream)
        self._stream.synchronize()
        self._turns.turn()
        return [self._outputs[name].values.copy() for name in OUTPUTS]

    def run_ahead(self, frames: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """See `elsa_rt.encoder.step.StepRun`."""
        return one_by_one(self, frames)
