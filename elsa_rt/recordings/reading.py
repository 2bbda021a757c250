"""The steps of a piece of a recording, as the model takes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import isinf
from typing import NamedTuple

import numpy as np
import soundfile
from numpy.typing import NDArray

from elsa_rt.audio.block import Block
from elsa_rt.config import Config
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.errors import ElsaError, SourceError
from elsa_rt.features.intensity import Frames, IntensityFeatures
from elsa_rt.microphones.profile import Profile
from elsa_rt.microphones.to_foa import ToFoa
from elsa_rt.microphones.usable import unusable
from elsa_rt.recordings.pieces import LEAD_S, Piece
from elsa_rt.sources.files import FileSource, shown

READ_S = 2.0
"""Seconds of sound that are read at once, where many pieces are heard at a time."""


OnRead = Callable[[NDArray[np.float32], int, int], None]
"""Takes samples (channels, n) of a file, the number of the first of them, and their rate."""


class PieceStep(NamedTuple):
    """One step of the model before it is run, or several."""

    frames: Frames
    foa: NDArray[np.float32]  # AmbiX (4, step_samples each) at the model's rate


class PieceReader:
    """Reads a piece by the stages that a listener has, from its lead to the recording's end.

    Parameters
    ----------
    piece : Piece
    bundle : ModelBundle
    config : Config
        What the recording's channels are.
    profile : Profile
        Of ``config``, resolved (`elsa_rt.microphones.library.profile_of`).
    features : IntensityFeatures
        Fresh; other readers must not use it meanwhile.
    lead_s : float, seconds
        How much before the piece is heard.
    read_s : float, seconds
        Of sound that are read at once.
    on_block : callable, optional
        Takes the samples of the file as they are read, before the steps that they complete.

    Attributes
    ----------
    begin_s : float, seconds from the start of the recording at which the first step begins
    unusable : int
        Samples of the piece, so far, that are NaN, infinite or beyond all scale and became silence.

    Raises
    ------
    SourceError
        While iterating: the recording cannot be read.
    """

    def __init__(
        self,
        piece: Piece,
        bundle: ModelBundle,
        config: Config,
        profile: Profile,
        features: IntensityFeatures,
        lead_s: float = LEAD_S,
        read_s: float = READ_S,
        on_block: Callable[[Block], None] | None = None,
    ) -> None:
        self.piece = piece
        self.begin_s = max(0.0, piece.begin_s - lead_s)
        self.unusable = 0
        self._on_block, self._read_s = on_block, read_s
        self._bundle, self._features = bundle, features
        self._config, self._profile = config, profile

    def __iter__(self) -> Iterator[PieceStep]:
        """Yield every step; silence completes the last one."""
        hops, count = self._bundle.step_frames, self._bundle.step_samples
        waiting = np.empty((4, 0), np.float32)
        for foa in self._foa(self._count):
            waiting = np.concatenate([waiting, foa], axis=1)
            whole = waiting.shape[1] // count
            frames = self._features.step(waiting[:, : whole * count])
            for index in range(whole):
                part = slice(index * hops, (index + 1) * hops)
                yield PieceStep(
                    Frames(*(column[part] for column in frames)),
                    waiting[:, index * count : (index + 1) * count],
                )
            waiting = waiting[:, whole * count :]
        if waiting.shape[1] >= self._features.block:
            last = np.pad(waiting, ((0, 0), (0, count - waiting.shape[1])))
            yield PieceStep(self._features.step(last), last)

    def runs(self) -> Iterator[PieceStep]:
        """The same, frames and samples as they were read: as many as that gave, whole steps or not.

        Only in the end are all that came whole steps. Nothing that is unusable is counted.
        """
        done = 0
        for foa in self._foa(lambda samples, at, rate: None):
            done += foa.shape[1]
            yield PieceStep(self._features.step(foa), foa)
        rest = done % self._bundle.step_samples
        if rest >= self._features.block:
            silence = np.zeros((4, self._bundle.step_samples - rest), np.float32)
            yield PieceStep(self._features.step(silence), silence)

    def _count(self, samples: NDArray[np.float32], at: int, rate: int) -> None:
        """Count which of ``samples`` from ``at`` on belong to the piece and are no sound."""
        begin = max(0, round(self.piece.begin_s * rate) - at)
        end = samples.shape[1] if isinf(self.piece.end_s) else round(self.piece.end_s * rate) - at
        self.unusable += int(unusable(samples[:, begin : max(begin, end)]).sum())

    def _foa(self, on_read: OnRead) -> Iterator[NDArray[np.float32]]:
        """AmbiX (4, n) from the lead on."""
        rate = self._bundle.features.rate
        try:
            with FileSource(self.piece.recording.path, self._config, lambda _: None) as file:
                to_foa = ToFoa(self._profile, file.channels, file.rate, rate, high_pass=True)
                at = file.seek(round(self.begin_s * file.rate))
                frames = round(self._read_s * file.rate)
                count = frames
                while count == frames:
                    samples = file.read(frames)
                    count = samples.shape[1]
                    if count:
                        if self._on_block is not None:
                            self._on_block(Block(samples, file.rate, at))
                        on_read(samples, at, file.rate)
                        yield to_foa.step(samples)
                        at += count
                yield to_foa.flush()
        except (ElsaError, soundfile.LibsndfileError, OSError) as error:
            reason = getattr(error, "error_string", "") or str(error)
            name = shown(self.piece.recording.path)
            raise SourceError(
                f"reading {name} from {self.begin_s:.0f} s on: {reason.strip()}"
            ) from None
