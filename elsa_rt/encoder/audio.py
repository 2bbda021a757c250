"""Audio encoder: features in, embeddings, directions and activity out; one state a stream."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from elsa_rt.config import ENCODER, Config
from elsa_rt.encoder.bundle import STATEFUL, ModelBundle
from elsa_rt.encoder.engines import load_model, load_windowed
from elsa_rt.encoder.lanes import BatchedStreams, Streams
from elsa_rt.encoder.output import EncoderOutput, EncoderStream
from elsa_rt.encoder.slot_masks import MaskModel
from elsa_rt.encoder.step import StepModel, frames_shape
from elsa_rt.encoder.two_sounds import TwoSoundStream
from elsa_rt.encoder.windowed import WindowedStream
from elsa_rt.errors import BundleError, UsageError
from elsa_rt.features.intensity import CHANNELS, Frames
from elsa_rt.files import expanded
from elsa_rt.hints import coerce
from elsa_rt.notices import OnNotice, log_notice


class AudioEncoder:
    """The loaded model, immutable: share one among any number of streams.

    ``engine`` is what runs it. Its first step, the slow one, is done here. A pickle of it, as for
    another process, is loaded there anew.

    Raises
    ------
    BundleError, EngineError
        The encoder does not fit its manifest, or what the settings ask for cannot be had.
    """

    def __init__(
        self,
        bundle: ModelBundle,
        config: Config | None = None,
        on_notice: OnNotice = log_notice,
    ) -> None:
        self.bundle = bundle
        coerce(bundle, ModelBundle, "the bundle of an AudioEncoder:")
        self.config = Config() if config is None else coerce(config, Config, "config")
        self._on_notice = on_notice
        self._open: Callable[[], EncoderStream]
        if bundle.window is None:
            model = load_model(bundle, self.config, 1, on_notice)
            self.engine = model.engine
            self._open = partial(StatefulStream, bundle, model)
            if self.config.sounds == 2:
                self._open = partial(_two_streams, bundle, self._open, MaskModel.load(bundle))
        elif self.config.sounds == 2:
            raise UsageError(
                f"--sounds 2: a bundle of kind {STATEFUL} is needed, this one is {bundle.kind}"
            )
        else:
            window = load_windowed(bundle, bundle.window, self.config)
            self.engine = window.engine
            self._open = partial(WindowedStream, bundle, bundle.window, window)
        self._open().step(*_silent_step(bundle))

    def __reduce__(self) -> tuple[Any, ...]:
        return AudioEncoder, (self.bundle, self.config)

    def __deepcopy__(self, memo: object) -> AudioEncoder:
        return self

    def settings_in(self, config: Config) -> Config:
        """``config`` with the settings that this encoder was loaded with.

        Raises
        ------
        UsageError
            It asks for others.
        """
        kept = {name: getattr(self.config, name) for name in ENCODER}
        kept["bundle"] = str(self.bundle.path)
        for name, has in kept.items():
            asked, plain = getattr(config, name), getattr(Config(), name)
            if name == "bundle" and asked is not None:
                asked = str(expanded(asked))
            if asked not in (plain, has):
                raise UsageError(
                    f"{name} {asked!r} beside an encoder that was loaded with {has!r}: leave out "
                    f"{name}, or give it to the AudioEncoder"
                )
        return config.changed(**cast(Any, kept))

    def streams(self, count: int = 1) -> Streams:
        """Fresh state for ``count`` streams; where the engine can, they step in one run of it.

        Raises
        ------
        UsageError
            There are none.
        """
        if coerce(count, int, "streams:") < 1:
            raise UsageError(f"{count} streams: one or more are needed")
        if count > 1 and self.bundle.window is None and self.config.sounds != 2:
            # a graph that was exported for one stream is run once for each
            with contextlib.suppress(BundleError):
                return BatchedStreams(self._batch(count), frames_shape(self.bundle, count))
        return Streams([self._open() for _ in range(count)])

    def _batch(self, count: int) -> StreamBatch:
        config = self.config.changed(engine=cast(Any, self.engine))
        return StreamBatch(self.bundle, load_model(self.bundle, config, count, self._on_notice))


def _two_streams(
    bundle: ModelBundle, one: Callable[[], EncoderStream], masks: MaskModel | None
) -> EncoderStream:
    return TwoSoundStream(bundle, one(), [one(), one()], masks)


def _silent_step(bundle: ModelBundle) -> tuple[Frames, NDArray[np.float32]]:
    hops = bundle.step_frames
    mel = np.zeros((hops, len(CHANNELS), bundle.features.mels), np.float32)
    nothing = np.zeros(hops, np.float32)
    frames = Frames(mel, np.zeros((hops, 3), np.float32), *3 * [nothing])
    return frames, np.zeros((4, bundle.step_samples), np.float32)


class StatefulStream:
    """One stream through an encoder with state, counted in frames.

    ``block`` frames make a step; a frame waits up to ``latency`` frames for its step to be full.
    """

    def __init__(self, bundle: ModelBundle, model: StepModel) -> None:
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

    def step(self, frames: Frames, foa: NDArray[np.float32]) -> list[EncoderOutput]:
        """Take frames with ``mel`` (hops, 8, mels); a sound for every step that they completed.

        ``foa`` is for models that hear samples; this kind does without.
        """
        mel = frames.mel
        if mel.ndim != 3 or mel.shape[1:] != self._frames.shape[2:]:
            raise UsageError(
                f"audio encoder: frames of shape {mel.shape} came in, "
                f"(hops, {self._frames.shape[2]}, {self._frames.shape[3]}) are needed"
            )
        heard = []
        while len(mel):
            if not self._filled and len(mel) >= 2 * self.block:
                ahead = len(mel) // self.block
                parts = mel[: ahead * self.block].reshape(ahead, *self._frames.shape[1:])
                heard += _sounds(self._path, self._run.run_ahead(parts))
                mel = mel[ahead * self.block :]
                continue
            take = min(self.block - self._filled, len(mel))
            self._frames[0, self._filled : self._filled + take] = mel[:take]
            self._filled += take
            mel = mel[take:]
            if self._filled == self.block:
                heard += _sounds(self._path, self._run.run(self._frames))
                self._filled = 0
        return heard


class StreamBatch:
    """Streams that step together: each with a state of its own, all in one run of the engine."""

    def __init__(self, bundle: ModelBundle, model: StepModel) -> None:
        self.streams = model.frames_shape[0]
        self._shape = model.frames_shape
        self._path = bundle.path
        self._run = model.stream()
        self.step(np.zeros(self._shape, np.float32))
        self.reset()

    def reset(self, stream: int | None = None) -> None:
        """Forget what ``stream``, counted from 0, has heard; by default what all have."""
        self._run.reset(stream)

    def step(self, mel: NDArray[np.float32], held: Sequence[int] = ()) -> list[EncoderOutput]:
        """Take one step of every stream, (streams, step_frames, 8, mels); a sound for each.

        Streams of ``held`` do not step: their state stays, and their sound means nothing.
        """
        if mel.shape != self._shape:
            raise UsageError(
                f"audio encoder: frames of shape {mel.shape} came in, {self._shape} are needed"
            )
        return _sounds(self._path, self._run.run(mel, held))


def _sounds(path: Path, heard: list[NDArray[np.float32]]) -> list[EncoderOutput]:
    """A sound for each stream or step of ``heard``, arrays (n, K, ...)."""
    # a NaN would stay in the state, and the stream be deaf from here on; the sum of squares is
    # finite where all values are, and found in a quarter of the time
    if not all(math.isfinite(np.vdot(values, values)) for values in heard):
        raise BundleError(f"the audio encoder of bundle {path} gives NaN: export the bundle again")
    return [EncoderOutput(*values) for values in zip(*heard, strict=True)]
