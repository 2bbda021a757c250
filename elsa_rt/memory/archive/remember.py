"""Recordings into an archive, heard on this computer or on a Ray cluster."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.errors import UsageError
from elsa_rt.memory.archive.dataset import (
    MARK,
    Part,
    Source,
    commit,
    done_pieces,
    lance_gate,
    locked,
    make_dataset,
    open_dataset,
    quoted,
    tidy,
    write_part,
)
from elsa_rt.memory.job import Job, OnProgress, Report, began_of
from elsa_rt.memory.piece_rows import HeardPiece
from elsa_rt.memory.question import model_of
from elsa_rt.memory.remember import heard_rows, unusable_notice
from elsa_rt.memory.store import Model, is_archive
from elsa_rt.notices import OnNotice
from elsa_rt.recordings.pieces import Piece, Recording, find_recordings, read_header
from elsa_rt.sources.files import shown

COMMITTED_PIECES = 64
"""Pieces that are committed together; so many at most are heard again after a crash."""


class WrittenPiece(NamedTuple):
    """A piece whose rows are written and wait to be committed, or why there are none."""

    piece: Piece
    part: Part | None
    error: str = ""
    unusable: int = 0  # samples that became silence


class Order(NamedTuple):
    """What a worker needs to know to hear pieces for an archive."""

    uri: str
    job: Job
    dimensions: int
    sources: dict[str, Source]  # by the uid of their recordings


def written(heard: HeardPiece, order: Order) -> WrittenPiece:
    """Write the rows of a piece, which wait to be committed."""
    if heard.error:
        return WrittenPiece(heard.piece, None, heard.error)
    source = order.sources[heard.piece.recording.uid]
    part = write_part(order.uri, heard, source, order.dimensions)
    return WrittenPiece(heard.piece, part, unusable=heard.unusable)


def remember_archive(
    paths: Iterable[str | Path],
    uri: str,
    job: Job,
    ray_address: str | None,
    *,
    again: bool = False,
    on_notice: OnNotice,
    on_total: OnProgress,
    on_progress: OnProgress,
) -> Report:
    """Hear recordings that are not in the archive ``uri`` yet, and keep their rows.

    Parameters
    ----------
    paths : files and folders, to be found at the same place on every node
    uri : directory that ends in ``.lance``, or the URI of an object store
    job : Job
    ray_address : str, optional
        Of a Ray cluster; without one this computer hears.
    again : bool
        Hear those recordings of the archive anew that another model has heard.
    on_notice, on_total, on_progress : callable
        See `elsa_rt.memory.remember.remember`.
    """
    if not is_archive(uri):
        raise UsageError(
            f"--store {uri}: Ray writes into a Lance dataset: name one, e.g. --store {uri}.lance"
        )
    bundle = ModelBundle.load(job.config.bundle)
    model = model_of(bundle)
    if again:
        open_dataset(uri)
    else:
        paths = list(paths)
    report = Report()
    recordings = (
        [] if again else list(find_recordings(paths, on_notice, report.failed.append, job.config))
    )
    make_dataset(uri, bundle.embedding)
    with locked(uri):
        if again:
            recordings = _void(uri, model, job, on_notice)
        todo, order = _plan(uri, recordings, job, bundle, model, report)
        on_total(sum(piece.seconds for piece in todo))
        left = dict.fromkeys((piece.recording.uid for piece in todo), 0)
        for piece in todo:
            left[piece.recording.uid] += 1
        waiting: list[Part] = []
        try:
            with _written(todo, order, ray_address) as written:
                for found in written:
                    on_progress(found.piece.seconds)
                    _take(found, waiting, left, report, on_notice)
                    if len(waiting) >= COMMITTED_PIECES:
                        commit(uri, waiting)
                        waiting.clear()
        finally:
            commit(uri, waiting)  # what is done is kept, whatever ended the rest
        if report.pieces:
            tidy(uri)
    return report


def _plan(
    uri: str,
    recordings: Sequence[Recording],
    job: Job,
    bundle: ModelBundle,
    model: Model,
    report: Report,
) -> tuple[list[Piece], Order]:
    done = done_pieces(open_dataset(uri), model.hash)
    todo: list[Piece] = []
    sources: dict[str, Source] = {}
    for recording in recordings:
        missing = [
            Piece(recording, index)
            for index in range(recording.pieces)
            if (recording.uid, index) not in done
        ]
        if not missing:
            report.already += 1
            continue
        todo += missing
        sources[recording.uid] = Source(
            shown(Path(recording.path).name),
            recording.uid,
            shown(recording.path),
            model.hash,
            model.name,
            began_of(recording, job.began, job.zone),
        )
    return todo, Order(uri, job, bundle.embedding, sources)


def _take(
    found: WrittenPiece,
    waiting: list[Part],
    left: dict[str, int],
    report: Report,
    on_notice: OnNotice,
) -> None:
    recording = found.piece.recording
    if found.part is None:
        on_notice(f"{found.error}; its other pieces are kept")
        if shown(recording.path) not in report.failed:
            report.failed.append(shown(recording.path))
        return
    if found.unusable:
        on_notice(unusable_notice(found.piece, found.unusable))
    waiting.append(found.part)
    report.pieces += 1
    report.rows += found.part.rows
    report.seconds += found.piece.seconds
    left[recording.uid] -= 1
    report.recordings += not left[recording.uid]


@contextlib.contextmanager
def _written(
    todo: Sequence[Piece], order: Order, ray_address: str | None
) -> Iterator[Iterator[WrittenPiece]]:
    if ray_address is not None:
        from elsa_rt.memory.archive.cluster import cluster

        with cluster(ray_address) as hear:
            yield hear(todo, order)
        return
    with heard_rows(todo, order.job) as heard:
        yield (written(one, order) for one in heard)


def _void(uri: str, model: Model, job: Job, on_notice: OnNotice) -> list[Recording]:
    """Remove the rows that another model made of recordings that are still there."""
    dataset = open_dataset(uri)
    old = dataset.to_table(
        columns=["recording", "path"], filter=f"kind = '{MARK}' AND model != {quoted(model.hash)}"
    )
    found = []
    pairs = sorted(set(zip(old["recording"].to_pylist(), old["path"].to_pylist(), strict=True)))
    for uid, path in pairs:
        try:
            recording = read_header(Path(path), job.config)
        except Exception as error:
            on_notice(f"{error}; its rows stay as they are")
            continue
        if recording.uid != uid:
            on_notice(f"{path} is another recording now; the rows of the old one stay as they are")
            continue
        found.append(recording)
    if found:
        uids = ", ".join(quoted(recording.uid) for recording in found)
        with lance_gate("forgetting in", uri):
            dataset.delete(f"recording IN ({uids}) AND model != {quoted(model.hash)}")
    return found
