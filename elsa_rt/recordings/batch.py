"""Pieces of recordings heard many at a time: one run of the model for a step of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from elsa_rt.config import Config
from elsa_rt.encoder.audio import AudioEncoder
from elsa_rt.encoder.lanes import BatchedStreams
from elsa_rt.encoder.output import EncoderOutput
from elsa_rt.errors import ElsaError
from elsa_rt.features.energy_flow import EnergyFlow, Flow
from elsa_rt.features.intensity import Frames, IntensityFeatures
from elsa_rt.microphones.library import profile_of
from elsa_rt.recordings.pieces import Piece
from elsa_rt.recordings.reading import PieceReader, PieceStep

STREAMS = 16
"""Pieces that step together: beyond this a step takes no less time for each."""

NO_SOUND = np.empty((4, 0), np.float32)


class HeardStep(NamedTuple):
    """One step of a piece, as the model heard it."""

    time_s: float  # at its end, from the start of the recording
    sound: EncoderOutput
    flow: Flow
    frames: Frames
    foa: NDArray[np.float32]  # AmbiX (4, step_samples) at the model's rate


class PieceListener(Protocol):
    """What takes the steps of one piece, its lead first."""

    def take(self, step: HeardStep) -> bool:
        """Take the next step; False once no more of the recording is needed."""
        ...


P = TypeVar("P", bound=PieceListener)


@dataclass
class PieceDone(Generic[P]):
    """A piece that was heard, or why it could not be read to its end."""

    piece: Piece
    listener: P
    error: str = ""
    unusable: int = 0  # samples that became silence, see `PieceReader`


class PieceBatch:
    """Hears pieces by one encoder.

    Parameters
    ----------
    encoder : AudioEncoder
    config : Config
        What the recordings' channels are.
    streams : int
        Pieces that are heard at a time; one after the other where the engine runs one stream.
    """

    def __init__(
        self,
        encoder: AudioEncoder,
        config: Config,
        streams: int = STREAMS,
    ) -> None:
        self._bundle = encoder.bundle
        self._config, self._profile = config, profile_of(config)
        self._streams = encoder.streams(streams)
        if not isinstance(self._streams, BatchedStreams):
            self._streams = encoder.streams(1)
        self._features = [
            IntensityFeatures(self._bundle.features, self._profile.coincidence_hz)
            for _ in self._streams.lanes
        ]

    def hear(
        self, pieces: Iterable[Piece], listener_of: Callable[[Piece], P]
    ) -> Iterator[PieceDone[P]]:
        """Hear ``pieces``, each as soon as there is room; yields each when it is complete.

        Parameters
        ----------
        pieces : iterable of Piece
            Asked for the next one whenever another is complete.
        listener_of : callable
            Gives what takes the steps of a piece.
        """
        waiting = iter(pieces)
        slots: list[_Slot[P] | None] = [None] * len(self._features)
        while True:
            for number in range(len(slots)):
                while True:
                    if slots[number] is None:
                        slots[number] = self._begin(number, waiting, listener_of)
                    slot = slots[number]
                    if slot is None or slot.advance():
                        break
                    slots[number] = None
                    yield slot.done
            active = {number: slot for number, slot in enumerate(slots) if slot is not None}
            if not active:
                return
            for number, sound in self._step(active).items():
                slot = active[number]
                if not slot.take(sound):
                    slots[number] = None
                    yield slot.done

    def _begin(
        self, number: int, waiting: Iterator[Piece], listener_of: Callable[[Piece], P]
    ) -> _Slot[P] | None:
        """The next piece in the lane ``number``; None where there is none left."""
        piece = next(waiting, None)
        if piece is None:
            self._streams.leave(number)
            return None
        self._features[number].reset()
        self._streams.lanes[number].reset()
        listener = listener_of(piece)
        features = self._features[number]
        reader = PieceReader(piece, self._bundle, self._config, self._profile, features)
        flow = EnergyFlow(self._bundle.step_frames)
        return _Slot(PieceDone(piece, listener), reader, flow, self._bundle.step_s)

    def _step(self, active: dict[int, _Slot[P]]) -> dict[int, EncoderOutput]:
        """Run the model for the step at which each slot stands."""
        lanes, heard = self._streams.lanes, {}
        with self._streams.together():
            for number, slot in active.items():
                heard[number] = lanes[number].step(slot.step.frames, slot.step.foa)
        for number, slot in active.items():
            if not heard[number]:  # it ran with the others, and waits for the next call
                nothing = Frames(*(column[:0] for column in slot.step.frames))
                heard[number] = lanes[number].step(nothing, NO_SOUND)
        return {number: sound for number, (sound,) in heard.items()}


class _Slot(Generic[P]):
    """A piece that is being heard."""

    step: PieceStep

    def __init__(
        self, done: PieceDone[P], reader: PieceReader, flow: EnergyFlow, step_s: float
    ) -> None:
        self.done = done
        self._flow, self._step_s, self._begin_s = flow, step_s, reader.begin_s
        self._reader, self._coming = reader, iter(reader)
        self._steps = 0

    def advance(self) -> bool:
        """Make ``step`` the next one; False where there is none, or it cannot be read."""
        try:
            step = next(self._coming, None)
        except ElsaError as error:
            self.done.error = str(error)
            return False
        self.done.unusable = self._reader.unusable
        if step is not None:
            self.step = step
        return step is not None

    def take(self, sound: EncoderOutput) -> bool:
        """Give ``step`` and its ``sound`` to the listener of the piece."""
        self._steps += 1
        (flow,) = self._flow.step(self.step.frames)
        time_s = self._begin_s + self._steps * self._step_s
        return self.done.listener.take(HeardStep(time_s, sound, flow, *self.step))
