"""The tables of a store, and the one gate that every SQLite failure passes through."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from elsa_rt.errors import StoreError

VERSION = 1
"""Of the tables; a store of a later one is refused."""

APPLICATION = 0x656C7361
"""``application_id`` of a store: "elsa"."""

FILE = "memory.sqlite"

LOG_RETRY_S = 0.02
"""Between two tries to start the write-ahead log."""

TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE models (
    id INTEGER PRIMARY KEY, hash TEXT NOT NULL UNIQUE, name TEXT NOT NULL, code BLOB NOT NULL
);
CREATE TABLE sources (
    id INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE, name TEXT NOT NULL, live INTEGER NOT NULL,
    path TEXT, began REAL, seconds REAL NOT NULL DEFAULT 0, model INTEGER NOT NULL,
    settings TEXT NOT NULL DEFAULT '', pieces INTEGER NOT NULL DEFAULT 0,
    done INTEGER NOT NULL DEFAULT 0, rows INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE pieces (
    source INTEGER NOT NULL, piece INTEGER NOT NULL, PRIMARY KEY (source, piece)
) WITHOUT ROWID;
CREATE TABLE names (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT, source INTEGER NOT NULL, number INTEGER NOT NULL,
    model INTEGER NOT NULL, kind INTEGER NOT NULL, at INTEGER, time INTEGER NOT NULL,
    duration INTEGER NOT NULL, azimuth INTEGER, elevation INTEGER, uncertainty INTEGER,
    distance INTEGER, level INTEGER NOT NULL, activity INTEGER NOT NULL, track TEXT,
    labels BLOB, scores BLOB, vector BLOB NOT NULL
);
CREATE TABLE alerts (
    row INTEGER NOT NULL, id TEXT NOT NULL, rule TEXT NOT NULL, prompt TEXT NOT NULL,
    event TEXT NOT NULL, score REAL NOT NULL, clip TEXT
);
CREATE INDEX alerts_of_row ON alerts (row);
"""
"""`row_code` tells what the numbers of a row mean."""


def connect(path: Path, *, write: bool, wait_s: float) -> sqlite3.Connection:
    """Open the database ``path``; a new one is readable by its owner alone and gets its tables.

    Raises
    ------
    StoreError
        It is damaged, locked, of a later version, or no store.
    """
    with sqlite_gate("opening", path):
        if write and not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        try:
            return _connected(path, "mode=rw" if write else "mode=ro", write, wait_s)
        except sqlite3.OperationalError as error:
            # a reader makes a small file beside the database, for which a full disk has no room;
            # without a log of writes the database can be read by itself
            log = path.with_name(f"{path.name}-wal")
            if write or "locked" in str(error) or (log.exists() and log.stat().st_size):
                raise
            return _connected(path, "immutable=1", write, wait_s)


def _connected(path: Path, how: str, write: bool, wait_s: float) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{how}",
        uri=True,
        timeout=wait_s,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        _prepare(connection, path, write, wait_s)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path, write: bool, wait_s: float) -> None:
    if write and not _has_tables(connection):
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        _use_log(connection, wait_s)
        connection.execute("BEGIN IMMEDIATE")
        if _has_tables(connection):  # another program has made them meanwhile
            connection.execute("ROLLBACK")
        else:
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
            for statement in TABLES.split(";"):
                connection.execute(statement)
            connection.execute("COMMIT")
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION:
        raise StoreError(
            f"opening {path}: it is an SQLite database, but no store of elsa-rt: name another "
            "directory after --store"
        )
    check_version(path, version)
    if write:
        _use_log(connection, wait_s)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA secure_delete = ON")  # what is forgotten is overwritten


def _use_log(connection: sqlite3.Connection, wait_s: float) -> None:
    """Have a write-ahead log; SQLite does not wait by itself where two programs start one."""
    until = time.monotonic() + wait_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() >= until:
                raise
            time.sleep(LOG_RETRY_S)


def check_version(path: Path, version: int) -> None:
    """Raise a StoreError if ``version`` of the tables of ``path`` is a later one."""
    if version > VERSION:
        raise StoreError(
            f"opening {path}: it is of version {version}, this elsa-rt reads up to {VERSION}: "
            "pip install -U elsa-rt"
        )


def _has_tables(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])


@contextmanager
def sqlite_gate(doing: str, path: Path) -> Iterator[None]:
    """Turn whatever SQLite or the file system raises into one StoreError with its cure."""
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(f"{doing} {path}: {error}: {_cure(str(error), path)}") from error
    except OSError as error:
        cure = _cure("readonly" if error.errno in (1, 13, 30) else str(error), path)
        raise StoreError(f"{doing} {path}: {error.strerror}: {cure}") from error


def _cure(reason: str, path: Path) -> str:
    store = path.parent
    if "locked" in reason or "busy" in reason:
        return f"another program is writing to it; try again, or find it: fuser -v {path}"
    if "malformed" in reason or "not a database" in reason:
        return f"it is damaged; save what can be read: elsa-rt memory repair --store {store}"
    if "full" in reason or "No space" in reason or _is_full(store):
        return (
            f"make room on its disk: df -h {store}; a smaller store comes by elsa-rt forget "
            f"--before '30 days ago' --store {store}"
        )
    if "readonly" in reason or "unable to open" in reason:
        return f"see who owns it: ls -la {store}"
    return f"check it: elsa-rt memory info --store {store}"


def _is_full(store: Path) -> bool:
    try:
        return shutil.disk_usage(store).free < 2**16
    except OSError:
        return False
