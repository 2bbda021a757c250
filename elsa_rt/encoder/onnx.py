"""The gate to ONNX Runtime: every session, run and failure of that world passes here."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elsa_rt import cache
from elsa_rt.config import Config
from elsa_rt.encoder.bundle import AUDIO_ENCODER, ModelBundle
from elsa_rt.encoder.compiled.onnx_file import has_external_data
from elsa_rt.encoder.step import (
    OUTPUTS,
    check_signature,
    compare,
    frames_shape,
    one_by_one,
    output_shapes,
)
from elsa_rt.encoder.turns import Shape, States, Turns
from elsa_rt.encoder.window import WindowSettings
from elsa_rt.errors import BundleError, ElsaError, EngineError
from elsa_rt.jit import processor

# from 1.32 on it keeps a device id and reports to its maker: a microphone must not
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
try:
    import onnxruntime as ort
except ImportError as error:
    raise EngineError(
        f"loading ONNX Runtime: {error}: pip install --force-reinstall onnxruntime"
    ) from None

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}

REWRITTEN = "graphs"
"""Of the cache, see `keep_rewritten`."""

STREAMS = "streams"
"""Name of the free dimension of a graph that may hear several streams."""


def available_providers() -> list[str]:
    """Those of `PROVIDERS` that this ONNX Runtime has, for `elsa-rt info`."""
    return [name for name in PROVIDERS.values() if name in ort.get_available_providers()]


@contextmanager
def onnx_gate(doing: str) -> Iterator[None]:
    """Turn whatever ONNX Runtime raises into one EngineError that says what was being done."""
    try:
        yield
    except ElsaError:
        raise
    except Exception as error:  # its classes have no common root but this
        reason = " ".join(str(error).split())[:300]
        raise EngineError(
            f"{doing}: ONNX Runtime {ort.__version__} says: {reason}: "
            "check the installation with elsa-rt info"
        ) from error


def open_session(
    path: Path,
    threads: int,
    *,
    arena: bool,
    provider: str = "cpu",
    streams: int = 1,
    bundle: ModelBundle | None = None,
) -> ort.InferenceSession:
    """Load ``path`` for ``streams``; ``arena`` keeps freed memory for the next run.

    Of a ``bundle`` the bytes are loaded that were hashed, or what `keep_rewritten` made of them; a
    graph with data in another file, which no hash covers, is refused.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = arena
    options.log_severity_level = 3
    # every shape is known then, and folded away
    options.add_free_dimension_override_by_name(STREAMS, streams)
    # between two steps a waiting thread must not burn the core that the user's program needs
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    wanted = PROVIDERS[provider]
    if wanted not in ort.get_available_providers():
        raise EngineError(
            f"loading {path}: --provider {provider} needs {wanted}, ONNX Runtime "
            f"{ort.__version__} has {', '.join(ort.get_available_providers())}: "
            "pip uninstall onnxruntime && pip install onnxruntime-gpu"
        )
    with onnx_gate(f"loading {path}"):
        kept = None if bundle is None else cache.load(REWRITTEN, _key(path, bundle))
        if kept is not None:
            options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
            graph: str | bytes = kept["graph"].tobytes()
        else:
            graph = str(path) if bundle is None else _whole(path, bundle)
        session = ort.InferenceSession(graph, options, providers=[wanted])
        got = session.get_providers()
    if got[0] != wanted:  # it falls back without a word
        raise EngineError(
            f"loading {path}: asked ONNX Runtime for {wanted} and got {', '.join(got)}: check CUDA "
            "and cuDNN (nvidia-smi, ldconfig -p | grep cudnn), or use --provider cpu"
        )
    return session


def keep_rewritten(path: Path, bundle: ModelBundle) -> None:
    """Keep the graph ``path`` as ONNX Runtime rewrites it for this processor at each loading.

    It gives the same numbers and is loaded in a quarter of the time.
    """
    key = _key(path, bundle)
    if cache.load(REWRITTEN, key) is not None:
        return
    options = ort.SessionOptions()
    options.log_severity_level = 3
    try:
        with onnx_gate(f"rewriting {path}"), cache.workplace() as folder:
            made = folder / path.name
            options.optimized_model_filepath = str(made)
            ort.InferenceSession(_whole(path, bundle), options, providers=[PROVIDERS["cpu"]])
            graph = np.frombuffer(made.read_bytes(), np.uint8)
    except (ElsaError, OSError) as error:  # no room, most likely
        cache.fail(error)
        return
    cache.save(REWRITTEN, key, {"graph": graph}, most=2)


def _key(path: Path, bundle: ModelBundle) -> str:
    about = bundle.files.get(path.name, "")
    return cache.digest(path.name, about, ort.__version__, processor.description())


def _whole(path: Path, bundle: ModelBundle) -> bytes:
    """The bytes of a graph; external data would come from the directory of the process."""
    data = bundle.read(path)
    if has_external_data(data):
        raise BundleError(
            f"loading {path}: it has external data, in a file that no hash covers: export it as "
            "one file, or get the bundle again"
        )
    return data


class OnnxAudio:
    """The loaded audio encoder for ``streams`` streams at once, immutable."""

    engine = "onnx"

    def __init__(self, bundle: ModelBundle, config: Config, streams: int = 1) -> None:
        self.path = bundle.audio_file("fp32" if config.precision == "auto" else config.precision)
        self.provider = config.provider
        self.session = open_session(
            self.path,
            config.threads,
            arena=True,
            provider=config.provider,
            streams=streams,
            bundle=bundle,
        )
        self.frames_shape = frames_shape(bundle, streams)
        self.output_shapes = output_shapes(bundle, streams)
        takes, gives = _signature(self.session)
        self.state_shapes = check_signature(self.path, bundle, streams, takes, gives)
        self.in_place = _hears_in_place(self)

    def stream(self) -> OnnxRun:
        """Fresh state."""
        return OnnxRun(self)


class OnnxRun:
    """State and bound memory: nothing is allocated per step."""

    def __init__(self, model: OnnxAudio, *, in_place: bool | None = None) -> None:
        self._session = model.session
        self._doing = f"running {model.path.name}"
        self._frames = _zeros(model.frames_shape, model.provider)
        self._outputs = {name: _zeros(shape) for name, shape in model.output_shapes.items()}
        self._turns = Turns(
            model.state_shapes,
            partial(_zeros, provider=model.provider),
            self._bind,
            in_place=model.in_place if in_place is None else in_place,
        )

    def _bind(self, old: States[ort.OrtValue], new: States[ort.OrtValue]) -> ort.IOBinding:
        binding = self._session.io_binding()
        binding.bind_ortvalue_input("frames", self._frames)
        for name, value in old.items():
            binding.bind_ortvalue_input("state_" + name, value)
        for name, value in new.items():
            binding.bind_ortvalue_output("next_" + name, value)
        for name, value in self._outputs.items():
            binding.bind_ortvalue_output(name, value)
        return binding

    def reset(self, stream: int | None = None) -> None:
        """Zero the state of one stream, by default of all."""
        with onnx_gate(self._doing):
            for value in self._turns.state.values():
                state = np.zeros(value.shape(), np.float32)
                if stream is not None:
                    state[:] = value.numpy()
                    state[stream] = 0
                value.update_inplace(state)

    def run(
        self, frames: NDArray[np.float32], held: Sequence[int] = ()
    ) -> list[NDArray[np.float32]]:
        """See `elsa_rt.encoder.step.StepRun`."""
        with onnx_gate(self._doing):
            self._frames.update_inplace(frames)
            rows = list(held)
            kept = {name: value.numpy()[rows] for name, value in self._turns.state.items() if rows}
            self._session.run_with_iobinding(self._turns.run)
            self._turns.turn()
            for name, old in kept.items():
                value = self._turns.state[name]
                state = np.array(value.numpy())
                state[rows] = old
                value.update_inplace(state)
            return [self._outputs[name].numpy().copy() for name in OUTPUTS]

    def run_ahead(self, frames: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """See `elsa_rt.encoder.step.StepRun`."""
        return one_by_one(self, frames)


def _hears_in_place(model: OnnxAudio) -> bool:
    """Whether the states may be written where they are read, by a trial.

    A graph takes a state apart before it writes the next one, or ends with an addition to it; one
    that does otherwise hears something else after three steps of noise.
    """
    rng = np.random.default_rng(0)
    one, other = OnnxRun(model, in_place=False), OnnxRun(model, in_place=True)
    for _ in range(3):
        frames = rng.normal(0, 1, model.frames_shape).astype(np.float32)
        for left, right in zip(one.run(frames), other.run(frames), strict=True):
            if not np.array_equal(left, right):
                return False
    return all(
        np.array_equal(value.numpy(), other._turns.state[name].numpy())
        for name, value in one._turns.state.items()
    )


class OnnxWindow:
    """The loaded encoder of a windowed bundle, immutable; it keeps nothing between two runs.

    ``samples`` of mono sound make its window.
    """

    engine = "onnx"

    def __init__(self, bundle: ModelBundle, window: WindowSettings, config: Config) -> None:
        self.path = bundle.file(AUDIO_ENCODER)
        self.samples = round(window.seconds * bundle.features.rate)
        self._session = open_session(
            self.path, config.threads, arena=True, provider=config.provider, bundle=bundle
        )
        takes, gives = _signature(self._session)
        compare(self.path, "takes", takes, {"samples": (1, self.samples)})
        compare(self.path, "gives", gives, {"embedding": (1, bundle.embedding)})

    def run(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embedding (1, 512) of a window (1, samples)."""
        with onnx_gate(f"running {self.path.name}"):
            (embedding,) = self._session.run(["embedding"], {"samples": samples})
        return np.asarray(embedding, np.float32)


def _signature(session: ort.InferenceSession) -> tuple[dict[str, object], dict[str, object]]:
    """Shapes of what a graph takes and gives; the type too of what is not float32."""

    def spec(node: Any) -> object:
        shape = tuple(node.shape)
        return shape if node.type == "tensor(float)" else (node.type, shape)

    takes = {node.name: spec(node) for node in session.get_inputs()}
    return takes, {node.name: spec(node) for node in session.get_outputs()}


def _zeros(shape: Shape, provider: str = "cpu") -> ort.OrtValue:
    return ort.OrtValue.ortvalue_from_numpy(np.zeros(shape, np.float32), provider)
