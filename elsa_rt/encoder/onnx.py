"""The gate to ONNX Runtime: every session, run and failure of that world passes here."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elsa_rt.encoder.bundle import AUDIO_ENCODER, ModelBundle
from elsa_rt.encoder.window import WindowSettings
from elsa_rt.errors import BundleError, ElsaError, EngineError
from elsa_rt.features.intensity import CHANNELS

# from 1.32 on it keeps a device id and reports to its maker: a microphone must not
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
try:
    import onnxruntime as ort
except ImportError as error:
    raise EngineError(
        f"loading ONNX Runtime: {error}: pip install --force-reinstall onnxruntime"
    ) from None

PROVIDERS = ["CPUExecutionProvider"]

OUTPUTS = ("embedding", "direction", "activity", "distance_m")


def available_providers() -> list[str]:
    """What this installation of ONNX Runtime could run on, for `elsa-rt info`."""
    return list(ort.get_available_providers())


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


def open_session(path: Path, threads: int, *, arena: bool) -> ort.InferenceSession:
    """Load ``path`` on the CPU; ``arena`` keeps freed memory for the next run."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = arena
    options.log_severity_level = 3
    # between two steps a waiting thread must not burn the core that the user's program needs
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    with onnx_gate(f"loading {path}"):
        session = ort.InferenceSession(str(path), options, providers=PROVIDERS)
        got = session.get_providers()
    if got != PROVIDERS:
        raise EngineError(
            f"loading {path}: asked ONNX Runtime for {PROVIDERS} and got {got}: "
            "check the installation with elsa-rt info"
        )
    return session


class OnnxAudio:
    """The loaded audio encoder, immutable; many streams may run on it at once."""

    def __init__(self, bundle: ModelBundle, threads: int) -> None:
        self.path = bundle.file(AUDIO_ENCODER)
        self.session = open_session(self.path, threads, arena=True)
        self.frames_shape = (1, bundle.step_frames, len(CHANNELS), bundle.features.mels)
        slots = bundle.slots
        self.output_shapes: dict[str, tuple[int, ...]] = {
            "embedding": (1, slots, bundle.embedding),
            "direction": (1, slots, 3),
            "activity": (1, slots),
            "distance_m": (1, slots),
        }
        self.state_shapes = self._check()

    def _check(self) -> dict[str, tuple[int, ...]]:
        """Compare the graph with the manifest; return the shape of every state."""
        takes, gives = _signature(self.session)
        states = {name[len("state_") :]: spec for name, spec in takes.items() if name != "frames"}
        expected: dict[str, Any] = {"frames": ("tensor(float)", self.frames_shape)}
        for name, (_, shape) in states.items():
            if not all(isinstance(size, int) for size in shape):
                raise BundleError(f"loading {self.path}: state {name} has no fixed shape {shape}")
            expected["state_" + name] = ("tensor(float)", shape)
        _compare(self.path, "takes", takes, expected)
        expected = {name: ("tensor(float)", shape) for name, shape in self.output_shapes.items()}
        expected |= {"next_" + name: spec for name, spec in states.items()}
        _compare(self.path, "gives", gives, expected)
        return {name: shape for name, (_, shape) in states.items()}

    def stream(self) -> OnnxStream:
        """Fresh state for one stream."""
        return OnnxStream(self)


class OnnxStream:
    """State and bound memory of one stream: nothing is allocated per step.

    Two bindings take turns: what is the next state of the one is the state of the other.
    """

    def __init__(self, model: OnnxAudio) -> None:
        self._session = model.session
        self._doing = f"running {model.path.name}"
        self._frames = _zeros(model.frames_shape)
        self._outputs = {name: _zeros(shape) for name, shape in model.output_shapes.items()}
        self._states = [
            {name: _zeros(shape) for name, shape in model.state_shapes.items()} for _ in range(2)
        ]
        self._bindings = [self._bind(*self._states), self._bind(*reversed(self._states))]
        self._turn = 0

    def _bind(self, old: dict[str, Any], new: dict[str, Any]) -> ort.IOBinding:
        binding = self._session.io_binding()
        binding.bind_ortvalue_input("frames", self._frames)
        for name, value in old.items():
            binding.bind_ortvalue_input("state_" + name, value)
        for name, value in new.items():
            binding.bind_ortvalue_output("next_" + name, value)
        for name, value in self._outputs.items():
            binding.bind_ortvalue_output(name, value)
        return binding

    def reset(self) -> None:
        """Zero the state."""
        self._turn = 0
        for value in self._states[0].values():
            value.update_inplace(np.zeros(value.shape(), np.float32))

    def run(self, frames: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Run ``frames`` (1, step_frames, 8, mels); returns copies of `OUTPUTS`, (1, K, ...)."""
        with onnx_gate(self._doing):
            self._frames.update_inplace(frames)
            self._session.run_with_iobinding(self._bindings[self._turn])
            self._turn = 1 - self._turn
            return [self._outputs[name].numpy().copy() for name in OUTPUTS]


class OnnxWindow:
    """The loaded encoder of a windowed bundle, immutable; it keeps nothing between two runs.

    ``samples`` of mono sound make its window.
    """

    def __init__(self, bundle: ModelBundle, window: WindowSettings, threads: int) -> None:
        self.path = bundle.file(AUDIO_ENCODER)
        self.samples = round(window.seconds * bundle.features.rate)
        self._session = open_session(self.path, threads, arena=True)
        takes, gives = _signature(self._session)
        _compare(self.path, "takes", takes, {"samples": ("tensor(float)", (1, self.samples))})
        _compare(self.path, "gives", gives, {"embedding": ("tensor(float)", (1, bundle.embedding))})

    def run(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embedding (1, 512) of a window (1, samples)."""
        with onnx_gate(f"running {self.path.name}"):
            (embedding,) = self._session.run(["embedding"], {"samples": samples})
        return np.asarray(embedding, np.float32)


_Signature = dict[str, Any]  # name -> (type, shape)


def _signature(session: ort.InferenceSession) -> tuple[_Signature, _Signature]:
    """What a graph takes and what it gives."""
    takes = {node.name: (node.type, tuple(node.shape)) for node in session.get_inputs()}
    gives = {node.name: (node.type, tuple(node.shape)) for node in session.get_outputs()}
    return takes, gives


def _compare(path: Path, verb: str, found: _Signature, expected: _Signature) -> None:
    for name in sorted(found.keys() | expected.keys()):
        if found.get(name) != expected.get(name):
            raise BundleError(
                f"loading {path}: it {verb} {name} as {found.get(name)}, the manifest "
                f"asks for {expected.get(name)}: export the bundle again"
            )


def _zeros(shape: tuple[int, ...]) -> ort.OrtValue:
    return ort.OrtValue.ortvalue_from_numpy(np.zeros(shape, np.float32))
