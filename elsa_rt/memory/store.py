"""A store on the device: one SQLite file in a directory, written by one program, read by any."""

from __future__ import annotations

import contextlib
import io
import json
import math
import sqlite3
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from elsa_rt.errors import StoreError, UsageError
from elsa_rt.hearing import Label
from elsa_rt.memory.row import KINDS, Event, RaisedAlert, RuleScore
from elsa_rt.memory.schema import FILE, connect, sqlite_gate
from elsa_rt.memory.vector_code import VectorCode

WAIT_S = 5.0
"""How long a write waits for another program's."""

_FIELDS = (
    "model, kind, at, time, duration, azimuth, elevation, uncertainty, distance, "
    "level, activity, track, labels, scores, vector"
)

_PAIR = np.dtype([("name", "<u2"), ("share", "<u2")])
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
        self._names: dict[str, int] = {}
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
        path = Path(path).expanduser()
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
                self._names, self._models = {}, {}
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
                f"INSERT INTO events (source, number, {_FIELDS}) "  # nosec B608
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (source, number, model, *self._values(event),
                 code.encode(event.embedding, fine=event.kind != "minute")),
            ).lastrowid  # fmt: skip
            for alert in event.alerts:
                self._db.execute("INSERT INTO alerts VALUES (?, ?, ?, ?, ?, ?, ?)", (row, *alert))
            number += 1
        self._db.execute("UPDATE sources SET rows = ? WHERE id = ?", (number, source))
        return int(number - begin)

    def fetch(self, ids: Sequence[int]) -> list[StoredRow]:
        """The rows ``ids``, in this order; those that are gone are left out."""
        found: dict[int, StoredRow] = {}
        for rows in self._chosen(f"id, source, {_FIELDS}", ids):
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

    def _values(self, event: Event) -> tuple[Any, ...]:
        return (
            KINDS.index(event.kind),
            None if event.at_s is None else round(event.at_s * 1000),
            round(event.time_s * 1000),
            round(event.duration_s * 1000),
            _scaled(event.azimuth_deg, 10),
            _scaled(event.elevation_deg, 10),
            _scaled(event.uncertainty_deg, 10),
            _scaled(event.distance_m, 100),
            round(event.level_dbfs * 10),
            round(event.activity * 255),
            event.track,
            self._pack(event.labels),
            self._pack(event.scores),
        )

    def _read(self, row: Sequence[Any]) -> StoredRow:
        (id_, source, model, kind, at, time, duration, azimuth, elevation, uncertainty, distance,
         level, activity, track, labels, scores, vector) = row  # fmt: skip
        event = Event(
            kind=KINDS[kind],
            time_s=time / 1000,
            duration_s=duration / 1000,
            at_s=None if at is None else at / 1000,
            azimuth_deg=_unscaled(azimuth, 10),
            elevation_deg=_unscaled(elevation, 10),
            uncertainty_deg=_unscaled(uncertainty, 10),
            distance_m=_unscaled(distance, 100),
            level_dbfs=level / 10,
            activity=activity / 255,
            embedding=self.models()[model].code.decode([vector])[0],
            track=track,
            labels=tuple(Label(*pair) for pair in self._unpack(labels)),
            scores=tuple(RuleScore(*pair) for pair in self._unpack(scores)),
            alerts=tuple(
                RaisedAlert(*alert)
                for alert in self.query(
                    "SELECT id, rule, prompt, event, score, clip FROM alerts WHERE row = ?", (id_,)
                )
            ),
        )
        return StoredRow(id_, source, model, event)

    def _pack(self, pairs: Sequence[tuple[str, float]]) -> bytes | None:
        if not pairs:
            return None
        packed = np.zeros(len(pairs), _PAIR)
        packed["name"] = [self._name(name) for name, _ in pairs]
        packed["share"] = [round(share * 65535) for _, share in pairs]
        return packed.tobytes()

    def _unpack(self, packed: bytes | None) -> tuple[tuple[str, float], ...]:
        if packed is None:
            return ()
        found = np.frombuffer(packed, _PAIR)
        numbers = {number: name for name, number in self._names.items()}
        if not numbers.keys() >= set(found["name"].tolist()):
            self._read_names()
            numbers = {number: name for name, number in self._names.items()}
        return tuple((numbers[pair["name"]], float(pair["share"]) / 65535) for pair in found)

    def _name(self, name: str) -> int:
        if name not in self._names:
            self._db.execute("INSERT OR IGNORE INTO names (name) VALUES (?)", (name,))
            self._read_names()
        if self._names[name] > 65535:
            raise StoreError(f"writing {self.file}: more than 65,535 names of sounds and rules")
        return self._names[name]

    def _read_names(self) -> None:
        self._names = dict(self.query("SELECT name, id FROM names"))


def is_archive(path: str | Path) -> bool:
    """Whether ``path`` names a Lance dataset rather than the directory of a store."""
    return "://" in str(path) or str(path).rstrip("/").endswith(".lance")


def check_directory(path: str | Path) -> None:
    """Raise a UsageError if ``path`` is that of an archive or a file, and no directory can be."""
    if Path(path).expanduser().is_file():
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


def _scaled(value: float, factor: int) -> int | None:
    return round(value * factor) if math.isfinite(value) else None


def _unscaled(value: int | None, factor: int) -> float:
    return math.nan if value is None else value / factor
