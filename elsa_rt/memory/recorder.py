"""What keeps the past while listening: rows of the hearings, written by a thread of its own.

Nothing here stops listening: a store that is locked, full or damaged is said, rows wait and are
tried again, and the oldest are lost once too many wait.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from elsa_rt.audio.ambisonics import direction_from_angles
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.errors import ElsaError
from elsa_rt.files import expanded
from elsa_rt.hearing import Hearing
from elsa_rt.memory.forgetting import Retention, apply_retention
from elsa_rt.memory.gather import Gatherer, SoundInStep, Step
from elsa_rt.memory.labels import Namer
from elsa_rt.memory.question import model_of
from elsa_rt.memory.row import Event, RaisedAlert
from elsa_rt.memory.store import Origin, Store, check_directory
from elsa_rt.notices import OnNotice
from elsa_rt.outputs.worker import Unavailable, Worker

WAIT_S = 2.0
"""For a store that another program writes to. An output has longer than that to close, so that what
is lost at the end is told with its cause."""

COMMIT_S = 5.0
"""Rows are written together so often: a flash card wears less, and a crash loses no more."""

MAX_WAITING = 2_000
"""Writes that wait for a store that is locked or full: some hours."""

TIDY_S = 86_400.0
"""Time between two looks at what is too old or too much; the index is made anew after each."""

LISTENED = "run-"
"""How the uid of what was listened to begins."""

CLOCK_STEP_S = 2.0
"""A clock that goes back by more is said."""


ClipOf = Callable[[str, str], str | None]
"""Gives the file that the clip of an alert is kept in, by the ids of its rule and of the alert, or
None; whether it is there is looked up when the row is asked for."""


@dataclass(frozen=True)
class Heard:
    """What is written at once."""

    events: tuple[Event, ...]
    heard_s: float  # stream time up to which was listened


class Recorder:
    """An output that keeps what is heard in the store ``path``.

    Parameters
    ----------
    path : str or Path
        Directory of the store; it is made where there is none.
    bundle : ModelBundle
    source : str
        What the rows' source is called.
    live : bool
        The time of day of what is heard is now; otherwise it is unknown but for ``began_s``.
    retention : Retention
    on_notice : callable
        Hears of trouble; any thread may call it.
    began_s : float, optional
        Unix time at which a recording began.
    namer : callable
        Gives the known sounds that an embedding is nearest to.
    clip_of : callable, optional
        See `ClipOf`.
    clock : callable
        Unix time in seconds.

    Raises
    ------
    UsageError
        ``path`` is that of an archive.
    """

    def __init__(
        self,
        path: str | Path,
        bundle: ModelBundle,
        source: str,
        *,
        live: bool,
        retention: Retention,
        on_notice: OnNotice,
        namer: Namer,
        began_s: float | None = None,
        clip_of: ClipOf | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        check_directory(path)
        self._path, self._bundle, self._source = expanded(path), bundle, source
        self._live, self._began_s, self._clock = live, began_s, clock
        self._retention, self._say, self._namer = retention, on_notice, namer
        self._clip_of = clip_of
        self._uid = f"{LISTENED}{uuid.uuid4().hex}"
        self._opened_s = clock() if live else began_s
        self._gatherer = Gatherer(bundle.step_s)
        self._events: list[Event] = []
        self._put_s = 0.0  # stream time of the last write
        self._heard_s = 0.0
        self._offset_s: float | None = None  # clock less stream time, at its latest
        self._store: Store | None = None
        self._ids = (0, 0)  # source and model in the store
        self._tidied_s = -TIDY_S
        self._worker: Worker[Heard] = Worker(
            f"remembering in {self._path}",
            self._write,
            on_notice,
            capacity=MAX_WAITING,
            on_close=self._close_store,
        )
        self._worker.put(Heard((), 0.0))  # trouble is said now, not with the first sound

    def show(self, hearing: Hearing) -> None:
        """Take the next step; it is written within some seconds of its row's end."""
        if hearing.time_s < self._heard_s:  # a new stream: a source was opened again
            self._take(self._gatherer.finish(), self._heard_s)
        done = self._gatherer.step(step_of(hearing))
        self._heard_s = hearing.time_s
        self._take(done, hearing.time_s)
        if hearing.time_s - self._put_s >= COMMIT_S:
            self._put()

    def notice(self, text: str) -> None:
        """Notices are not kept."""

    def close(self) -> None:
        """Write what is left, for a few seconds at most."""
        self._take(self._gatherer.finish(), self._heard_s)
        self._put()
        self._worker.close()

    def _take(self, events: list[Event], time_s: float) -> None:
        offset_s = self._offset(time_s)
        for event in events:
            at_s = None if offset_s is None else offset_s + event.time_s
            labels = self._namer(event.embedding)
            alerts = tuple(map(self._with_clip, event.alerts))
            self._events.append(replace(event, at_s=at_s, labels=labels, alerts=alerts))

    def _with_clip(self, alert: RaisedAlert) -> RaisedAlert:
        if self._clip_of is None:
            return alert
        return alert._replace(clip=self._clip_of(alert.rule, alert.id))

    def _offset(self, time_s: float) -> float | None:
        """What to add to stream time for the time of day."""
        if not self._live:
            return self._began_s
        offset_s = self._clock() - time_s
        before, self._offset_s = self._offset_s, offset_s
        if before is not None and offset_s < before - CLOCK_STEP_S:
            self._say(
                f"remembering in {self._path}: the clock went back by {before - offset_s:.0f} s: "
                "rows from now on have its new time, and may seem older than those before"
            )
        return offset_s

    def _put(self) -> None:
        self._put_s = self._heard_s
        events, self._events = tuple(self._events), []
        if events or self._heard_s:
            self._worker.put(Heard(events, self._heard_s))

    def _write(self, heard: Heard) -> None:
        """Write on the worker's thread; what fails is tried again."""
        try:
            store = self._open()
            source, model = self._ids
            with store.changing("remembering in"):
                store.add(source, model, heard.events)
                store.execute(
                    "UPDATE sources SET seconds = max(seconds, ?) WHERE id = ?",
                    (heard.heard_s, source),
                )
            if time.monotonic() - self._tidied_s >= TIDY_S:
                self._tidied_s = time.monotonic()
                apply_retention(store, self._retention, self._clock())
        except ElsaError as error:
            self._close_store()
            raise Unavailable(f"{error}; listening goes on, rows wait") from error

    def _open(self) -> Store:
        if self._store is None:
            store = Store.open(self._path, create=True, wait_s=WAIT_S)
            try:
                with store.changing("opening"):
                    model = store.model_id(model_of(self._bundle))
                    origin = Origin(self._uid, self._source, self._live, began_s=self._opened_s)
                    self._ids = store.source_id(origin, model), model
            except BaseException:
                store.close()
                raise
            self._store = store
        return self._store

    def _close_store(self) -> None:
        store, self._store = self._store, None
        if store is not None:
            store.close()


def step_of(hearing: Hearing) -> Step:
    """``hearing`` as rows are made of it, in the axes of the world where these are known."""
    direction, tracks = hearing.direction, hearing.tracks
    if hearing.world is not None:  # what turns with the listener is no place
        direction = direction_from_angles(*hearing.world).astype(np.float32)
        tracks = tuple(
            track
            if track.world is None
            else replace(track, azimuth_deg=track.world[0], elevation_deg=track.world[1])
            for track in tracks
        )
    return Step(
        time_s=hearing.time_s,
        embedding=hearing.embedding,
        activity=hearing.activity,
        direction=direction,
        level_dbfs=hearing.level_dbfs,
        tracks=tracks,
        alerts=hearing.alerts,
        scores=[(score.rule, score.score) for score in hearing.scores],
        sounds=[
            SoundInStep(sound.track, sound.embedding, sound.activity)
            for sound in hearing.sounds
            if sound.track is not None
        ],
    )
