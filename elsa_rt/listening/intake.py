"""Intake: from the blocks of a source to AmbiX at the model's rate, and its place in time."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elsa_rt.audio.block import Block
from elsa_rt.audio.timeline import Timeline
from elsa_rt.errors import SourceError, UsageError
from elsa_rt.hints import coerce
from elsa_rt.microphones.profile import Profile
from elsa_rt.microphones.to_foa import ToFoa, encoding_stage
from elsa_rt.reference_frame import ReferenceFrame
from elsa_rt.sources.array import as_samples


class Intake:
    """Admits the blocks of one stream and brings them to AmbiX in the axes of the frame.

    Parameters
    ----------
    microphone : Profile
        Resolved.
    rate : int, Hz
        Of the model.
    frame : ReferenceFrame
    """

    def __init__(self, microphone: Profile, rate: int, frame: ReferenceFrame) -> None:
        self._microphone, self._rate, self._frame = microphone, rate, frame
        # filters are designed now: a source that is open would lose sound meanwhile
        self._encode = encoding_stage(microphone, rate)
        self._timeline = Timeline(rate)
        self.reset()

    def reset(self) -> None:
        """The next block is the first of a stream."""
        self._to_foa: ToFoa | None = None
        self._next_start = 0  # of an array
        self.samples = 0  # that were given out, at the model's rate
        self._timeline.reset()
        self._frame.reset()

    @property
    def begun(self) -> bool:
        """Whether a block was admitted."""
        return self._to_foa is not None

    @property
    def latency(self) -> int:
        """Samples at the model's rate by which AmbiX trails; known from the first block on."""
        return self._to_foa.latency if self._to_foa else 0

    def block_of(self, given: Block | ArrayLike, rate: int | None) -> Block:
        """What was given as a block; an array follows what came before it."""
        if isinstance(given, Block):
            if rate is not None and coerce(rate, int, "push: rate") != given.rate:
                raise UsageError(
                    f"push: rate {rate} beside a block at {given.rate} Hz: leave it out"
                )
            return given
        if rate is None:
            raise UsageError(
                f"push: {type(given).__name__} came without a rate: push(samples, rate) with float "
                "samples (channels, n), or push(Block(samples, rate))"
            )
        return Block(as_samples(given, "push"), rate, self._next_start)

    def admit(self, block: Block) -> bool:
        """Check that ``block`` goes on with the stream; whether it is the first of one."""
        channels, first = block.samples.shape[0], self._to_foa is None
        if self._to_foa is None:
            self._to_foa = ToFoa(
                self._microphone, channels, block.rate, self._rate, self._encode, high_pass=True
            )
        if (channels, block.rate) != (self._to_foa.channels, self._to_foa.rate):
            raise SourceError(
                f"the stream changed from {self._to_foa.channels} channels at {self._to_foa.rate} "
                f"Hz to {channels} at {block.rate} Hz: reset() the listener between streams"
            )
        return first

    def step(self, block: Block) -> NDArray[np.float32]:
        """AmbiX (4, n) of an admitted block, perhaps n = 0."""
        if self._to_foa is None:
            raise ValueError("admit the block first")
        self._next_start = block.start + block.samples.shape[1]
        self.note(block)
        return self._turned(self._to_foa.step(block.samples.astype(np.float32, copy=False)))

    def note(self, block: Block) -> None:
        """Take the place of ``block`` in time, without its samples."""
        self._timeline.add(block)
        self._frame.add(block)

    def flush(self) -> NDArray[np.float32]:
        """The AmbiX (4, n) that was held back, at the end of the stream."""
        if self._to_foa is None:
            return np.empty((4, 0), np.float32)
        return self._turned(self._to_foa.flush())

    def silence(self, count: int) -> NDArray[np.float32]:
        """AmbiX (4, count) of silence that completes a step."""
        self.samples += count
        return np.zeros((4, count), np.float32)

    def time_of(self, sample: int) -> tuple[float, int]:
        """Seconds of the stream at a sample of the AmbiX, and samples lost until then."""
        return self._timeline.at(sample)

    def _turned(self, foa: NDArray[np.float32]) -> NDArray[np.float32]:
        count = foa.shape[1]
        if self._frame.turns_sound and count:
            foa = self._frame.to_frame(foa, self._timeline.times(self.samples, count))
        self.samples += count
        return foa
