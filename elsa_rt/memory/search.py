"""The rows that fit a vector best: a pass over 64 bytes of each, then one over the best."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from elsa_rt.audio.ambisonics import direction_from_angles
from elsa_rt.memory.coarse_index import CoarseIndex, Filter
from elsa_rt.memory.row import Kind
from elsa_rt.memory.scan import NO_DIRECTION
from elsa_rt.memory.store import Model, Store, StoredRow
from elsa_rt.memory.vector_code import VectorCode

Floats = NDArray[np.float32]

LEAST_CANDIDATES, SHARE_OF_CANDIDATES = 4_000, 0.002
"""Rows that the second pass looks at: so many, or this share of all where that is more."""

DECODED_AT_ONCE = 2_048
"""Embeddings: some 8 MB."""


class Found(NamedTuple):
    """Rows that a search found, n of them, in no order."""

    id: NDArray[np.int64]
    at_s: NDArray[np.int64]  # Unix time, 0 where it is unknown
    source: NDArray[np.int64]
    direction: Floats  # (n, 3) unit vectors; NaN where a row has none

    def take(self, chosen: NDArray[np.intp] | NDArray[np.bool_]) -> Found:
        """Those at ``chosen``, in this order."""
        return Found(
            self.id[chosen],
            self.at_s[chosen],
            self.source[chosen],
            self.direction[chosen],
        )


class Searchable(Protocol):
    """What `Memory` asks: the store of a device, or an archive."""

    path: str

    def models(self) -> Mapping[int, Model]:
        """The models that rows were made by, by their number."""
        ...

    def sources(self) -> dict[int, str]:
        """What the sources are called, by their number."""
        ...

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

        Also gives the products (n, vectors) of these rows.
        """
        ...

    def matching(self, wanted: Filter) -> Found:
        """All rows that ``wanted`` lets through."""
        ...

    def products(self, found: Found, vectors: Floats, model: int) -> Floats:
        """Products (n, vectors) of the rows of ``found``; 0 with a vector of zeros."""
        ...

    def coordinates(self, found: Found, model: int) -> Floats:
        """Unit vectors (n, 64) of the rows' centred embeddings."""
        ...

    def fetch(self, ids: Sequence[int]) -> list[StoredRow]:
        """The rows ``ids``, in this order; those that are gone are left out."""
        ...

    def close(self) -> None:
        """Let go of the store."""
        ...


class LocalSearch:
    """Searches the store of one directory."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.path = str(store.path)
        self.models: Callable[[], Mapping[int, Model]] = store.models
        self.fetch = store.fetch
        self.close = store.close
        self.index = CoarseIndex.open(store)
        self._others: dict[tuple[Kind, ...], CoarseIndex] = {}  # that hold minutes, too

    def sources(self) -> dict[int, str]:
        """What the sources are called, by their number."""
        return {number: origin.name for number, origin in self.store.sources().items()}

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

        Also gives the products (n, vectors) of these rows. ``exact`` leaves out the first pass and
        compares the full code of every row.
        """
        code, index = self._code(model), self._index(wanted)
        if exact:
            positions = index.matching(wanted)
        else:
            share = int(SHARE_OF_CANDIDATES * len(index))
            most = max(count, LEAST_CANDIDATES, share)
            best = [index.best(code.query(one)[0], wanted, most) for one in vectors[:sounds]]
            positions = best[0] if sounds == 1 else np.unique(np.concatenate(best))
        ids, codes = self.store.vectors(index.rows["id"][positions].tolist())
        found = _found(index.rows[positions[np.isin(index.rows["id"][positions], ids)]])
        return found, similarities(code, vectors, codes)

    def matching(self, wanted: Filter) -> Found:
        """All rows that ``wanted`` lets through."""
        index = self._index(wanted)
        return _found(index.rows[index.matching(wanted)])

    def products(self, found: Found, vectors: Floats, model: int) -> Floats:
        """Products (n, vectors) of the rows of ``found``; 0 with a vector of zeros."""
        products = np.zeros((len(found.id), len(vectors)), np.float32)
        asked = vectors.any(axis=1)
        if asked.any() and len(found.id):
            ids, codes = self.store.vectors(found.id.tolist())
            place = {id_: index for index, id_ in enumerate(found.id.tolist())}
            rows = np.array([place[id_] for id_ in ids], np.intp)
            products[np.ix_(rows, asked)] = similarities(self._code(model), vectors[asked], codes)
        return products

    def coordinates(self, found: Found, model: int) -> Floats:
        """Unit vectors (n, 64) of the rows' centred embeddings, from their components alone."""
        code = self._code(model)
        positions = np.searchsorted(self.index.rows["id"], found.id)
        parts = self.index.codes[positions].astype(np.float32) * code.scale
        return np.asarray(parts / np.maximum(np.linalg.norm(parts, axis=1, keepdims=True), 1e-9))

    def _code(self, model: int) -> VectorCode:
        return self.store.models()[model].code

    def _index(self, wanted: Filter) -> CoarseIndex:
        """An index that holds the kinds of rows that are ``wanted``."""
        if "minute" not in wanted.kinds:
            return self.index
        if wanted.kinds not in self._others:
            self._others[wanted.kinds] = CoarseIndex.of_kinds(self.store, wanted.kinds)
        return self._others[wanted.kinds]


def _found(rows: NDArray[Any]) -> Found:
    azimuth = rows["azimuth"].astype(np.float32) / 10
    direction = direction_from_angles(azimuth, rows["elevation"]).astype(np.float32)
    direction[rows["azimuth"] == NO_DIRECTION] = np.nan
    return Found(
        id=rows["id"].astype(np.int64),
        at_s=rows["at"].astype(np.int64),
        source=rows["source"].astype(np.int64),
        direction=direction,
    )


def similarities(code: VectorCode, vectors: Floats, codes: list[bytes]) -> Floats:
    """Products (n, vectors) of ``codes``, as unit vectors, with ``vectors`` (vectors, D)."""
    found = np.empty((len(codes), len(vectors)), np.float32)
    for at in range(0, len(codes), DECODED_AT_ONCE):
        some = slice(at, at + DECODED_AT_ONCE)
        found[some] = code.decode(codes[some]) @ vectors.T
    return found
