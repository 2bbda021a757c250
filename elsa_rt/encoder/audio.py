"""The audio encoder: frames in, sounds out, its state kept for each stream."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.config import Config
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.errors import BundleError, UsageError


class Sound(NamedTuple):
    """What the model hears in one step, for each of K source slots.

    Attributes
    ----------
    embedding : float32 (K, 512), unit length, in the space of the prompts
    direction : float32 (K, 3), unit vectors x, y, z towards the source
    activity : float32 (K,), 0..1
    distance_m : float32 (K,)
    """

    embedding: NDArray[np.float32]
    direction: NDArray[np.float32]
    activity: NDArray[np.float32]
    distance_m: NDArray[np.float32]


class AudioEncoder:
    """The loaded model, immutable: share one among any number of streams."""

    def __init__(self, bundle: ModelBundle, config: Config | None = None) -> None:
        from elsa_rt.encoder.onnx import OnnxAudio

        self.bundle = bundle
        self.engine = "onnx"
        self._model = OnnxAudio(bundle, (config or Config()).threads)
        self.stream().step(self.silence()[0])  # pay the engine's first step now

    def silence(self) -> NDArray[np.float32]:
        """Zeroed frames (1, step_frames, 8, mels) of one step."""
        return np.zeros(self._model.frames_shape, np.float32)

    def stream(self) -> EncoderStream:
        """Fresh state for one stream."""
        return EncoderStream(self)


class EncoderStream:
    """One stream through the encoder, counted in frames.

    ``block`` frames make a step; a frame waits up to ``latency`` frames for its step to be full.
    """

    def __init__(self, encoder: AudioEncoder) -> None:
        self.block = encoder.bundle.step_frames
        self.latency = encoder.bundle.step_frames
        self._path = encoder.bundle.path
        self._run = encoder._model.stream()
        self._frames = encoder.silence()
        self._filled = 0

    def reset(self) -> None:
        """Forget all frames; the next is the first."""
        self._run.reset()
        self._filled = 0

    def step(self, mel: NDArray[np.float32]) -> list[Sound]:
        """Take ``mel`` (hops, 8, mels); returns a sound for every step that it completed."""
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
