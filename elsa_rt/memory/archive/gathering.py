"""Stores of devices into an archive: each row once, however often the store is brought."""

from __future__ import annotations

from typing import Any

from elsa_rt.memory.archive.dataset import (
    MARK,
    Part,
    Source,
    commit,
    locked,
    make_dataset,
    mark_of,
    open_dataset,
    tidy,
    write_rows,
)
from elsa_rt.memory.arrow import ROWS_AT_ONCE, fields_of
from elsa_rt.memory.store import Store


def gather(uri: str, store: Store) -> int:
    """Take the rows of ``store`` that the archive ``uri`` does not have; returns how many.

    A mark tells up to which row of a source the archive has it. Embeddings are as the store's code
    keeps them.
    """
    models = store.models()
    dimensions = max((model.code.dimensions for model in models.values()), default=512)
    make_dataset(uri, dimensions)
    taken = 0
    with locked(uri):
        known = _known(uri)
        for number, origin in store.sources().items():
            ((model, rows),) = store.query(
                "SELECT model, rows FROM sources WHERE id = ?", (number,)
            )
            begin = known.get(origin.uid, 0)
            if rows <= begin:
                continue
            source = Source(
                origin.name, origin.uid, origin.path or "", models[model].hash,
                models[model].name, origin.began_s,
            )  # fmt: skip
            parts = _written(uri, store, number, source, begin, rows, dimensions)
            commit(uri, parts)
            taken += sum(part.rows for part in parts)
        if taken:
            tidy(uri)
    return taken


def _known(uri: str) -> dict[str, int]:
    """Of each source, how many rows were taken."""
    marks = open_dataset(uri).to_table(columns=["recording", "piece"], filter=f"kind = '{MARK}'")
    known: dict[str, int] = {}
    for uid, piece in zip(marks["recording"].to_pylist(), marks["piece"].to_pylist(), strict=True):
        known[uid] = max(known.get(uid, 0), piece)
    return known


def _written(
    uri: str,
    store: Store,
    number: int,
    source: Source,
    begin: int,
    end: int,
    dimensions: int,
) -> list[Part]:
    """Write the rows ``begin`` to ``end`` of a source, and a mark."""
    ids = [row[0] for row in store.query(
        "SELECT id FROM events WHERE source = ? AND number >= ? AND number < ? ORDER BY number",
        (number, begin, end),
    )]  # fmt: skip
    parts = []
    for first in range(0, max(len(ids), 1), ROWS_AT_ONCE):
        some = store.fetch(ids[first : first + ROWS_AT_ONCE])
        rows: list[dict[str, Any]] = [
            fields_of(
                row.event, source=source.name, recording=source.uid, model=source.model, piece=end
            )
            for row in some
        ]
        if first + ROWS_AT_ONCE >= len(ids):
            rows.append(mark_of(source, end, 0.0, 0.0))
        parts.append(write_rows(uri, rows, dimensions))
    return parts
