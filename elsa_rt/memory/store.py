"""A store on the device: one SQLite file in a directory, written by one program, read by any."""

from __future__ import annotations

import contextlib
import io
import json
import sqlite3
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from elsa_rt.errors import UsageError
from elsa_rt.files import expanded
from elsa_rt.memory.row import Event
from elsa_rt.memory.row_code import FIELDS, Names, event_of, values_of
from elsa_rt.memory.schema import FILE, connect, sqlite_gate
from elsa_rt.memory.vector_code import VectorCode

WAIT_S = 5.0
"""How long a write waits for another program's."""

_IDS_AT_ONCE = 20_000


@dataclass(frozen=True)
class Model:
    """A model that rows were made by."""

    hash: str  # sha256 of its audio encoder
    name: str  # name and version


@dataclass(frozen=True, eq=False)
class CodedModel(Model):
    """A model with the code that a store keeps its embeddings in."""

    code: VectorCode


@dataclass(frozen=True)
class Origin:
    """Where rows come from: a recording, or one run of a microphone."""

    uid: str  # the same for all copies of a recording
    name: str
    live: bool
    path: str | None = None
    began_s: float | None = None  # Unix time of its first sample, if known
    seconds: float = 0.0
    settings: str = ""  # JSON, the settings of the signal that it was heard with
    pieces: int = 0  # that it is worked on in


class StoredRow(NamedTuple):
    """A row as it is stored."""

    id: int
    source: int
    model: int
    event: Event


class Store:
    """The database of one store; made by `open`.

    Attributes
    ----------
    path : Path, of the directory
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, write: bool) -> None:
        self.path = path
        self.file = path / FILE
        self.write = write
        self._db = connection
        self._names = Names(connection)
        self._models: dict[int, CodedModel] = {}

    @classmethod
    def open(
        cls, path: str | Path, *, write: bool = False, create: bool = False, wait_s: float = WAIT_S
    ) -> Store:
        """Open the store in the directory ``path``.

        Raises
        ------
        UsageError
            There is none, and none is to be made.
        StoreError
            It is damaged, locked, or of a later version.
        """
        check_directory(path)
        path = expanded(path)
        file = path / FILE
        if not create and not file.is_file():
            raise UsageError(
                f"opening the store {path}: there is no {file}: name the directory of one, or make "
                f"one: elsa-rt listen --remember {path}, or elsa-rt remember FILES --store {path}"
            )
        if create:
            with sqlite_gate("making", file):
                path.mkdir(mode=0o700, parents=True, exist_ok=True)
        store = cls(path, connect(file, write=write or create, wait_s=wait_s), write or create)
        if store.write and not store.meta("generation"):
            with store.changing("making"):  # whoever comes first names it
                for key in ("id", "generation"):
                    store.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", (key, _new_id()))
        return store

    def close(self) -> None:
        """Close the database; the last reader folds its log into the file."""
        self._db.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextlib.contextmanager
    def changing(self, doing: str = "writing") -> Iterator[None]:
        """One transaction: all of it or nothing is stored."""
        with sqlite_gate(doing, self.file):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                # what was learned of names may have been undone with the rest
                self._names.forget()
                self._models = {}
                with contextlib.suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                raise

    def query(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """All rows that ``sql`` selects."""
        with sqlite_gate("reading", self.file):
            return self._db.execute(sql, values).fetchall()

    def stream(self, sql: str, values: Sequence[Any] = (), size: int = 4096) -> Iterator[list[Any]]:
        """Rows that ``sql`` selects, ``size`` at a time."""
        with sqlite_gate("reading", self.file):
            cursor = self._db.execute(sql, values)
            while rows := cursor.fetchmany(size):
                yield rows

    def execute(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Run ``sql``; returns how many rows it changed."""
        with sqlite_gate("writing", self.file):
            return self._db.execute(sql, values).rowcount

    def meta(self, key: str) -> str:
        """A value that is kept for the whole store, "" if there is none."""
        found = self.query("SELECT value FROM meta WHERE key = ?", (key,))
        return found[0][0] if found else ""

    def set_meta(self, key: str, value: str) -> None:
        """Keep ``value``."""
        self.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def changed_rows(self) -> None:
        """Say that rows were removed: indexes of the old ones are void."""
        self.set_meta("generation", _new_id())

    def model_id(self, model: CodedModel) -> int:
        """The number of ``model`` in this store; it is added if it is new."""
        found = self.query("SELECT id FROM models WHERE hash = ?", (model.hash,))
        if found:
            return int(found[0][0])
        file = io.BytesIO()
        code = model.code
        np.savez_compressed(file, basis=code.basis, mean=code.mean, scale=code.scale)
        with sqlite_gate("writing", self.file):
            added = self._db.execute(
                "INSERT INTO models (hash, name, code) VALUES (?, ?, ?)",
                (model.hash, model.name, file.getvalue()),
            )
        return int(added.lastrowid or 0)

    def models(self) -> dict[int, CodedModel]:
        """All models that rows may be of, by their number."""
        (count,) = self.query("SELECT count(*) FROM models")[0]
        if count != len(self._models):
            self._models = {
                number: CodedModel(digest, name, _read_code(code))
                for number, digest, name, code in self.query("SELECT * FROM models")
            }
        return self._models

    def source_id(self, origin: Origin, model: int) -> int:
        """The number of the source ``origin``; it is added if it is new."""
        found = self.query("SELECT id FROM sources WHERE uid = ?", (origin.uid,))
        if found:
            return int(found[0][0])
        with sqlite_gate("writing", self.file):
            added = self._db.execute(
                "INSERT INTO sources (uid, name, live, path, began, seconds, model, settings, "
                "pieces) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (origin.uid, origin.name, origin.live, origin.path, origin.began_s,
                 origin.seconds, model, origin.settings, origin.pieces),
            )  # fmt: skip
        return int(added.lastrowid or 0)

    def sources(self) -> dict[int, Origin]:
        """All sources by their number."""
        rows = self.query(
            "SELECT id, uid, name, live, path, began, seconds, settings, pieces FROM sources"
        )
        return {
            number: Origin(uid, name, bool(live), *rest) for number, uid, name, live, *rest in rows
        }

    def add(self, source: int, model: int, events: Iterable[Event]) -> int:
        """Store ``events`` of ``source``; to be called inside `changing`. Returns how many."""
        code = self.models()[model].code
        (number,) = self.query("SELECT rows FROM sources WHERE id = ?", (source,))[0]
        begin = number
        for event in events:
            row = self._db.execute(
                f"INSERT INTO events (source, number, {FIELDS}) "  # nosec B608
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (source, number, model, *values_of(event, code, self._names)),
            ).lastrowid
            for alert in event.alerts:
                self._db.execute("INSERT INTO alerts VALUES (?, ?, ?, ?, ?, ?, ?)", (row, *alert))
            number += 1
        self._db.execute("UPDATE sources SET rows = ? WHERE id = ?", (number, source))
        return int(number - begin)

    def fetch(self, ids: Sequence[int]) -> list[StoredRow]:
        """The rows ``ids``, in this order; those that are gone are left out."""
        found: dict[int, StoredRow] = {}
        for rows in self._chosen(f"id, source, {FIELDS}", ids):
            found.update((row[0], self._read(row)) for row in rows)
        return [found[each] for each in ids if each in found]

    def vectors(self, ids: Sequence[int]) -> tuple[list[int], list[bytes]]:
        """The codes of the rows ``ids`` and their ids, by id; those that are gone are left out."""
        rows = [row for part in self._chosen("id, vector", ids) for row in part]
        return [row[0] for row in rows], [row[1] for row in rows]

    def _chosen(self, columns: str, ids: Sequence[int]) -> Iterator[list[Any]]:
        """``columns`` of the rows ``ids``; one statement, however many they are."""
        ordered = sorted(ids)
        for begin in range(0, len(ordered), _IDS_AT_ONCE):
            some = json.dumps(ordered[begin : begin + _IDS_AT_ONCE])
            names = ", ".join(f"e.{name.strip()}" for name in columns.split(","))
            rows = "json_each(?) AS j CROSS JOIN events AS e ON e.id = j.value"
            yield self.query(f"SELECT {names} FROM {rows}", (some,))  # nosec B608

    def _read(self, row: Sequence[Any]) -> StoredRow:
        id_, source, model, *values = row
        alerts = self.query(
            "SELECT id, rule, prompt, event, score, clip FROM alerts WHERE row = ?", (id_,)
        )
        code = self.models()[model].code
        return StoredRow(id_, source, model, event_of(values, code, self._names, alerts))


def is_archive(path: str | Path) -> bool:
    """Whether ``path`` names a Lance dataset rather than the directory of a store."""
    return "://" in str(path) or str(path).rstrip("/").endswith(".lance")


def check_directory(path: str | Path) -> None:
    """Raise a UsageError if ``path`` is that of an archive or a file, and no directory can be."""
    if expanded(path).is_file():
        raise UsageError(f"{path} is a file: a store is a directory, name another path, e.g. past")
    if is_archive(path):
        raise UsageError(
            f"{path} names a Lance dataset, and a directory of this device is needed here, e.g. "
            "past; rows go from there into an archive with elsa-rt memory merge past --store "
            f"{path}"
        )


def _new_id() -> str:
    return uuid.uuid4().hex


def _read_code(data: bytes) -> VectorCode:
    with np.load(io.BytesIO(data)) as stored:
        return VectorCode(stored["basis"], stored["mean"], stored["scale"])
