"""Stores that become one, and rows for other programs."""

from __future__ import annotations

from elsa_rt.errors import UsageError
from elsa_rt.memory.store import CodedModel, Origin, Store

ROWS_AT_ONCE = 4096


def merge(store: Store, other: Store) -> int:
    """Take the rows of ``other`` into ``store``; returns how many were new.

    Sources keep their identity: what was merged before is not taken again, and rows that were
    forgotten here since then do not come back.
    """
    if store.meta("id") == other.meta("id"):
        raise UsageError(f"merging {other.path}: it is the same store: name another one")
    models = other.models()
    total = 0
    for number, origin in other.sources().items():
        with store.changing("merging into"):
            total += _merge_source(store, other, number, origin, models)
    return total


def _merge_source(
    store: Store, other: Store, number: int, origin: Origin, models: dict[int, CodedModel]
) -> int:
    ((model, done, rows),) = other.query(
        "SELECT model, done, rows FROM sources WHERE id = ?", (number,)
    )
    mine = store.query("SELECT id, rows, model FROM sources WHERE uid = ?", (origin.uid,))
    target = store.model_id(models[model])
    if mine and mine[0][2] != target:
        return 0  # both heard the recording, by different models: the rows here stay
    source = mine[0][0] if mine else store.source_id(origin, target)
    known = mine[0][1] if mine else 0
    if known and not origin.live:
        return 0  # both heard the whole recording
    ids = [row[0] for row in other.query(
        "SELECT id FROM events WHERE source = ? AND number >= ? ORDER BY number", (number, known)
    )]  # fmt: skip
    for begin in range(0, len(ids), ROWS_AT_ONCE):
        some = other.fetch(ids[begin : begin + ROWS_AT_ONCE])
        store.add(source, target, (row.event for row in some))
    store.execute(
        "UPDATE sources SET rows = max(rows, ?), seconds = max(seconds, ?), done = max(done, ?) "
        "WHERE id = ?",
        (rows, origin.seconds, done, source),
    )
    return len(ids)
