"""What can still be read of a damaged store, in a new one beside it."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import time
from pathlib import Path

from elsa_rt.errors import StoreError, UsageError
from elsa_rt.files import expanded
from elsa_rt.memory.coarse_index import DIRECTORY
from elsa_rt.memory.schema import FILE, check_version, connect, sqlite_gate

TABLES = ("meta", "models", "sources", "pieces", "names", "events", "alerts")

ROWS_AT_ONCE = 256

WAIT_S = 5.0
"""How long a repair waits for another program that writes."""


def repair(path: str | Path) -> tuple[int, Path | None]:
    """Save what can be read of the store in the directory ``path``.

    The new database takes the place of the damaged one, which stays beside it. Returns how many
    rows were saved, and where the damaged file is; None where nothing is damaged, and nothing is
    changed.

    Raises
    ------
    UsageError
        There is no store.
    StoreError
        Nothing can be read, another program writes to it, or it is of a later version.
    """
    path = expanded(path)
    file = path / FILE
    if not file.is_file():
        raise UsageError(f"repairing {path}: there is no {file}: name the directory of a store")
    aside = file.with_name(f"{FILE}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
    fresh = file.with_name(f"{FILE}.new")
    fresh.unlink(missing_ok=True)
    damaged = _opened(file)
    count = _count_if_whole(damaged)
    if count is not None:
        damaged.close()
        return count, None
    new = connect(fresh, write=True, wait_s=WAIT_S)
    try:
        with sqlite_gate("repairing", file):
            new.execute("PRAGMA journal_mode = DELETE")
            saved = {table: _copy(damaged, new, table) for table in TABLES}
            new.execute("PRAGMA journal_mode = WAL")
    finally:
        new.close()
        damaged.close()
    if not saved["models"] or not saved["sources"]:
        fresh.unlink()
        raise StoreError(
            f"repairing {path}: neither models nor sources can be read of it: move it away and "
            f"begin a new one: mv {path} {path}.damaged"
        )
    file.rename(aside)
    for rest in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            Path(f"{file}{rest}").rename(f"{aside}{rest}")
    fresh.rename(file)
    shutil.rmtree(path / DIRECTORY, ignore_errors=True)
    return saved["events"], aside


def _opened(file: Path) -> sqlite3.Connection:
    """The damaged database, which nobody else may write to until it is closed."""
    with sqlite_gate("repairing", file):
        damaged = sqlite3.connect(file, timeout=WAIT_S, isolation_level=None)
        try:
            ((version,),) = damaged.execute("PRAGMA user_version").fetchall()
            check_version(file, version)
            damaged.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            damaged.close()
            if "locked" in str(error):
                raise
            damaged = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)
        except sqlite3.DatabaseError:  # too damaged even for that
            damaged.close()
            damaged = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)
        except BaseException:
            damaged.close()
            raise
    return damaged


def _count_if_whole(database: sqlite3.Connection) -> int | None:
    """Rows of a database in which nothing is damaged; else None."""
    with contextlib.suppress(sqlite3.Error):
        if database.execute("PRAGMA integrity_check(1)").fetchall() == [("ok",)]:
            ((count,),) = database.execute("SELECT count(*) FROM events").fetchall()
            return int(count)
    return None


def _copy(damaged: sqlite3.Connection, new: sqlite3.Connection, table: str) -> int:
    """Copy the rows of ``table`` that can be read, from its begin and from its end."""
    try:
        columns = len(damaged.execute(f"PRAGMA table_info({table})").fetchall())
    except sqlite3.Error:
        return 0
    insert = f"INSERT OR IGNORE INTO {table} VALUES ({','.join('?' * columns)})"
    keyed = "rowid" if table not in ("meta", "pieces") else "key" if table == "meta" else "source"
    new.execute("BEGIN")
    for order in ("ASC", "DESC"):
        with contextlib.suppress(sqlite3.Error):
            cursor = damaged.execute(f"SELECT * FROM {table} ORDER BY {keyed} {order}")  # nosec B608
            if order == "DESC" and table == "alerts":
                break  # it has no key that keeps a row from coming twice
            while rows := _few(cursor):
                new.executemany(insert, rows)
    new.execute("COMMIT")
    ((count,),) = new.execute(f"SELECT count(*) FROM {table}").fetchall()  # nosec B608
    return int(count)


def _few(cursor: sqlite3.Cursor) -> list[tuple[object, ...]]:
    """The next rows, as many as can be read."""
    rows: list[tuple[object, ...]] = []
    with contextlib.suppress(sqlite3.Error):
        for row in cursor:
            rows.append(row)
            if len(rows) == ROWS_AT_ONCE:
                break
    return rows
