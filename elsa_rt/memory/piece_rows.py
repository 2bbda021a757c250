"""The rows of pieces of recordings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from elsa_rt.config import Config
from elsa_rt.encoder.audio import AudioEncoder
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.memory.gather import Gatherer, SoundInStep, Step
from elsa_rt.memory.labels import Namer, namer_of
from elsa_rt.memory.row import Event
from elsa_rt.recordings.batch import STREAMS, HeardStep, PieceBatch
from elsa_rt.recordings.pieces import TAIL_S, Piece
from elsa_rt.tracking.tracker import Tracker


class HeardPiece(NamedTuple):
    """The rows of a piece, or why there are none."""

    piece: Piece
    events: tuple[Event, ...]
    error: str = ""
    unusable: int = 0  # samples that became silence


class PieceRows:
    """Gathers the rows that begin in one piece (a `PieceListener`)."""

    def __init__(self, step_s: float, release_s: float, piece: Piece) -> None:
        self._end_s = piece.end_s
        self._tracker = Tracker(step_s, release_s)
        self._gatherer = Gatherer(step_s, piece.begin_s, piece.end_s)
        self._events: list[Event] = []

    def take(self, step: HeardStep) -> bool:
        """Take the next step; False once the rows are complete."""
        self._events += self._gatherer.step(self._gathered(step))
        return step.time_s < self._end_s or (
            self._gatherer.has_open and step.time_s < self._end_s + TAIL_S
        )

    def finish(self) -> list[Event]:
        """All rows of the piece."""
        return self._events + self._gatherer.finish()

    def _gathered(self, step: HeardStep) -> Step:
        sound = step.sound
        flow = step.flow
        heard = self._tracker.step(step.time_s, sound, flow.diffuseness, flow.scatter)
        loudest = int(sound.activity.argmax())
        return Step(
            time_s=step.time_s,
            embedding=sound.embedding[loudest],
            activity=float(sound.activity[loudest]),
            direction=sound.direction[loudest],
            level_dbfs=flow.level_dbfs,
            tracks=heard.tracks,
            sounds=[
                SoundInStep(track.id, embedding, activity)
                for track, embedding, activity in zip(
                    heard.slots, sound.embedding, sound.activity.tolist(), strict=True
                )
                if track is not None
            ],
        )


def rows_of_pieces(
    encoder: AudioEncoder,
    config: Config,
    namer: Namer,
    pieces: Iterable[Piece],
    streams: int = STREAMS,
) -> Iterator[HeardPiece]:
    """Hear ``pieces``, so many ``streams`` at a time; yields the rows of each when it is complete.

    Parameters
    ----------
    encoder : AudioEncoder
        Loaded for two sounds at once, it gives each its own rows.
    config : Config
        What the recordings' channels are.
    namer : callable
        Names the rows.
    pieces : iterable of Piece
    streams : int
    """
    rows_of = partial(PieceRows, encoder.bundle.step_s, config.track_release_s)
    for done in PieceBatch(encoder, config, streams).hear(pieces, rows_of):
        if done.error:
            yield HeardPiece(done.piece, (), done.error)
            continue
        events = done.listener.finish()
        named = (replace(each, labels=namer(each.embedding)) for each in events)
        yield HeardPiece(done.piece, tuple(named), unusable=done.unusable)


def hear_rows(config: Config, pieces: Iterable[Piece], streams: int) -> Iterator[HeardPiece]:
    """`rows_of_pieces` by a model that is loaded first."""
    encoder = AudioEncoder(ModelBundle.load(config.bundle), config)
    return rows_of_pieces(encoder, config, namer_of(encoder.bundle), pieces, streams)
