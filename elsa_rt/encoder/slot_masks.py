"""Slot masks: how much of each band and frame of a mixture comes from one of two directions.

A small network sees the mixture and what lies at its own direction and at the other: what each
direction would have to send for the intensity that is there, and a beam at each with a null on the
other. Both slots run through the same weights. It gives gains, by which the mixture becomes what
the encoder hears of a slot.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.encoder.bundle import SLOT_MASKS, ModelBundle
from elsa_rt.encoder.compiled.lowering import lower
from elsa_rt.encoder.compiled.model import CompiledRun
from elsa_rt.encoder.compiled.onnx_file import read_graph
from elsa_rt.encoder.compiled.program import Program
from elsa_rt.encoder.step import Shapes
from elsa_rt.errors import BundleError

Floats = NDArray[np.float32]

PLANES = 7
"""What the network sees of each band and frame, see `planes`."""

MOST = 4.0
"""What is seen lies between this and its negative."""

DEEPEST = -5.756
"""Natural log of the lowest gain of power: 25 dB."""

LEVEL_FRAMES = 100.0
"""Time constant of the running level that the log power is taken relative to."""

QUIET = 1e-9
"""Power that counts as none."""

OPPOSITE = 1e-3
"""Squared sine of the angle between two directions, at least: they may be opposite."""

FAR = 6.0
"""Natural log of power: beams differ from the mixture by at most as much."""


class MaskModel(NamedTuple):
    """The network of a bundle; any number of streams may share it."""

    program: Program
    frames_shape: tuple[int, ...]
    output_shapes: Shapes

    @classmethod
    def load(cls, bundle: ModelBundle) -> MaskModel | None:
        """The network of ``bundle``; None where it has none.

        Raises
        ------
        BundleError
            Its file is not of such a network.
        """
        if SLOT_MASKS not in bundle.files:
            return None
        path, mels = bundle.file(SLOT_MASKS), bundle.features.mels
        frames, gain = (2, PLANES, bundle.step_frames, mels), (2, bundle.step_frames, mels)
        try:
            graph = read_graph(bundle.read(path))
            found = graph.inputs.get("frames"), graph.outputs.get("gain")
            if found != ((1, *frames[1:]), (1, *gain[1:])):
                raise ValueError(f"it makes {found[1]} of {found[0]}")
            program = lower(graph, ("gain",))
        except ValueError as error:
            raise BundleError(
                f"loading {path}: {error}: make it again with python -m export masks "
                f"{bundle.path} WORK"
            ) from None
        return cls(program, frames, {"gain": gain})


class SlotMasks:
    """The masks of one stream, step by step."""

    def __init__(self, model: MaskModel) -> None:
        self._run, self._level = CompiledRun(*model), RunningLevel()

    def reset(self) -> None:
        """The next step is the first."""
        self._run.reset()
        self._level.reset()

    def step(self, mel: Floats, beams: Floats, towards: NDArray[np.floating]) -> Floats:
        """Log gains (2, frames, mels) of two slots at ``towards`` (2, 3).

        ``mel`` (frames, 8, mels) are frames of the mixture, ``beams`` (2, frames, mels) log powers.
        """
        mixture = mixture_of(mel)
        level = self._level.step(mixture[0])
        (gain,) = self._run.run(planes(mixture, beams, level, towards))
        return gain


class RunningLevel:
    """Mean power of the frames so far, which fade; the first frame gives its own."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all."""
        self._sum: Floats | float = 0.0
        self._count = 0.0

    def step(self, log_power: Floats) -> Floats:
        """Log level (..., frames, 1) of ``log_power`` (..., frames, mels)."""
        power = np.exp(log_power.astype(np.float32)).mean(-1)
        keep, level = np.float32(np.exp(-1 / LEVEL_FRAMES)), np.empty_like(power)
        for i in range(power.shape[-1]):
            self._sum = self._sum * keep + power[..., i]
            self._count = self._count * float(keep) + 1
            level[..., i] = self._sum / np.float32(self._count)
        return np.asarray(np.log(level + np.float32(QUIET))[..., None], np.float32)


def mixture_of(mel: Floats) -> Floats:
    """Log power, active intensity x, y, z, and diffuseness (5, frames, mels) of frames
    (frames, 8, mels), see `elsa_rt.features.intensity.Frames`.
    """
    return mel[:, [0, 1, 2, 3, 7]].transpose(1, 0, 2)


def planes(mixture: Floats, beams: Floats, level: Floats, towards: NDArray[np.floating]) -> Floats:
    """What the network sees, (..., 2, `PLANES`, frames, mels), of each of two slots.

    Parameters
    ----------
    mixture : (..., 5, frames, mels), of `mixture_of`
    beams : (..., 2, frames, mels)
        Log power of a beam at each direction with a null on the other.
    level : (..., frames, 1), of `RunningLevel`
    towards : (..., 2, 3), unit vectors
    """
    unit = towards.astype(np.float32)
    log_power, active = mixture[..., 0, :, :], mixture[..., 1:4, :, :]
    along = np.einsum("...kx,...xtm->...ktm", unit, active)
    between = (unit[..., 0, :] * unit[..., 1, :]).sum(-1)[..., None, None, None]
    sent = along - between * along[..., ::-1, :, :]
    sent /= np.maximum(1 - between**2, OPPOSITE)
    far = np.clip(beams - log_power[..., None, :, :], -FAR, FAR) / np.float32(FAR)
    seen = np.empty((*along.shape[:-2], PLANES, *along.shape[-2:]), np.float32)
    seen[..., 0, :, :] = (log_power - level)[..., None, :, :] / 4
    seen[..., 1, :, :] = np.clip(sent, -1, 2)
    seen[..., 2, :, :] = seen[..., ::-1, 1, :, :]
    seen[..., 3, :, :] = mixture[..., None, 4, :, :]
    seen[..., 4, :, :] = far
    seen[..., 5, :, :] = far[..., ::-1, :, :]
    seen[..., 6, :, :] = np.linspace(-1, 1, along.shape[-1], dtype=np.float32)
    return seen
