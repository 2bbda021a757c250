"""The first pass of a search: 64 bytes and a few numbers of every sound, mapped into memory.

It lies beside the database, is made from it alone, and is made again whenever it does not fit:

    index/state.json   store, generation, how many rows, the last id
    index/rows.bin     16 bytes a row: id, second of its begin, source, direction, model and kind
    index/codes.bin    64 bytes a row: the components of its embedding

A reader takes as many rows as ``state.json`` says, so that an append that was cut off is nothing.
Where the directory cannot be written, the index is kept in memory.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elsa_rt.files import replacing
from elsa_rt.memory.row import KINDS, SOUNDS, Kind
from elsa_rt.memory.scan import BUCKETS, LEFT_OUT, NO_DIRECTION, Bounds, inside
from elsa_rt.memory.store import Store
from elsa_rt.memory.vector_code import COMPONENTS

DIRECTORY = "index"
STATE, ROWS, CODES = "state.json", "rows.bin", "codes.bin"

ROW = np.dtype(
    [("id", "<u4"), ("at", "<u4"), ("source", "<u4"), ("azimuth", "<i2"), ("elevation", "i1"),
     ("tag", "u1")]
)  # fmt: skip

MAX_MODELS = 64
"""Of a store: a tag holds a kind in two bits and a model in six."""

THREADED_ROWS = 500_000
"""From so many rows on a second thread is worth its start."""

END_S = 2**32 - 1


@dataclass(frozen=True)
class Filter:
    """Which rows a search looks at; the default is all of them."""

    since_s: float = 0.0  # Unix time; rows without a time of day count where this is 0
    until_s: float = END_S
    azimuth_deg: tuple[float, float] = (-180.0, 180.0)  # counter-clockwise from the first
    elevation_deg: tuple[float, float] = (-90.0, 90.0)
    kinds: tuple[Kind, ...] = KINDS
    sources: tuple[int, ...] | None = None  # numbers of the store; None: all
    models: tuple[int, ...] | None = None  # the same

    def azimuth_arc(self) -> tuple[int, int]:
        """Centre and half width of the sector, tenths of a degree."""
        begin, end = self.azimuth_deg
        width = end - begin if end > begin else end - begin + 360
        return round(10 * (begin + width / 2)), round(5 * width)


class CoarseIndex:
    """The rows of a store; made by `open`.

    Attributes
    ----------
    rows : structured array (n,) of `ROW`
    codes : int8 (n, 64)
    """

    def __init__(self, rows: NDArray[Any], codes: NDArray[np.int8]) -> None:
        self.rows, self.codes = rows, codes

    @classmethod
    def open(cls, store: Store) -> CoarseIndex:
        """The index of ``store``, with all of its sounds and alerts."""
        directory = store.path / DIRECTORY
        try:
            directory.mkdir(mode=0o700, exist_ok=True)
            with _lock(directory):
                state = _state(directory, store)
                _append(directory, state, store)
                return cls._mapped(directory)
        except OSError:  # a read-only or full disk
            return cls.of_kinds(store, SOUNDS)

    @classmethod
    def _mapped(cls, directory: Path) -> CoarseIndex:
        count = json.loads((directory / STATE).read_text())["count"]
        if not count:
            return cls(np.empty(0, ROW), np.empty((0, COMPONENTS), np.int8))
        rows = np.memmap(directory / ROWS, ROW, "r", shape=(count,))
        codes = np.memmap(directory / CODES, np.int8, "r", shape=(count, COMPONENTS))
        return cls(rows, codes)

    @classmethod
    def of_kinds(cls, store: Store, kinds: tuple[Kind, ...]) -> CoarseIndex:
        """The rows of ``kinds``, minutes as well, read into memory: about a second for 500,000."""
        parts = [(rows, codes) for rows, codes in _read(store, 0, kinds)]
        if not parts:
            return cls(np.empty(0, ROW), np.empty((0, COMPONENTS), np.int8))
        rows, codes = zip(*parts, strict=True)
        return cls(np.concatenate(rows), np.concatenate(codes))

    def __len__(self) -> int:
        return len(self.rows)

    def best(self, factors: NDArray[np.float32], wanted: Filter, count: int) -> NDArray[np.intp]:
        """Positions of the ``count`` rows, or a few more, whose components fit ``factors`` best."""
        size = len(self)
        if not size or not count:
            return np.empty(0, np.intp)
        from elsa_rt.memory.scan_kernels import products  # loads Numba, where vectors are compared

        query = np.round(factors * (32767 / max(float(np.abs(factors).max()), 1e-12)))
        query = query.astype(np.int16)
        most = 128 * int(np.abs(query.astype(np.int64)).sum()) + 1
        shift = max(0, most.bit_length() - (BUCKETS // 2).bit_length() + 1)
        found = np.empty(size, np.int32)
        threads = 1 if size < THREADED_ROWS else max(1, len(os.sched_getaffinity(0)))
        edges = np.linspace(0, size, threads + 1).astype(int).tolist()
        counts = np.zeros((threads, BUCKETS), np.int64)
        fixed = self._bounds(wanted)

        def run(part: int) -> None:
            some = slice(edges[part], edges[part + 1])
            rows = self.rows[some]
            columns = (rows[name] for name in ("at", "source", "azimuth", "elevation", "tag"))
            products(self.codes[some], query, *columns, *fixed, shift, found[some], counts[part])

        if threads == 1:
            run(0)
        else:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(run, range(threads)))
        above = counts.sum(axis=0)[::-1].cumsum()[::-1]  # rows of each bucket or a higher one
        enough = np.flatnonzero(above >= count)
        if not enough.size:
            return np.flatnonzero(found != LEFT_OUT)
        return np.flatnonzero(found >= (int(enough[-1]) - BUCKETS // 2) << shift)

    def matching(self, wanted: Filter) -> NDArray[np.intp]:
        """Positions of all rows that ``wanted`` lets through."""
        if not len(self):
            return np.empty(0, np.intp)
        return np.flatnonzero(inside(self.rows, self._bounds(wanted)))

    def _bounds(self, wanted: Filter) -> Bounds:
        tags = np.zeros(256, np.bool_)
        for kind in wanted.kinds:
            for model in range(MAX_MODELS) if wanted.models is None else wanted.models:
                tags[tag_of(model, KINDS.index(kind))] = True
        sources = np.zeros(0, np.bool_)
        if wanted.sources is not None:
            sources = np.zeros(int(self.rows["source"].max()) + 1, np.bool_)
            sources[[number for number in wanted.sources if number < sources.size]] = True
        centre, half = wanted.azimuth_arc()
        low, high = wanted.elevation_deg
        return Bounds(
            int(min(max(wanted.since_s, 0), END_S)), int(np.ceil(min(wanted.until_s, END_S))),
            sources, centre, half, int(np.floor(low)), int(np.ceil(high)), tags,
        )  # fmt: skip


def tag_of(model: int, kind: int) -> int:
    """Model and kind in one byte."""
    return model % MAX_MODELS * 4 + kind


@contextmanager
def _lock(directory: Path) -> Iterator[None]:
    handle = os.open(directory / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _state(directory: Path, store: Store) -> dict[str, Any]:
    """The state of what is there, or that of nothing where it does not fit the store."""
    fresh = {
        "store": store.meta("id"),
        "generation": store.meta("generation"),
        "count": 0,
        "last": 0,
    }
    try:
        state = json.loads((directory / STATE).read_text())
        sizes = [(directory / name).stat().st_size for name in (ROWS, CODES)]
        sound = (
            sizes[0] >= ROW.itemsize * state["count"] and sizes[1] >= COMPONENTS * state["count"]
        )
    except (OSError, ValueError, KeyError, TypeError):
        return fresh
    same = all(state.get(key) == fresh[key] for key in ("store", "generation"))
    return state if same and sound else fresh


def _append(directory: Path, state: dict[str, Any], store: Store) -> None:
    """Add the rows of ``store`` that are newer than ``state``."""
    with _binary(directory / ROWS) as rows_file, _binary(directory / CODES) as codes_file:
        rows_file.truncate(ROW.itemsize * state["count"])
        codes_file.truncate(COMPONENTS * state["count"])
        rows_file.seek(0, os.SEEK_END)
        codes_file.seek(0, os.SEEK_END)
        for rows, codes in _read(store, state["last"], SOUNDS):
            rows_file.write(rows.tobytes())
            codes_file.write(codes.tobytes())
            state |= {"count": state["count"] + len(rows), "last": int(rows["id"][-1])}
    with replacing(directory / STATE, private=True) as part:
        part.write_text(json.dumps(state))


@contextmanager
def _binary(path: Path) -> Iterator[Any]:
    with os.fdopen(os.open(path, os.O_CREAT | os.O_RDWR, 0o600), "r+b") as file:
        yield file


def _read(
    store: Store, last: int, kinds: tuple[Kind, ...]
) -> Iterator[tuple[NDArray[Any], NDArray[np.int8]]]:
    """Rows of ``kinds`` after the id ``last``, by id, some thousands at a time."""
    numbers = ", ".join(str(KINDS.index(kind)) for kind in kinds)
    sql = (
        "SELECT id, coalesce(at / 1000, 0), source, coalesce(azimuth, ?), "  # nosec B608
        "coalesce(elevation / 10, 0), model * 4 + kind, substr(vector, 1, ?) FROM events "
        f"WHERE id > ? AND kind IN ({numbers}) ORDER BY id"
    )
    for some in store.stream(sql, (NO_DIRECTION, COMPONENTS, last), 16_384):
        rows = np.array([row[:6] for row in some], ROW)
        codes = np.frombuffer(b"".join([row[6] for row in some]), np.int8)
        yield rows, codes.reshape(-1, COMPONENTS)
