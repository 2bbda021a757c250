"""An archive that is asked like the store of a device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elsa_rt.audio.ambisonics import direction_from_angles
from elsa_rt.memory.archive.dataset import MARK, lance_gate, open_dataset, quoted, timestamp
from elsa_rt.memory.arrow import event_of
from elsa_rt.memory.coarse_index import END_S, Filter
from elsa_rt.memory.search import Found
from elsa_rt.memory.store import Model, StoredRow

Floats = NDArray[np.float32]

CANDIDATES = 500
PROBES, REFINE = 80, 8
"""Cells of the index that are looked into; of the candidates, how many times more in full."""

COLUMNS = ["at", "azimuth_deg", "elevation_deg", "source", "kind"]


class LanceSearch:
    """Searches the dataset at a path or URI; made by `open`."""

    def __init__(self, uri: str, dataset: Any) -> None:
        self.path = uri
        self._data = dataset
        with lance_gate("reading", uri):
            marks = dataset.to_table(
                columns=["source", "model", "model_name"], filter=f"kind = '{MARK}'"
            )
        names = sorted(set(marks["source"].to_pylist()))
        models = sorted(
            set(zip(marks["model"].to_pylist(), marks["model_name"].to_pylist(), strict=True))
        )
        self._sources = dict(enumerate(names, 1))
        self._numbers = {name: number for number, name in self._sources.items()}
        self._models = {
            number: Model(digest, name) for number, (digest, name) in enumerate(models, 1)
        }

    @classmethod
    def open(cls, uri: str) -> LanceSearch:
        """Open the archive at ``uri``; a UsageError where there is none."""
        return cls(uri, open_dataset(uri))

    def close(self) -> None:
        """Nothing is held open."""

    def models(self) -> dict[int, Model]:
        """The models that rows were made by, by their number."""
        return self._models

    def sources(self) -> dict[int, str]:
        """What the sources are called, by their number."""
        return self._sources

    def nearest(
        self,
        vectors: Floats,
        sounds: int,
        model: int,
        wanted: Filter,
        count: int,
        *,
        exact: bool = False,
    ) -> tuple[Found, Floats]:
        """Rows among which the ``count`` most similar to any of the first ``sounds`` vectors are.

        Also gives the products (n, vectors) of these rows. ``exact`` does without the index.
        """
        rows: dict[int, dict[str, Any]] = {}
        where = self._where(wanted)
        for vector in vectors[:sounds]:
            near = {
                "column": "embedding",
                "q": vector,
                "k": max(count, CANDIDATES),
                "metric": "cosine",
                "nprobes": PROBES,
                "refine_factor": REFINE,
                "use_index": not exact,
            }
            with lance_gate("searching", self.path):
                table = self._data.to_table(
                    columns=[*COLUMNS, "embedding", "_distance"],
                    nearest=near,
                    filter=where,
                    prefilter=True,
                    with_row_id=True,
                )
            rows.update((row["_rowid"], row) for row in table.to_pylist())
        ordered = [rows[each] for each in sorted(rows)]
        found = self._found(ordered)
        embeddings = np.array([row["embedding"] for row in ordered], np.float32)
        embeddings = embeddings.reshape(len(ordered), vectors.shape[1])
        return found, np.asarray(embeddings @ vectors.T, np.float32)

    def matching(self, wanted: Filter) -> Found:
        """All rows that ``wanted`` lets through."""
        with lance_gate("reading", self.path):
            table = self._data.to_table(
                columns=COLUMNS, filter=self._where(wanted), with_row_id=True
            )
        return self._found(sorted(table.to_pylist(), key=lambda row: int(row["_rowid"])))

    def products(self, found: Found, vectors: Floats, model: int) -> Floats:
        """Products (n, vectors) of the rows of ``found``; 0 with a vector of zeros."""
        ids = found.id.tolist()
        if not ids or not vectors.any():
            return np.zeros((len(ids), len(vectors)), np.float32)
        rows = self._taken(ids, ["embedding"])
        embeddings = np.array([rows[each]["embedding"] for each in ids], np.float32)
        return np.asarray(embeddings @ vectors.T, np.float32)

    def coordinates(self, found: Found, model: int) -> Floats:
        """Unit vectors (n, D) of the rows' embeddings, centred on their mean."""
        rows = self._taken(found.id.tolist(), ["embedding"])
        vectors = np.array([rows[each]["embedding"] for each in found.id.tolist()], np.float32)
        vectors = vectors - vectors.mean(axis=0)
        return np.asarray(
            vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
        )

    def fetch(self, ids: Sequence[int]) -> list[StoredRow]:
        """The rows ``ids``, in this order; those that are gone are left out."""
        rows = self._taken(ids, self._data.schema.names)
        numbers = {model.hash: number for number, model in self._models.items()}
        return [
            StoredRow(
                each,
                self._numbers[rows[each]["source"]],
                numbers[rows[each]["model"]],
                event_of(rows[each]),
            )
            for each in ids
            if each in rows and rows[each]["kind"] != MARK
        ]

    def _taken(self, ids: Sequence[int], columns: list[str]) -> dict[int, dict[str, Any]]:
        if not len(ids):
            return {}
        some = ", ".join(map(str, ids))
        with lance_gate("reading", self.path):
            table = self._data.to_table(
                columns=columns, filter=f"_rowid IN ({some})", with_row_id=True
            )
        return {int(row["_rowid"]): row for row in table.to_pylist()}

    def _where(self, wanted: Filter) -> str:
        kinds = ", ".join(quoted(kind) for kind in wanted.kinds)
        clauses = [f"kind IN ({kinds})"]
        if wanted.since_s > 0:
            clauses.append(f"at >= {timestamp(wanted.since_s)}")
        if wanted.until_s < END_S:
            clauses.append(f"at < {timestamp(wanted.until_s)}")
        if wanted.models is not None:
            hashes = ", ".join(quoted(self._models[n].hash) for n in wanted.models)
            clauses.append(f"model IN ({hashes})")
        if wanted.sources is not None:
            names = ", ".join(quoted(self._sources[n]) for n in wanted.sources)
            clauses.append(f"source IN ({names})")
        begin, end = wanted.azimuth_deg
        if (begin, end) != (-180.0, 180.0):
            both = "AND" if begin < end else "OR"
            arc = f"(azimuth_deg >= {begin} {both} azimuth_deg <= {end})"
            clauses.append(f"({arc} OR abs(elevation_deg) >= 60)")
        low, high = wanted.elevation_deg
        if (low, high) != (-90.0, 90.0):
            clauses.append(f"elevation_deg BETWEEN {low} AND {high}")
        return " AND ".join(clauses)

    def _found(self, rows: Sequence[dict[str, Any]]) -> Found:
        def column(name: str) -> Floats:
            return np.array([np.nan if r[name] is None else r[name] for r in rows], np.float32)

        return Found(
            id=np.array([row["_rowid"] for row in rows], np.int64),
            at_s=np.array(
                [0 if row["at"] is None else int(row["at"].timestamp()) for row in rows], np.int64
            ),
            source=np.array([self._numbers[row["source"]] for row in rows], np.int64),
            direction=direction_from_angles(column("azimuth_deg"), column("elevation_deg"))
            .astype(np.float32)
            .reshape(len(rows), 3),
        )
