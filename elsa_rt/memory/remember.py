"""Recordings into a store: in pieces, on several cores, each recording exactly once.

A piece and the mark that it is done are stored in one transaction. So whatever ends the work, a
crash or a power cut, the same command goes on where it was, and nothing is there twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.errors import ElsaError
from elsa_rt.memory.job import Job, OnProgress, Report, origin_of
from elsa_rt.memory.piece_rows import HeardPiece, hear_rows
from elsa_rt.memory.question import model_of
from elsa_rt.memory.store import Store
from elsa_rt.microphones.usable import became_silence
from elsa_rt.notices import OnNotice
from elsa_rt.recordings.pieces import Piece, Recording, find_recordings, read_header
from elsa_rt.recordings.processes import on_processes
from elsa_rt.sources.files import shown


def remember(
    paths: Iterable[str | Path],
    store_path: str | Path,
    job: Job,
    *,
    on_notice: OnNotice,
    on_total: OnProgress,
    on_progress: OnProgress,
) -> Report:
    """Hear recordings that are not in the store ``store_path`` yet, and keep their rows.

    Parameters
    ----------
    paths : files and folders
    store_path : directory of the store, made where there is none
    job : Job
    on_notice : callable
        Hears of recordings that cannot be read; the others go on.
    on_total, on_progress : callable
        Hear of the seconds of sound to be done, once, and of those that are done.

    Raises
    ------
    ElsaError
        The store or the model cannot be used, or a worker died; what was done is kept.
    """
    report = Report()
    recordings = list(find_recordings(paths, on_notice, report.failed.append, job.config))
    with _opened(store_path, job) as (store, model):
        _hear(store, model, recordings, job, report, on_notice, on_total, on_progress)
    return report


def remember_again(
    store_path: str | Path,
    job: Job,
    *,
    on_notice: OnNotice,
    on_total: OnProgress,
    on_progress: OnProgress,
) -> Report:
    """Make the rows anew that another model made, where their recordings still are.

    See `remember`. Rows without a recording stay as they are.
    """
    Store.open(store_path).close()  # it must be there
    report = Report()
    with _opened(store_path, job) as (store, model):
        recordings = _void(store, model, job, on_notice)
        _hear(store, model, recordings, job, report, on_notice, on_total, on_progress)
    return report


@contextmanager
def _opened(path: str | Path, job: Job) -> Iterator[tuple[Store, int]]:
    bundle = ModelBundle.load(job.config.bundle)
    with Store.open(path, create=True) as store:
        with store.changing():
            model = store.model_id(model_of(bundle))
        yield store, model


def _hear(
    store: Store,
    model: int,
    recordings: Sequence[Recording],
    job: Job,
    report: Report,
    on_notice: OnNotice,
    on_total: OnProgress,
    on_progress: OnProgress,
) -> None:
    todo, left = _plan(store, model, recordings, job, report, on_notice)
    on_total(sum(piece.seconds for piece in todo))
    with heard_rows(todo, job) as heard:
        for found in heard:
            on_progress(found.piece.seconds)
            _keep(store, model, found, left, report, on_notice)


def _plan(
    store: Store,
    model: int,
    recordings: Iterable[Recording],
    job: Job,
    report: Report,
    on_notice: OnNotice,
) -> tuple[list[Piece], dict[str, int]]:
    """The pieces to be heard, and of each recording how many there are."""
    todo: list[Piece] = []
    left: dict[str, int] = {}
    for recording in recordings:
        (known,) = store.query(
            "SELECT id, done, model FROM sources WHERE uid = ?", (recording.uid,)
        ) or [(0, 0, model)]
        number, done, other = known
        if done and other == model:
            report.already += 1
            continue
        if other != model:
            name = store.models()[other].name
            on_notice(
                f"{shown(recording.path)} was remembered by another model, {name}, and stays so: "
                f"make it anew with elsa-rt remember --again --store {store.path}"
            )
            report.already += 1
            continue
        with store.changing():
            number = number or store.source_id(origin_of(recording, job), model)
        heard = {row[0] for row in store.query(
            "SELECT piece FROM pieces WHERE source = ?", (number,)
        )}  # fmt: skip
        missing = [Piece(recording, k) for k in range(recording.pieces) if k not in heard]
        todo += missing
        left[recording.uid] = len(missing)
    return todo, left


def _keep(
    store: Store,
    model: int,
    found: HeardPiece,
    left: dict[str, int],
    report: Report,
    on_notice: OnNotice,
) -> None:
    """Store the rows of a piece together with the mark that it is done."""
    recording = found.piece.recording
    if found.error:
        on_notice(f"{found.error}; its other pieces are kept")
        if shown(recording.path) not in report.failed:
            report.failed.append(shown(recording.path))
        return
    if found.unusable:
        on_notice(unusable_notice(found.piece, found.unusable))
    ((source, began),) = store.query(
        "SELECT id, began FROM sources WHERE uid = ?", (recording.uid,)
    )
    events = [
        event if began is None else replace(event, at_s=began + event.time_s)
        for event in found.events
    ]
    with store.changing():
        report.rows += store.add(source, model, events)
        store.execute("INSERT INTO pieces VALUES (?, ?)", (source, found.piece.index))
        left[recording.uid] -= 1
        if not left[recording.uid]:
            store.execute("UPDATE sources SET done = 1 WHERE id = ?", (source,))
            store.execute("DELETE FROM pieces WHERE source = ?", (source,))
            report.recordings += 1
    report.pieces += 1
    report.seconds += found.piece.seconds


def unusable_notice(piece: Piece, count: int) -> str:
    """What is said of ``count`` samples of a piece that are no sound."""
    return (
        f"{shown(piece.recording.path)}, from {piece.begin_s:.0f} s on: {became_silence(count)}: "
        "check what wrote the file"
    )


@contextmanager
def heard_rows(todo: Sequence[Piece], job: Job) -> Iterator[Iterator[HeardPiece]]:
    """Hear ``todo`` on as many processes as there are cores, or in this one."""
    with on_processes(partial(hear_rows, job.config), todo, job.jobs) as heard:
        yield heard


def _void(store: Store, model: int, job: Job, on_notice: OnNotice) -> list[Recording]:
    """Remove the rows that another model made of recordings that are still there.

    Returns these recordings.
    """
    found = []
    old = store.query("SELECT id, name, live, path, uid FROM sources WHERE model != ?", (model,))
    for number, name, live, path, uid in old:
        if live or path is None:
            on_notice(f"{name} was live: there is no recording of it, its rows stay as they are")
            continue
        try:
            recording = read_header(Path(path), job.config)
        except ElsaError as error:
            on_notice(f"{error}; its rows stay as they are")
            continue
        if recording.uid != uid:
            on_notice(f"{path} is another recording now; the rows of the old one stay as they are")
            continue
        with store.changing():
            store.execute(
                "DELETE FROM alerts WHERE row IN (SELECT id FROM events WHERE source = ?)",
                (number,),
            )
            store.execute("DELETE FROM events WHERE source = ?", (number,))
            store.execute("DELETE FROM pieces WHERE source = ?", (number,))
            store.execute("UPDATE sources SET model = ?, done = 0 WHERE id = ?", (model, number))
            store.changed_rows()
        found.append(recording)
    return found
