"""Streams that step together, each called as if it were alone: the engine runs once for all."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from elsa_rt.encoder.output import EncoderOutput, EncoderStream
from elsa_rt.errors import UsageError
from elsa_rt.features.intensity import Frames


class Batch(Protocol):
    """What runs one step of all streams."""

    def step(self, mel: NDArray[np.float32], held: Sequence[int] = ()) -> list[EncoderOutput]: ...

    def reset(self, stream: int | None = None) -> None: ...


class Streams:
    """Streams of one encoder.

    Attributes
    ----------
    lanes : tuple of EncoderStream
        One for each stream.
    """

    def __init__(self, lanes: Sequence[EncoderStream]) -> None:
        self.lanes = tuple(lanes)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Let the steps of all lanes wait for the end of the ``with`` and run as one there.

        Their outputs come with the next call of each lane. This kind runs lanes one by one.
        """
        yield

    def leave(self, lane: int) -> None:
        """A stream is over: the others do not wait for it any more."""

    def step(self, frames: Sequence[Frames], foa: NDArray[np.float32]) -> list[list[EncoderOutput]]:
        """Step every lane, each with its ``frames``; the outputs of each.

        ``foa`` (4, n), the samples of the frames, is for kinds that hear samples.
        """
        with self.together():
            begun = [lane.step(new, foa) for lane, new in zip(self.lanes, frames, strict=True)]
        none = Frames(*(part[:0] for part in frames[0]))
        ran = [lane.step(none, foa[:, :0]) for lane in self.lanes]
        return [one + more for one, more in zip(begun, ran, strict=True)]


class BatchedStreams(Streams):
    """Lanes that share the runs of an engine made for as many streams.

    A run is due when every lane has a whole step, or when one has two: a stream that lags holds up
    the others by one step at most. Lanes without a step keep their state.
    """

    def __init__(self, batch: Batch, shape: tuple[int, ...]) -> None:
        self._batch = batch
        self._mel = np.zeros(shape, np.float32)
        self._waits = False
        self._left: set[int] = set()
        self._made = tuple(Lane(self, index, step) for index, step in enumerate(self._mel))
        super().__init__(self._made)

    @contextmanager
    def together(self) -> Iterator[None]:
        """See `Streams.together`."""
        self._waits = True
        try:
            yield
        finally:
            self._waits = False
        while self._is_due():
            self._run([lane for lane in self._made if lane.ready])

    def leave(self, lane: int) -> None:
        """See `Streams.leave`."""
        self._left.add(lane)

    def join(self, lane: int) -> None:
        """A lane is used again."""
        self._left.discard(lane)

    def catch_up(self, lane: Lane) -> None:
        """Run the steps of ``lane`` alone, unless all run together in a moment."""
        while lane.ready and not self._waits:
            self._run([lane])

    def reset(self, lane: int) -> None:
        """Forget what a lane has heard."""
        self._batch.reset(lane)

    def _is_due(self) -> bool:
        ready = [lane.ready for lane in self._made if lane.index not in self._left]
        return bool(ready) and (min(ready) > 0 or max(ready) > 1)

    def _run(self, lanes: Sequence[Lane]) -> None:
        stepping = {lane.index for lane in lanes}
        held = [index for index in range(len(self._made)) if index not in stepping]
        sounds = self._batch.step(self._mel, held)
        for lane in lanes:
            lane.took(sounds[lane.index])


class Lane:
    """One of `BatchedStreams`, called as an `EncoderStream`.

    Parameters
    ----------
    step : float32 (step_frames, 8, mels)
        Where the frames of its next step are put.
    """

    def __init__(self, streams: BatchedStreams, index: int, step: NDArray[np.float32]) -> None:
        self.block = self.latency = len(step)
        self.index = index
        self._streams = streams
        self._step = step
        self._forget()

    def _forget(self) -> None:
        self._filled = 0  # frames of the next step
        self._more = self._step[:0]  # those of the steps after it
        self._outputs: deque[EncoderOutput] = deque()

    @property
    def ready(self) -> int:
        """Whole steps that wait."""
        return (self._filled + len(self._more)) // self.block

    def took(self, output: EncoderOutput) -> None:
        """The next step has run."""
        self._outputs.append(output)
        following, self._more = self._more[: self.block], self._more[self.block :]
        self._filled = len(following)
        self._step[: self._filled] = following

    def _put(self, mel: NDArray[np.float32]) -> None:
        take = min(self.block - self._filled, len(mel))
        self._step[self._filled : self._filled + take] = mel[:take]
        self._filled += take
        if take < len(mel):
            self._more = np.concatenate([self._more, mel[take:]])

    def step(self, frames: Frames, foa: NDArray[np.float32]) -> list[EncoderOutput]:
        """Take frames with ``mel`` (hops, 8, mels); the outputs of the steps that have run."""
        if frames.mel.ndim != 3 or frames.mel.shape[1:] != self._step.shape[1:]:
            _, channels, mels = self._step.shape
            raise UsageError(
                f"audio encoder: frames of shape {frames.mel.shape} came in, (hops, "
                f"{channels}, {mels}) are needed"
            )
        self._streams.join(self.index)
        self._put(frames.mel)
        self._streams.catch_up(self)
        found = list(self._outputs)
        self._outputs.clear()
        return found

    def reset(self) -> None:
        """Forget all frames; the next is the first."""
        self._streams.reset(self.index)
        self._forget()
