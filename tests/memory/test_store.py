"""The database: what it keeps, what it refuses, what it forgets."""

from __future__ import annotations

import math
import os
import sqlite3
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.errors import StoreError, UsageError
from elsa_rt.hearing import Label
from elsa_rt.memory.coarse_index import DIRECTORY, CoarseIndex
from elsa_rt.memory.forgetting import Retention, apply_retention, forget, size_bytes
from elsa_rt.memory.question import model_of
from elsa_rt.memory.repair import repair
from elsa_rt.memory.row import Event, RaisedAlert, RuleScore
from elsa_rt.memory.schema import FILE, VERSION
from elsa_rt.memory.store import Origin, Store
from elsa_rt.memory.transfer import merge

AT_S = 1_790_000_000.0


def event(number: int, **changes: object) -> Event:
    rng = np.random.default_rng(number)
    vector = rng.normal(size=512)
    values: dict[str, object] = {
        "kind": "sound", "time_s": 10.0 * number, "duration_s": 1.5, "at_s": AT_S + 3600 * number,
        "azimuth_deg": -170.5, "elevation_deg": 12.3, "uncertainty_deg": 7.1, "distance_m": 1.25,
        "level_dbfs": -41.2, "activity": 0.8, "track": f"track-{number:06d}",
        "embedding": (vector / np.linalg.norm(vector)).astype(np.float32),
    }  # fmt: skip
    return Event(**(values | changes))  # type: ignore[arg-type]


def fill(store: Store, events: list[Event], uid: str = "run-1") -> int:
    with store.changing():
        model = store.model_id(model_of(ModelBundle.load()))
        source = store.source_id(Origin(uid, "hall", True), model)
        store.add(source, model, events)
    return source


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "past"


def count(store: Store) -> int:
    return int(store.query("SELECT count(*) FROM events")[0][0])


def test_a_row_comes_back_as_it_was(path: Path) -> None:
    whole = event(
        1,
        labels=(Label("dog", 0.75), Label("cat", 0.125)),
        scores=(RuleScore("a-dog", 0.9),),
        alerts=(RaisedAlert("a-dog-000001", "a-dog", "a dog", "event-1", 0.9, "clips/1.flac"),),
    )
    bare = event(
        2, kind="minute", at_s=None, azimuth_deg=math.nan, elevation_deg=math.nan,
        distance_m=math.nan, uncertainty_deg=math.nan, track=None,
    )  # fmt: skip
    with Store.open(path, create=True) as store:
        fill(store, [whole, bare])
        first, second = store.fetch([1, 2])
    assert first.event.labels[0].name == "dog"
    assert [round(p, 4) for _, p in first.event.labels] == [0.75, 0.125]
    assert first.event.scores[0].rule == "a-dog"
    assert first.event.alerts == whole.alerts
    for name in ("time_s", "duration_s", "at_s", "azimuth_deg", "elevation_deg", "uncertainty_deg",
                 "distance_m", "level_dbfs", "track", "kind"):  # fmt: skip
        assert getattr(first.event, name) == pytest.approx(getattr(whole, name)), name
    assert (second.event.kind, second.event.at, second.event.track) == ("minute", None, None)
    assert math.isnan(second.event.azimuth_deg)
    assert math.isnan(second.event.distance_m)


def test_only_the_owner_can_read_it(path: Path) -> None:
    with Store.open(path, create=True) as store:
        fill(store, [event(1)])
        CoarseIndex.open(store)
        files = [file for file in path.rglob("*") if file.is_file()]
        assert {file.name for file in files} >= {FILE, "rows.bin", "codes.bin", "state.json"}
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_a_transaction_that_fails_leaves_nothing_and_the_next_one_works(path: Path) -> None:
    with Store.open(path, create=True) as store:
        fill(store, [event(1)])

        def cut_off() -> Iterator[Event]:
            yield event(2, labels=(Label("wolf", 0.5),))
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError), store.changing():
            store.add(1, 1, cut_off())
        assert count(store) == 1
        fill(store, [event(3, labels=(Label("wolf", 0.5),))])
        (row,) = store.fetch([2])
    assert row.event.labels[0].name == "wolf"


def test_there_must_be_a_store_to_ask(path: Path) -> None:
    with pytest.raises(UsageError, match=r"no .*memory\.sqlite.*listen --remember"):
        Store.open(path)


def test_a_store_of_a_later_version_is_refused(path: Path) -> None:
    Store.open(path, create=True).close()
    with sqlite3.connect(path / FILE) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()
    with pytest.raises(StoreError, match="pip install -U elsa-rt"):
        Store.open(path, write=True)


def test_a_store_that_many_make_at_once_is_made_once(tmp_path: Path) -> None:
    def opened(_: int) -> str:
        with Store.open(tmp_path / "past", create=True) as store:
            return store.meta("id")

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(opened, range(16)))) == 1


def test_another_database_is_no_store(path: Path) -> None:
    path.mkdir()
    with sqlite3.connect(path / FILE) as connection:
        connection.execute("CREATE TABLE other (x)")
    connection.close()
    with pytest.raises(StoreError, match="no store of elsa-rt"):
        Store.open(path)


def test_a_file_that_is_no_database_is_said_to_be_damaged(path: Path) -> None:
    path.mkdir()
    (path / FILE).write_bytes(b"not a database, but long enough to be read as one" * 100)
    with pytest.raises(StoreError, match="elsa-rt memory repair --store"):
        Store.open(path)


def test_a_store_that_somebody_writes_to_is_said_to_be_locked(path: Path) -> None:
    with Store.open(path, create=True) as store:
        fill(store, [event(1)])
        with Store.open(path, write=True, wait_s=0.05) as other, store.changing():
            with pytest.raises(StoreError, match=r"locked.*fuser"), other.changing():
                pass
            assert count(other) == 1  # reading goes on


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match="ls -la"):
        Store.open(tmp_path / "past", create=True)


def test_the_index_takes_in_what_is_added_and_drops_what_is_removed(path: Path) -> None:
    with Store.open(path, create=True) as store:
        fill(store, [event(1), event(2)])
        assert CoarseIndex.open(store).rows["id"].tolist() == [1, 2]
        fill(store, [event(3)])
        assert CoarseIndex.open(store).rows["id"].tolist() == [1, 2, 3]
        forget(store, ids=[2])
        assert CoarseIndex.open(store).rows["id"].tolist() == [1, 3]
        codes = path / DIRECTORY / "codes.bin"
        codes.write_bytes(codes.read_bytes()[:70])  # cut off by a crash
        index = CoarseIndex.open(store)
    assert index.rows["id"].tolist() == [1, 3]
    assert index.codes.shape == (2, 64)


def test_what_is_forgotten_is_not_on_the_disk_any_more(path: Path) -> None:
    secret = Label("a secret sound", 0.5)
    with Store.open(path, create=True) as store:
        alert = RaisedAlert("secret-1", "rule", "a secret prompt", "event", 0.5)
        fill(store, [event(1, alerts=(alert,), track="secret-track"), event(2, labels=(secret,))])
        vector = store.query("SELECT vector FROM events WHERE id = 1")[0][0]
        CoarseIndex.open(store)
        assert forget(store, ids=[1]) == 1
    data = b"".join(file.read_bytes() for file in path.rglob("*") if file.is_file())
    for trace in (b"a secret prompt", b"secret-track", bytes(vector[:64])):
        assert trace not in data
    assert b"a secret sound" in data  # the other row is still there


def test_forgetting_by_time_and_by_source(path: Path) -> None:
    with Store.open(path, create=True) as store:
        fill(store, [event(1), event(2), event(3, at_s=None)])
        other = fill(store, [event(4)], uid="run-2")
        assert forget(store, before_s=AT_S + 1.5 * 3600) == 1
        assert forget(store, sources=[other]) == 1
        assert count(store) == 2
        assert len(store.sources()) == 1


def test_rows_that_are_too_old_or_too_many_go(path: Path) -> None:
    with Store.open(path, create=True) as store:
        fill(store, [event(number) for number in range(100)])
        assert apply_retention(store, Retention(days=1), AT_S + 99 * 3600) == 75
        assert count(store) == 25
        fill(store, [event(number) for number in range(100, 3000)])
        small = size_bytes(store) / 2e6
        apply_retention(store, Retention(max_mb=small), AT_S)
        assert size_bytes(store) <= small * 1e6
        assert count(store) > 500
        ((oldest,),) = store.query("SELECT min(at) FROM events")
        assert oldest > (AT_S + 1000 * 3600) * 1000  # the oldest went first


def test_stores_merge_once(tmp_path: Path) -> None:
    kitchen, hall = tmp_path / "kitchen", tmp_path / "hall"
    with Store.open(kitchen, create=True) as one, Store.open(hall, create=True) as other:
        fill(one, [event(1), event(2, labels=(Label("dog", 0.5),))], uid="run-a")
        fill(other, [event(3)], uid="run-b")
        assert merge(other, one) == 2
        assert merge(other, one) == 0
        fill(one, [event(4)], uid="run-a")
        assert merge(other, one) == 1
        forget(other, ids=[2])  # the first row that was merged
        assert merge(other, one) == 0  # it does not come back
        assert count(other) == 3
        times = {row.event.time_s for row in other.fetch([1, 3, 4])}
        with pytest.raises(UsageError, match="same store"):
            merge(one, one)
    assert times == {20.0, 30.0, 40.0}


def test_a_damaged_store_gives_what_can_be_read(path: Path) -> None:
    with Store.open(path, create=True) as store:
        fill(store, [event(number) for number in range(2000)])
    file = path / FILE
    data = bytearray(file.read_bytes())
    middle = len(data) // 2 // 4096 * 4096
    data[middle : middle + 3 * 4096] = os.urandom(3 * 4096)
    file.write_bytes(bytes(data))
    with Store.open(path) as store, pytest.raises(StoreError, match="repair"):
        store.query("SELECT sum(length(vector)), count(DISTINCT track) FROM events")
    saved, aside = repair(path)
    assert 1500 < saved < 2000
    assert aside is not None
    assert aside.read_bytes() == bytes(data)
    with Store.open(path) as store:
        assert store.query("PRAGMA quick_check(1)") == [("ok",)]
        assert count(store) == saved


def test_a_whole_store_is_left_as_it_is(path: Path) -> None:
    """A copy of it would keep what is forgotten later."""
    with Store.open(path, create=True) as store:
        fill(store, [event(1), event(2)])
    assert repair(path) == (2, None)
    assert not list(path.glob("*.damaged*"))


def test_a_store_of_a_later_version_or_in_use_is_not_repaired(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("elsa_rt.memory.repair.WAIT_S", 0.02)
    with Store.open(path, create=True) as store, store.changing():
        store.execute("DELETE FROM alerts")
        with pytest.raises(StoreError, match="database is locked"):
            repair(path)
    with sqlite3.connect(path / "memory.sqlite") as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(StoreError, match="is of version 99"):
        repair(path)
    assert [file.name for file in path.glob("memory.sqlite.*")] == []


def test_a_file_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("")
    with pytest.raises(UsageError, match=r"notes is a file: a store is a directory"):
        Store.open(tmp_path / "notes", create=True)


def test_a_store_on_a_full_disk_can_be_read(path: Path) -> None:
    """Where SQLite cannot make the file that readers share, and there is no log of writes."""
    with Store.open(path, create=True) as store:
        identity = store.meta("id")
    (path / "memory.sqlite-shm").mkdir()
    with Store.open(path) as store:
        assert store.meta("id") == identity
