"""Step models: one step of a stateful encoder for a fixed number of streams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.errors import BundleError
from elsa_rt.features.intensity import CHANNELS

Shapes = dict[str, tuple[int, ...]]

OUTPUTS = ("embedding", "direction", "activity", "distance_m")


class StepRun(Protocol):
    """The state of ``streams`` streams that step together."""

    def run(
        self, frames: NDArray[np.float32], held: Sequence[int] = ()
    ) -> list[NDArray[np.float32]]:
        """Run ``frames`` (streams, step_frames, 8, mels); copies of `OUTPUTS` (streams, K, ...).

        The state of the streams in ``held`` stays as it was.
        """
        ...

    def run_ahead(self, frames: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Run steps of the one stream one after the other, where sound is there already.

        Takes ``frames`` (n, step_frames, 8, mels) and gives `OUTPUTS` (n, K, ...).
        """
        ...

    def reset(self, stream: int | None = None) -> None:
        """Zero the state of one stream, by default of all."""
        ...


class StepModel(Protocol):
    """The loaded encoder, immutable; any number of runs may share it."""

    engine: str
    frames_shape: tuple[int, ...]  # (streams, step_frames, 8, mels)

    def stream(self) -> StepRun:
        """Fresh state."""
        ...


def one_by_one(run: StepRun, frames: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """`StepRun.run_ahead` of an engine that gains nothing by it."""
    heard = [run.run(frames[step : step + 1]) for step in range(len(frames))]
    return list(map(np.concatenate, zip(*heard, strict=True)))


def frames_shape(bundle: ModelBundle, streams: int) -> tuple[int, ...]:
    """Input shape of one step of the encoder of ``bundle``."""
    return (streams, bundle.step_frames, len(CHANNELS), bundle.features.mels)


def output_shapes(bundle: ModelBundle, streams: int) -> Shapes:
    """Output shapes of one step, states excluded."""
    slots = bundle.slots
    return {
        "embedding": (streams, slots, bundle.embedding),
        "direction": (streams, slots, 3),
        "activity": (streams, slots),
        "distance_m": (streams, slots),
    }


def check_signature(
    path: Path,
    bundle: ModelBundle,
    streams: int,
    takes: Mapping[str, object],
    gives: Mapping[str, object],
) -> Shapes:
    """Compare a graph with its manifest; returns the shape of every state, by its name.

    ``takes`` and ``gives`` hold the shapes of float32 tensors; what is none has any other value.
    """
    frames = frames_shape(bundle, streams)
    if streams > 1 and takes.get("frames") == (1, *frames[1:]):
        raise BundleError(
            f"loading {path}: {streams} streams were asked for, it hears one at a time: "
            "export the bundle again (python -m export bundle)"
        )
    states: Shapes = {}
    for name, shape in takes.items():
        if name == "frames":
            continue
        if not isinstance(shape, tuple) or not all(isinstance(size, int) for size in shape):
            raise BundleError(f"loading {path}: state {name} has no fixed shape {shape}")
        states[name.removeprefix("state_")] = shape
    expected = {"frames": frames} | {"state_" + name: shape for name, shape in states.items()}
    compare(path, "takes", takes, expected)
    expected = output_shapes(bundle, streams)
    expected |= {"next_" + name: shape for name, shape in states.items()}
    compare(path, "gives", gives, expected)
    return states


def compare(
    path: Path, verb: str, found: Mapping[str, object], expected: Mapping[str, object]
) -> None:
    """Refuse a graph whose tensors are not those that the manifest asks for."""
    for name in sorted(found.keys() | expected.keys()):
        if found.get(name) != expected.get(name):
            raise BundleError(
                f"loading {path}: it {verb} {name} as {found.get(name)}, the manifest "
                f"asks for {expected.get(name)}: export the bundle again"
            )
