"""What is in a store, for people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from elsa_rt.memory.forgetting import size_bytes
from elsa_rt.memory.recorder import LISTENED
from elsa_rt.memory.row import KINDS
from elsa_rt.memory.store import Store
from elsa_rt.wording import counted

SOURCES_SHOWN = 12


def summary_of(path: str) -> Iterator[str]:
    """Lines on the store in the directory ``path``: rows, span, models, sources, size."""
    with Store.open(path) as store:
        ((check,),) = store.query("PRAGMA quick_check(1)")
        counts = dict(store.query("SELECT kind, count(*) FROM events GROUP BY kind"))
        kinds = ", ".join(counted(counts.get(number, 0), kind) for number, kind in enumerate(KINDS))
        yield f"store     {store.path}, {size_bytes(store) / 1e6:.1f} MB, {check}"
        yield f"rows      {sum(counts.values()):,}: {kinds}"
        ((first, last),) = store.query("SELECT min(at), max(at) FROM events")
        if first is not None:
            yield f"from      {datetime.fromtimestamp(first / 1000):%Y-%m-%d %H:%M:%S}"
            yield f"to        {datetime.fromtimestamp(last / 1000):%Y-%m-%d %H:%M:%S}"
        for model in store.models().values():
            yield f"model     {model.name}, {model.hash[:12]}"
        rows = dict(store.query("SELECT source, count(*) FROM events GROUP BY source"))
        sources = store.query(
            "SELECT id, name, seconds, live, done, uid FROM sources ORDER BY id DESC LIMIT ?",
            (SOURCES_SHOWN + 1,),
        )
        for number, name, seconds, live, done, uid in sources[:SOURCES_SHOWN]:
            state = "live" if live else "whole" if done else "in part"
            state = "listened to" if uid.startswith(LISTENED) and not live else state
            count = counted(rows.get(number, 0), "row")
            yield f"source    {name}: {count} of {length(seconds)}, {state}"
        if len(sources) > SOURCES_SHOWN:
            yield "          and older ones"


def length(seconds: float) -> str:
    """'21 s', '5 min', '3.5 h'."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"
