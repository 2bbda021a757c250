"""Forgetting: rows that are too old or too many, and those that somebody wants gone."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from elsa_rt.memory.coarse_index import DIRECTORY
from elsa_rt.memory.schema import sqlite_gate
from elsa_rt.memory.store import Store

SHARE_REMOVED = 0.05
"""Share of the rows that go at once where the store is too large."""

_IDS_AT_ONCE = 500


@dataclass(frozen=True)
class Retention:
    """How long and how much is kept; None is without an end."""

    days: float | None = None
    max_mb: float | None = None


def apply_retention(store: Store, retention: Retention, now_s: float) -> int:
    """Remove the rows that ``retention`` does not keep at ``now_s``; returns how many."""
    removed = 0
    if retention.days is not None:
        oldest_ms = round((now_s - retention.days * 86_400) * 1000)
        removed += _remove(store, "at < ?", (oldest_ms,))
    while retention.max_mb is not None and size_bytes(store) > retention.max_mb * 1e6:
        (count,) = store.query("SELECT count(*) FROM events")[0]
        if not count:
            break
        few = max(1, int(count * SHARE_REMOVED))
        oldest = "id IN (SELECT id FROM events ORDER BY coalesce(at, 0), id LIMIT ?)"
        removed += _remove(store, oldest, (few,))
    return removed


def forget(
    store: Store,
    *,
    before_s: float | None = None,
    ids: Sequence[int] = (),
    sources: Sequence[int] = (),
) -> int:
    """Remove rows that began before ``before_s``, the rows ``ids``, or all of ``sources``.

    What is removed is gone from the disk: the file is written anew without it, the log is emptied,
    and the index is made again. Returns how many rows are gone.
    """
    removed = 0
    if before_s is not None:
        removed += _remove(store, "at < ?", (round(before_s * 1000),))
    for some in _some(ids):
        removed += _remove(store, f"id IN ({','.join('?' * len(some))})", some)
    for source in sources:
        removed += _remove(store, "source = ?", (source,))
        with store.changing("forgetting in"):
            # its pieces count as heard no longer: remembering the file again starts afresh
            store.execute("DELETE FROM pieces WHERE source = ?", (source,))
            store.execute("DELETE FROM sources WHERE id = ?", (source,))
    shred(store)
    return removed


def shred(store: Store) -> None:
    """Leave no trace on the disk of rows that were removed."""
    with sqlite_gate("forgetting in", store.file):
        shutil.rmtree(store.path / DIRECTORY, ignore_errors=True)
        store.execute("VACUUM")
        store.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def size_bytes(store: Store) -> int:
    """Bytes of the database, without free pages, and of its index."""
    pages, free, size = (
        store.query(f"PRAGMA {name}")[0][0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    index = store.path / DIRECTORY
    beside = sum(file.stat().st_size for file in index.glob("*")) if index.is_dir() else 0
    return int((pages - free) * size + beside)


def _remove(store: Store, where: str, values: Sequence[Any]) -> int:
    with store.changing("forgetting in"):
        rows = f"SELECT id FROM events WHERE {where}"  # nosec B608
        store.execute(f"DELETE FROM alerts WHERE row IN ({rows})", values)  # nosec B608
        removed = store.execute(f"DELETE FROM events WHERE {where}", values)  # nosec B608
        if removed:
            store.changed_rows()
    if removed:
        store.query("PRAGMA incremental_vacuum")
        shutil.rmtree(store.path / DIRECTORY, ignore_errors=True)
    return removed


def _some(ids: Sequence[int]) -> Iterable[Sequence[int]]:
    return (ids[begin : begin + _IDS_AT_ONCE] for begin in range(0, len(ids), _IDS_AT_ONCE))
