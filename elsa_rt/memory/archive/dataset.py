"""The Lance dataset of an archive: rows, the marks of pieces that are done, and its index.

The rows of a piece and its mark are in one fragment, and fragments count once they are committed.
So a piece is there once and whole, or not at all, whoever dies meanwhile.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from elsa_rt.errors import StoreError, UsageError
from elsa_rt.memory.arrow import INSTALL, fields_of, schema_of, table_of
from elsa_rt.memory.piece_rows import HeardPiece

try:
    import lance
    from lance.fragment import FragmentMetadata, write_fragments
except ImportError as error:
    raise UsageError(f"archives need Lance ({error}): {INSTALL}") from None

MARK = "piece"
"""``kind`` of the row that marks a piece as done."""

INDEXED_ROWS = 20_000
"""From so many rows on the embeddings get an index; fewer are compared one by one."""

KEYS = {
    "s3": "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, and AWS_ENDPOINT of other stores",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "az": "AZURE_STORAGE_ACCOUNT_NAME, AZURE_STORAGE_ACCOUNT_KEY",
}
"""Object stores, and where they take their keys from."""

_NOISE = re.compile(r"(LanceError\(IO\):|<[^>]*>|,? ?/\S+\.rs:\d+:\d+|<\S*$)")

DIMENSIONS_A_CODE = 8
"""Dimensions of an embedding that a byte of the index stands for."""


class Source(NamedTuple):
    """What the rows of a recording have in common."""

    name: str
    uid: str
    path: str
    model: str  # hash of the model
    model_name: str
    began_s: float | None


class Part(NamedTuple):
    """A fragment that was written and not committed."""

    fragments: tuple[str, ...]  # JSON
    rows: int


@contextlib.contextmanager
def lance_gate(doing: str, uri: str) -> Iterator[None]:
    """Turn whatever Lance raises into one StoreError with its cure."""
    try:
        yield
    except (OSError, ValueError, RuntimeError) as error:
        raise StoreError(
            f"{doing} {uri}: {_reason(error)} (Lance {lance.__version__}): {_cure(uri)}"
        ) from error


def _reason(error: Exception) -> str:
    """What Lance says, without its own source lines and the XML of an object store."""
    text = _NOISE.sub(" ", " ".join(str(error).split()))
    return " ".join(text.split()).strip(" ,:")[:300]


def _cure(uri: str) -> str:
    scheme = uri.partition("://")[0] if "://" in uri else ""
    keys = KEYS.get(scheme)
    if keys is not None:
        return f"check the bucket's name, and the keys in the environment: {keys}"
    if scheme:
        return f"known are {', '.join(f'{name}://' for name in KEYS)} and directories"
    return f"check that the place can be read and written, and has room: ls -la {uri}"


def open_dataset(uri: str) -> Any:
    """The archive at ``uri``, or a UsageError where there is none."""
    missing = UsageError(
        f"opening the archive {uri}: there is none: make one with elsa-rt remember FILES "
        f"--store {uri}"
    )
    if "://" not in uri and not Path(uri).is_dir():
        raise missing
    with lance_gate("opening", uri):
        try:
            found = lance.dataset(uri)
        except (OSError, ValueError) as error:
            if "was not found" in str(error):
                raise missing from None
            raise
    if "embedding" not in found.schema.names or "recording" not in found.schema.names:
        raise StoreError(
            f"opening {uri}: it is a Lance dataset, but no archive of elsa-rt: name another place"
        )
    return found


def make_dataset(uri: str, dimensions: int) -> Any:
    """The archive at ``uri``; an empty one where there is none."""
    with contextlib.suppress(UsageError):
        return open_dataset(uri)
    schema = schema_of(dimensions)
    with lance_gate("making", uri):
        return lance.write_dataset(
            schema.empty_table(), uri, schema=schema, mode="create", enable_stable_row_ids=True
        )


def done_pieces(dataset: Any, model: str) -> set[tuple[str, int]]:
    """Recording and index of the pieces that are there, heard by the model with this hash."""
    found = dataset.to_table(
        columns=["recording", "piece"], filter=f"kind = '{MARK}' AND model = '{model}'"
    )
    return set(zip(found["recording"].to_pylist(), found["piece"].to_pylist(), strict=True))


def write_part(uri: str, heard: HeardPiece, source: Source, dimensions: int) -> Part:
    """Write the rows of a piece and its mark; they count once `commit` took them."""
    rows = []
    for event in heard.events:
        if source.began_s is not None:
            event = replace(event, at_s=source.began_s + event.time_s)
        rows.append(
            fields_of(
                event,
                source=source.name,
                recording=source.uid,
                model=source.model,
                piece=heard.piece.index,
            )
        )
    mark = mark_of(source, heard.piece.index, heard.piece.begin_s, heard.piece.seconds)
    return write_rows(uri, [*rows, mark], dimensions)


def write_rows(uri: str, rows: Sequence[dict[str, Any]], dimensions: int) -> Part:
    """Write rows, marks among them, as a fragment that counts once `commit` took it."""
    with lance_gate("writing to", uri):
        table = table_of(rows, dimensions)
        fragments = write_fragments(table, uri, schema=table.schema)
    sounds = sum(row["kind"] != MARK for row in rows)
    return Part(tuple(json.dumps(one.to_json()) for one in fragments), sounds)


def mark_of(source: Source, piece: int, begin_s: float, seconds: float) -> dict[str, Any]:
    """The row that marks a piece of ``source`` as done."""
    return {
        "kind": MARK,
        "source": source.name,
        "recording": source.uid,
        "model": source.model,
        "piece": piece,
        "time_s": begin_s,
        "duration_s": seconds,
        "path": source.path,
        "model_name": source.model_name,
    }


def commit(uri: str, parts: Sequence[Part]) -> None:
    """Make ``parts`` count, all of them or none."""
    fragments = [FragmentMetadata.from_json(text) for part in parts for text in part.fragments]
    if not fragments:
        return
    with lance_gate("committing to", uri):
        version = lance.dataset(uri).version
        lance.LanceDataset.commit(uri, lance.LanceOperation.Append(fragments), read_version=version)


def tidy(uri: str) -> None:
    """Make few large fragments of many small ones, and let the index cover all rows."""
    with lance_gate("tidying", uri):
        dataset = lance.dataset(uri)
        dataset.optimize.compact_files()
        dataset = lance.dataset(uri)
        rows = dataset.count_rows()
        if dataset.describe_indices():
            dataset.optimize.optimize_indices()
        elif rows >= INDEXED_ROWS:
            dimensions = dataset.schema.field("embedding").type.list_size
            dataset.create_index(
                "embedding",
                "IVF_PQ",
                metric="cosine",
                num_partitions=max(2, round(rows**0.5 / 2)),
                num_sub_vectors=dimensions // DIMENSIONS_A_CODE,
            )
        # what was written by tasks that died goes as well
        lance.dataset(uri).cleanup_old_versions(
            older_than=timedelta(0), delete_unverified=True, error_if_tagged_old_versions=False
        )


def forget_rows(uri: str, before_s: float | None, ids: Sequence[int], source: str | None) -> int:
    """Remove rows for good: those before a Unix time, of these ids, or of a source.

    Raises
    ------
    UsageError
        No source is called so.
    """
    clauses = []
    if before_s is not None:
        clauses.append(f"(kind != '{MARK}' AND at < {timestamp(before_s)})")
    if ids:
        clauses.append(f"_rowid IN ({', '.join(map(str, ids))})")
    if source is not None:
        clauses.append(f"source = {quoted(source)}")
    dataset = open_dataset(uri)
    if source is not None:
        _check_source(dataset, uri, source)
    with lance_gate("forgetting in", uri), locked(uri):
        before = count_sounds(dataset)
        dataset.delete(" OR ".join(clauses))
        dataset = lance.dataset(uri)
        dataset.optimize.compact_files(
            materialize_deletions=True, materialize_deletions_threshold=0.0
        )
        dataset = lance.dataset(uri)
        dataset.cleanup_old_versions(
            older_than=timedelta(0), delete_unverified=True, error_if_tagged_old_versions=False
        )
        return before - count_sounds(dataset)


def _check_source(dataset: Any, uri: str, source: str) -> None:
    with lance_gate("reading", uri):
        marks = dataset.to_table(columns=["source"], filter=f"kind = '{MARK}'")
    known = sorted(set(marks["source"].to_pylist()))
    if source not in known:
        names = ", ".join(known[:5]) or "none"
        raise UsageError(f"forgetting: no source is called {source!r}: there are {names}")


def count_sounds(dataset: Any) -> int:
    """Rows that are no marks."""
    return int(dataset.count_rows(filter=f"kind != '{MARK}'"))


@contextlib.contextmanager
def locked(uri: str) -> Iterator[None]:
    """Keep other programs of this computer from writing to a dataset in a directory."""
    if "://" in uri:
        yield
        return
    handle = os.open(f"{uri.rstrip('/')}.lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StoreError(
                f"writing to {uri}: another elsa-rt is writing to it: wait until it is done"
            ) from None
        yield
    finally:
        os.close(handle)


def timestamp(at_s: float) -> str:
    """A Unix time in a filter."""
    from datetime import datetime, timezone

    at = datetime.fromtimestamp(at_s, timezone.utc)
    return f"timestamp '{at:%Y-%m-%d %H:%M:%S.%f}'"


def quoted(text: str) -> str:
    """A string in a filter."""
    return "'" + text.replace("'", "''") + "'"
