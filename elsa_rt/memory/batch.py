"""Pieces of recordings heard many at a time: one run of the model for a step of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import soundfile
from numpy.typing import NDArray

from elsa_rt.config import Config
from elsa_rt.encoder.audio import AudioEncoder, StreamBatch
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.encoder.output import EncoderOutput
from elsa_rt.errors import BundleError, ElsaError, SourceError
from elsa_rt.features.energy_flow import EnergyFlow, Flow
from elsa_rt.features.intensity import Frames, IntensityFeatures
from elsa_rt.memory.gather import Gatherer, Step
from elsa_rt.memory.labels import Namer
from elsa_rt.memory.pieces import LEAD_S, TAIL_S, Piece
from elsa_rt.memory.row import Event
from elsa_rt.microphones.library import profile_of
from elsa_rt.microphones.profile import Profile
from elsa_rt.microphones.to_foa import ToFoa
from elsa_rt.tracking.tracker import Tracker

STREAMS = 16
"""Pieces that step together: beyond this a step takes no less time for each."""

READ_S = 2.0


class HeardPiece(NamedTuple):
    """The rows of a piece, or why there are none."""

    piece: Piece
    events: tuple[Event, ...]
    error: str = ""


class BatchHearing:
    """Hears pieces by one encoder.

    Parameters
    ----------
    encoder : AudioEncoder
    config : Config
        What the recordings' channels are.
    namer : callable
    streams : int
        Pieces that are heard at a time; some encoders hear one alone.
    """

    def __init__(
        self, encoder: AudioEncoder, config: Config, namer: Namer, streams: int = STREAMS
    ) -> None:
        self._bundle = encoder.bundle
        self._profile, self._namer = profile_of(config), namer
        self._release_s = config.track_release_s
        self._batch = _batch(encoder, streams)
        if self._batch is None:
            streams = 1
            self._single = encoder.stream()
        self._slots: list[_Slot | None] = [None] * streams
        self._features = [
            IntensityFeatures(self._bundle.features, self._profile.coincidence_hz)
            for _ in range(streams)
        ]
        mels = len(self._features), self._bundle.step_frames, 8, self._bundle.features.mels
        self._mel = np.zeros(mels, np.float32)

    def hear(self, pieces: Iterable[Piece]) -> Iterator[HeardPiece]:
        """Hear ``pieces``, each as soon as there is room; yields each when it is complete."""
        waiting = iter(pieces)
        while True:
            for number in range(len(self._slots)):
                yield from self._fill(number, waiting)
            if not any(self._slots):
                return
            sounds = self._step()
            for number, slot in enumerate(self._slots):
                if slot is not None and not slot.take(sounds[number]):
                    self._slots[number] = None
                    yield self._complete(slot)

    def _fill(self, number: int, waiting: Iterator[Piece]) -> Iterator[HeardPiece]:
        """Have the slot ``number`` stand at its next step, of another piece if it has none left."""
        slot = self._slots[number]
        while True:
            if slot is None:
                piece = next(waiting, None)
                if piece is None:
                    return
                self._restart(number)
                slot = _Slot(
                    piece, self._bundle, self._profile, self._release_s, self._features[number]
                )
            try:
                if slot.advance():
                    self._slots[number] = slot
                    self._mel[number] = slot.frames.mel
                    return
            except ElsaError as error:
                self._slots[number] = None
                yield HeardPiece(slot.piece, (), str(error))
            else:
                self._slots[number] = None
                yield self._complete(slot)
            slot = None

    def _restart(self, number: int) -> None:
        self._features[number].reset()
        if self._batch is None:
            self._single.reset()
        else:
            self._batch.reset(number)

    def _step(self) -> list[EncoderOutput]:
        if self._batch is not None:
            return self._batch.step(self._mel)
        return [
            output
            for slot in self._slots
            if slot is not None
            for output in self._single.step(slot.frames, slot.foa)
        ]

    def _complete(self, slot: _Slot) -> HeardPiece:
        named = (replace(each, labels=self._namer(each.embedding)) for each in slot.finish())
        return HeardPiece(slot.piece, tuple(named), slot.fault)


def _batch(encoder: AudioEncoder, streams: int) -> StreamBatch | None:
    """``streams`` at once, where there are several and the encoder can do so."""
    if streams == 1 or encoder.bundle.window is not None:
        return None
    try:
        return encoder.open(streams)
    except BundleError:  # exported for one stream alone
        return None


class _Slot:
    """One piece that is being heard."""

    def __init__(
        self,
        piece: Piece,
        bundle: ModelBundle,
        profile: Profile,
        release_s: float,
        features: IntensityFeatures,
    ) -> None:
        self.piece = piece
        self.fault = ""
        self._bundle, self._features = bundle, features
        self._profile = profile
        self._flow = EnergyFlow(bundle.step_frames)
        self._tracker = Tracker(bundle.step_s, release_s)
        self._from_s = max(0.0, piece.begin_s - LEAD_S)
        self._gatherer = Gatherer(bundle.step_s, piece.begin_s, piece.end_s)
        self._steps = 0
        self._events: list[Event] = []
        self._coming = self._read()

    def advance(self) -> bool:
        """Make ``frames`` and ``foa`` those of the next step; False where there is none."""
        step = next(self._coming, None)
        if step is None:
            return False
        self.frames, self.foa = step
        (self._now,) = self._flow.step(self.frames)
        return True

    def take(self, sound: EncoderOutput) -> bool:
        """Take what the model heard in the step; False once the piece is complete."""
        self._steps += 1
        time_s = self._from_s + self._steps * self._bundle.step_s
        self._events += self._gatherer.step(self._gathered(time_s, sound, self._now))
        return time_s < self.piece.end_s or (
            self._gatherer.has_open and time_s < self.piece.end_s + TAIL_S
        )

    def finish(self) -> list[Event]:
        """All rows of the piece."""
        return self._events + self._gatherer.finish()

    def _gathered(self, time_s: float, sound: EncoderOutput, flow: Flow) -> Step:
        heard = self._tracker.step(time_s, sound, flow.diffuseness)
        loudest = int(sound.activity.argmax())
        return Step(
            time_s=time_s,
            embedding=sound.embedding[loudest],
            activity=float(sound.activity[loudest]),
            direction=sound.direction[loudest],
            level_dbfs=flow.level_dbfs,
            tracks=heard.tracks,
        )

    def _read(self) -> Iterator[tuple[Frames, NDArray[np.float32]]]:
        """Frames and AmbiX of each step; silence completes the last one."""
        hops, count = self._bundle.step_frames, self._bundle.step_samples
        waiting = np.empty((4, 0), np.float32)
        for foa in self._foa():
            waiting = np.concatenate([waiting, foa], axis=1)
            whole = waiting.shape[1] // count
            if not whole:
                continue
            frames = self._features.step(waiting[:, : whole * count])
            for index in range(whole):
                part = slice(index * hops, (index + 1) * hops)
                yield (
                    Frames(*(column[part] for column in frames)),
                    waiting[:, index * count : (index + 1) * count],
                )
            waiting = waiting[:, whole * count :]
        if waiting.shape[1] >= self._features.block:
            last = np.pad(waiting, ((0, 0), (0, count - waiting.shape[1])))
            yield self._features.step(last), last

    def _foa(self) -> Iterator[NDArray[np.float32]]:
        """AmbiX (4, n) from the lead on."""
        recording = self.piece.recording
        try:
            with soundfile.SoundFile(recording.path) as file:
                rate = self._bundle.features.rate
                to_foa = ToFoa(self._profile, file.channels, file.samplerate, rate)
                file.seek(round(self._from_s * file.samplerate))
                frames = round(READ_S * file.samplerate)
                while True:
                    samples = file.read(frames, dtype="float32", always_2d=True)
                    if len(samples):
                        yield to_foa.step(np.ascontiguousarray(samples.T))
                    if len(samples) < frames:
                        break
                yield to_foa.flush()
        except (soundfile.LibsndfileError, OSError) as error:
            reason = getattr(error, "error_string", "") or str(error)
            raise SourceError(
                f"reading {recording.path} from {self._from_s:.0f} s on: {reason.strip()}"
            ) from None
