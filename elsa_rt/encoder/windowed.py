"""Sliding-window encoder (CLAP): embedding of the last seconds, direction by intensity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.encoder.output import EncoderOutput
from elsa_rt.encoder.window import BEAMS, SlidingWindow, WindowSettings
from elsa_rt.errors import BundleError
from elsa_rt.features.intensity import Frames
from elsa_rt.features.presence import Presence, activity

if TYPE_CHECKING:
    from elsa_rt.encoder.onnx import OnnxWindow

_XYZ = [3, 1, 2]  # rows of AmbiX


class WindowedStream:
    """Embeds the window that ends with each step; its direction is the step's energy flow.

    Hops count for the direction as far as they rise above the background, and the loudest of
    them says how active the step is. The distance is not known. A frame waits up to ``latency``
    frames for its step to be full; the window looks back and adds nothing to that.
    """

    def __init__(self, bundle: ModelBundle, window: WindowSettings, model: OnnxWindow) -> None:
        self.block = bundle.step_frames
        self.latency = bundle.step_frames
        self._path = bundle.path
        self._model = model
        self._step_samples = bundle.step_samples
        self._omni = BEAMS[window.beam]
        self._window = SlidingWindow(1 if self._omni == 1 else 4, model.samples)
        self._presence = Presence(bundle.features)
        self.reset()

    def reset(self) -> None:
        """Forget all sound; the next sample is the first."""
        self._window.reset()
        self._presence.reset()
        self._begin()

    def _begin(self) -> None:
        self._samples = 0  # of this step
        self._hops = 0
        self._towards = np.zeros(3)
        self._above = 1.0

    def step(self, frames: Frames, foa: NDArray[np.float32]) -> list[EncoderOutput]:
        """Take AmbiX ``foa`` (4, n) and the frames it completed; gives the steps it completed."""
        sounds = []
        hops = list(zip(self._presence.step(frames.power), frames.intensity, strict=True))
        while foa.shape[1]:
            take = min(self._step_samples - self._samples, foa.shape[1])
            self._window.push(foa[: self._window.channels, :take])
            self._samples += take
            foa = foa[:, take:]
            due = self.block - self._hops
            self._flow(hops[:due])
            hops = hops[due:]
            if self._samples == self._step_samples:
                sounds.append(self._hear())
                self._begin()
        return sounds

    def _flow(self, hops: list[tuple[float, NDArray[np.float32]]]) -> None:
        for above, intensity in hops:
            self._towards += (1 - 1 / above) * intensity.astype(float)
            self._above = max(self._above, above)
        self._hops += len(hops)

    def _hear(self) -> EncoderOutput:
        length = float(np.linalg.norm(self._towards))
        ahead = np.array([1.0, 0.0, 0.0])  # where nothing rises above the background
        direction = (self._towards / length if length > 0 else ahead).astype(np.float32)
        embedding = self._model.run(self._listen(direction))
        if not np.isfinite(embedding).all():
            raise BundleError(
                f"the audio encoder of bundle {self._path} gives NaN: export the bundle again"
            )
        return EncoderOutput(
            embedding,
            direction[None],
            np.array([activity(self._above)], np.float32),
            np.array([np.nan], np.float32),
        )

    def _listen(self, direction: NDArray[np.float32]) -> NDArray[np.float32]:
        """The window (1, samples) through the beam turned to ``direction`` (3,)."""
        window = self._window.view()
        if self._omni == 1:
            return window
        turned = np.float32(self._omni) * window[:1]
        for row, share in zip(_XYZ, (1 - self._omni) * direction, strict=True):
            turned += share * window[row]
        return turned
