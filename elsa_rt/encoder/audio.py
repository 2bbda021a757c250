"""The audio encoder: sound and its frames in, what was heard out, the state kept per stream."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from elsa_rt.config import Config
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.encoder.sound import Sound, SoundStream
from elsa_rt.errors import BundleError, UsageError
from elsa_rt.features.intensity import CHANNELS, Frames

if TYPE_CHECKING:
    from elsa_rt.encoder.onnx import OnnxAudio


class AudioEncoder:
    """The loaded model, immutable: share one among any number of streams."""

    def __init__(self, bundle: ModelBundle, config: Config | None = None) -> None:
        from elsa_rt.encoder import onnx, windowed

        threads = (config or Config()).threads
        self.bundle = bundle
        self.engine = "onnx"
        self._open: Callable[[], SoundStream]
        if bundle.window is None:
            self._open = partial(EncoderStream, bundle, onnx.OnnxAudio(bundle, threads))
        else:
            self._open = partial(
                windowed.WindowedStream, bundle, onnx.OnnxWindow(bundle, bundle.window, threads)
            )
        self.stream().step(*_silent_step(bundle))  # pay the engine's first step now

    def stream(self) -> SoundStream:
        """Fresh state for one stream."""
        return self._open()


def _silent_step(bundle: ModelBundle) -> tuple[Frames, NDArray[np.float32]]:
    hops = bundle.step_frames
    mel = np.zeros((hops, len(CHANNELS), bundle.features.mels), np.float32)
    nothing = np.zeros(hops, np.float32)
    frames = Frames(mel, np.zeros((hops, 3), np.float32), nothing, nothing)
    return frames, np.zeros((4, bundle.step_samples), np.float32)


class EncoderStream:
    """One stream through an encoder with state, counted in frames.

    ``block`` frames make a step; a frame waits up to ``latency`` frames for its step to be full.
    """

    def __init__(self, bundle: ModelBundle, model: OnnxAudio) -> None:
        self.block = bundle.step_frames
        self.latency = bundle.step_frames
        self._path = bundle.path
        self._run = model.stream()
        self._frames = np.zeros(model.frames_shape, np.float32)
        self._filled = 0

    def reset(self) -> None:
        """Forget all frames; the next is the first."""
        self._run.reset()
        self._filled = 0

    def step(self, frames: Frames, foa: NDArray[np.float32]) -> list[Sound]:
        """Take frames with ``mel`` (hops, 8, mels); a sound for every step that they completed.

        ``foa`` is for models that hear samples; this kind does without.
        """
        mel = frames.mel
        if mel.ndim != 3 or mel.shape[1:] != self._frames.shape[2:]:
            raise UsageError(
                f"audio encoder: frames of shape {mel.shape} came in, "
                f"(hops, {self._frames.shape[2]}, {self._frames.shape[3]}) are needed"
            )
        sounds = []
        while len(mel):
            take = min(self.block - self._filled, len(mel))
            self._frames[0, self._filled : self._filled + take] = mel[:take]
            self._filled += take
            mel = mel[take:]
            if self._filled == self.block:
                sounds.append(self._hear())
                self._filled = 0
        return sounds

    def _hear(self) -> Sound:
        sound = Sound(*(values[0] for values in self._run.run(self._frames)))
        # a NaN would stay in the state, and the stream be deaf from here on
        if not all(np.isfinite(values).all() for values in sound):
            raise BundleError(
                f"the audio encoder of bundle {self._path} gives NaN: export the bundle again"
            )
        return sound
