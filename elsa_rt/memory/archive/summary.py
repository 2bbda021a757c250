"""What is in an archive, for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from elsa_rt.memory.archive.dataset import MARK, lance_gate, open_dataset
from elsa_rt.memory.row import KINDS
from elsa_rt.memory.summary import SOURCES_SHOWN, length
from elsa_rt.wording import counted

ROWS_AT_ONCE = 65_536


def summary_of_archive(uri: str) -> Iterator[str]:
    """Lines on the archive ``uri``: rows, span, models, sources, index, size."""
    dataset = open_dataset(uri)
    kinds, rows, heard_s = Counter[str](), Counter[str](), Counter[str]()
    models, times = set[str](), list[datetime]()
    with lance_gate("reading", uri):
        indexed = bool(dataset.describe_indices())
        for batch in dataset.to_batches(columns=["kind", "at"], batch_size=ROWS_AT_ONCE):
            kinds += _counts(batch["kind"])
            ends = pc.min_max(batch["at"]).as_py()
            times += [at for at in ends.values() if at is not None]
        for batch in dataset.to_batches(columns=["source"], filter=f"kind != '{MARK}'"):
            rows += _counts(batch["source"])
        marks = dataset.to_table(
            columns=["source", "duration_s", "model_name"], filter=f"kind = '{MARK}'"
        )
    for mark in marks.to_pylist():
        heard_s[mark["source"]] += mark["duration_s"] or 0
        models.add(mark["model_name"])
    fragments = len(dataset.get_fragments())
    yield (
        f"archive   {uri}, {_size(uri)}version {dataset.version}, "
        f"{counted(fragments, 'fragment')}, {'with' if indexed else 'without'} an index"
    )
    counts = ", ".join(counted(kinds[kind], kind) for kind in KINDS)
    yield f"rows      {sum(kinds[kind] for kind in KINDS):,}: {counts}"
    if times:
        yield f"from      {_local(min(times))}"
        yield f"to        {_local(max(times))}"
    yield from (f"model     {name}" for name in sorted(models))
    for source in list(heard_s)[:SOURCES_SHOWN]:
        rows_of = counted(rows[source], "row")
        yield f"source    {source}: {rows_of} of {length(heard_s[source])}"
    if len(heard_s) > SOURCES_SHOWN:
        yield f"          and {len(heard_s) - SOURCES_SHOWN:,} others"


def _counts(column: Any) -> Counter[str]:
    """How often each value of an Arrow column is there."""
    return Counter({one["values"]: one["counts"] for one in column.value_counts().to_pylist()})


def _size(uri: str) -> str:
    if "://" in uri:
        return ""
    size = sum(file.stat().st_size for file in Path(uri).rglob("*") if file.is_file())
    return f"{size / 1e6:.1f} MB, "


def _local(at: datetime) -> str:
    return f"{at.astimezone():%Y-%m-%d %H:%M:%S}"
