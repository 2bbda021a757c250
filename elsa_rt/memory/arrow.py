"""Rows as Arrow tables: what archives and Parquet files hold.

Times are UTC; a number that does not exist is null. ``embedding`` is of unit length, as it was
heard in an archive, and as the store's code keeps it in an export.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from elsa_rt.errors import StoreError, UsageError
from elsa_rt.files import check_target, replacing
from elsa_rt.hearing import Label
from elsa_rt.memory.row import Event, RaisedAlert, RuleScore
from elsa_rt.memory.store import Store

INSTALL = "pip install 'elsa-rt[archive]'"

ROWS_AT_ONCE = 4096

try:
    import pyarrow as pa
except ImportError as error:
    raise UsageError(f"Arrow tables need pyarrow ({error}): {INSTALL}") from None

_NUMBERS = (
    "duration_s", "azimuth_deg", "elevation_deg", "uncertainty_deg", "distance_m", "level_dbfs",
    "activity",
)  # fmt: skip
_LABELS = pa.list_(pa.struct([("name", pa.string()), ("probability", pa.float32())]))
_SCORES = pa.list_(pa.struct([("rule", pa.string()), ("score", pa.float32())]))
_ALERTS = pa.list_(
    pa.struct([(name, pa.string()) for name in ("id", "rule", "prompt", "event")]
              + [("score", pa.float32()), ("clip", pa.string())])
)  # fmt: skip


def schema_of(dimensions: int) -> Any:
    """The columns, with embeddings of ``dimensions``."""
    return pa.schema(
        [
            ("kind", pa.string()),
            ("source", pa.string()),
            ("recording", pa.string()),
            ("model", pa.string()),
            ("model_name", pa.string()),
            ("path", pa.string()),
            ("piece", pa.int32()),
            ("time_s", pa.float64()),
            ("at", pa.timestamp("ms", "UTC")),
            *((name, pa.float32()) for name in _NUMBERS),
            ("track", pa.string()),
            ("labels", _LABELS),
            ("scores", _SCORES),
            ("alerts", _ALERTS),
            ("embedding", pa.list_(pa.float32(), dimensions)),
        ]
    )


def fields_of(
    event: Event, *, source: str, recording: str, model: str, piece: int
) -> dict[str, Any]:
    """``event`` of the source called ``source`` as a row of a table.

    ``recording`` identifies the source, ``model`` is the hash of the model.
    """
    at = None if event.at_s is None else datetime.fromtimestamp(event.at_s, timezone.utc)
    numbers = {name: float(getattr(event, name)) for name in _NUMBERS}
    return {
        "kind": event.kind,
        "source": source,
        "recording": recording,
        "model": model,
        "piece": piece,
        "time_s": event.time_s,
        "at": at,
        **{name: value if math.isfinite(value) else None for name, value in numbers.items()},
        "track": event.track,
        "labels": [label._asdict() for label in event.labels],
        "scores": [score._asdict() for score in event.scores],
        "alerts": [alert._asdict() for alert in event.alerts],
        "embedding": event.embedding,
    }


def event_of(row: Mapping[str, Any]) -> Event:
    """The event of a row that `fields_of` made."""
    numbers = {name: math.nan if row[name] is None else row[name] for name in _NUMBERS}
    return Event(
        kind=row["kind"],
        time_s=row["time_s"],
        at_s=None if row["at"] is None else row["at"].timestamp(),
        **numbers,
        track=row["track"],
        labels=tuple(Label(**label) for label in row["labels"] or ()),
        scores=tuple(RuleScore(**score) for score in row["scores"] or ()),
        alerts=tuple(RaisedAlert(**alert) for alert in row["alerts"] or ()),
        embedding=np.asarray(row["embedding"], np.float32),
    )


def export_parquet(store: Store, path: str | Path) -> int:
    """Write all rows of ``store`` to the Parquet file ``path``; returns how many.

    Raises
    ------
    StoreError
        The file cannot be written.
    """
    import pyarrow.parquet as pq

    path = check_target(path)
    models = store.models()
    sources = store.sources()
    dimensions = max((model.code.dimensions for model in models.values()), default=512)
    schema = schema_of(dimensions)
    count = 0
    try:
        with replacing(path, private=True) as part, pq.ParquetWriter(part, schema) as file:
            for ids in store.stream("SELECT id FROM events ORDER BY id", (), ROWS_AT_ONCE):
                rows = store.fetch([row[0] for row in ids])
                file.write_table(pa.Table.from_pylist(
                    [
                        fields_of(
                            row.event,
                            source=sources[row.source].name,
                            recording=sources[row.source].uid,
                            model=models[row.model].hash,
                            piece=0,
                        )
                        for row in rows
                    ],
                    schema=schema,
                ))  # fmt: skip
                count += len(rows)
    except OSError as error:
        raise StoreError(f"writing {path}: {error}: see that the place has room") from error
    return count


def table_of(rows: Iterable[dict[str, Any]], dimensions: int) -> Any:
    """A table of rows that `fields_of` made."""
    return pa.Table.from_pylist(list(rows), schema=schema_of(dimensions))
