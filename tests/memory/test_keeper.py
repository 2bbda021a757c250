"""Listeners that remember, in Python."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from elsa_rt.config import Config
from elsa_rt.encoder.audio import AudioEncoder
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.errors import UsageError
from elsa_rt.listener import Listener
from elsa_rt.listeners import Listeners
from elsa_rt.memory.memory import Memory
from elsa_rt.memory.row import Remembered
from elsa_rt.memory.store import Store
from tests.conftest import RATE


def rows_of(store: Path, bundle: Path) -> list[Remembered]:
    with Memory.open(store, bundle=bundle) as memory:
        return sorted(memory.recall(), key=lambda row: row.time_s)


def listener_of(store: Path, bundle: Path, source: object = None, **changes: object) -> Listener:
    return Listener(
        ["hum", "hiss"], source, bundle=str(bundle), remember=store, **changes  # type: ignore[arg-type]
    )  # fmt: skip


def test_a_loop_over_a_listener_leaves_rows(tmp_path: Path, recording: Path, bundle: Path) -> None:
    for _ in listener_of(tmp_path / "past", bundle, recording, began_s=1_790_000_000.0):
        pass
    hum, hiss = rows_of(tmp_path / "past", bundle)
    assert [alert.prompt for alert in hum.alerts] == ["hum"]
    assert (hum.source, hiss.labels[0].name) == (recording.name, "hiss")
    assert hiss.at_s == pytest.approx(1_790_000_004, abs=0.3)


def test_a_loop_that_is_left_keeps_what_was_heard(
    tmp_path: Path, recording: Path, bundle: Path
) -> None:
    for hearing in listener_of(tmp_path / "past", bundle, recording):
        if hearing.time_s > 3.5:
            break
    (hum,) = rows_of(tmp_path / "past", bundle)
    assert hum.labels[0].name == "hum"


def test_blocks_that_are_pushed_are_remembered_as_of_now(
    tmp_path: Path, scene: NDArray[np.float32], bundle: Path
) -> None:
    listener = listener_of(tmp_path / "past", bundle)
    for begin in range(0, scene.shape[1], 1600):
        listener.push(scene[:, begin : begin + 1600], RATE)
    listener.finish()
    hum, _ = rows_of(tmp_path / "past", bundle)
    assert (hum.source, hum.at_s is not None) == ("pushed", True)
    with Store.open(tmp_path / "past") as store:
        assert [origin.live for origin in store.sources().values()] == [True]


def test_a_thread_and_a_coroutine_remember_as_well(
    tmp_path: Path, recording: Path, bundle: Path
) -> None:
    with listener_of(tmp_path / "thread", bundle, recording).start() as listening:
        listening.join(30)

    async def left_early() -> None:
        async for hearing in listener_of(tmp_path / "task", bundle, recording):
            if hearing.time_s > 3.5:
                break

    asyncio.run(left_early())
    assert len(rows_of(tmp_path / "thread", bundle)) == 2
    assert len(rows_of(tmp_path / "task", bundle)) == 1


def test_several_listeners_share_a_store(tmp_path: Path, recording: Path, bundle: Path) -> None:
    config = Config(bundle=str(bundle), remember=str(tmp_path / "past"))
    for _ in Listeners(["hum"], {"one": str(recording), "two": str(recording)}, config).hear():
        pass
    rows = rows_of(tmp_path / "past", bundle)
    assert sorted(row.source for row in rows) == ["one", "one", "two", "two"]
    assert {row.at_s for row in rows} == {None}


def test_an_archive_is_refused_before_anything_is_heard(bundle: Path) -> None:
    encoder = AudioEncoder(ModelBundle.load(bundle))
    for store in ("s3://bucket/past", "past.lance"):
        with pytest.raises(UsageError, match="a directory of this device is needed"):
            Listener(["hum"], encoder=encoder, remember=store)
