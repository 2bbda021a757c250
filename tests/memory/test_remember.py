"""Recordings into stores, exactly once, and what listening keeps."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from elsa_rt.config import Config
from elsa_rt.encoder.audio import AudioEncoder
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.errors import UsageError
from elsa_rt.hearing import Hearing
from elsa_rt.listener import Listener
from elsa_rt.memory.forgetting import Retention
from elsa_rt.memory.job import Job, began_of
from elsa_rt.memory.labels import namer_of
from elsa_rt.memory.piece_rows import rows_of_pieces
from elsa_rt.memory.recorder import WAIT_S, Recorder
from elsa_rt.memory.remember import remember, remember_again
from elsa_rt.memory.row import Event
from elsa_rt.memory.store import Store
from elsa_rt.outputs.worker import CLOSE_S
from elsa_rt.prompts.bank import PromptBank
from elsa_rt.recordings.batch import PieceBatch
from elsa_rt.recordings.pieces import Piece, read_header
from tests.conftest import RATE
from tests.memory.conftest import Remember
from tests.memory.recordings import other_bundle, write_recording
from tests.support.tiny_bundle import free_streams, make_bundle, sound


def events_of(store: Path) -> list[Event]:
    with Store.open(store) as opened:
        ids = [row[0] for row in opened.query("SELECT id FROM events ORDER BY id")]
        return [row.event for row in opened.fetch(ids)]


def places(events: list[Event], kind: str = "sound") -> list[tuple[float, float, float]]:
    return sorted(
        (round(e.time_s, 2), round(e.duration_s, 2), round(e.azimuth_deg, 1))
        for e in events
        if e.kind == kind
    )


def test_each_recording_is_remembered_once_whatever_its_name(
    tmp_path: Path, remember_files: Remember
) -> None:
    folder = tmp_path / "recordings"
    (folder / "deep").mkdir(parents=True)
    one = write_recording(folder / "one.wav", 20, seed=1)
    two = write_recording(folder / "deep" / "two.flac", 20, seed=2)
    (folder / "notes.txt").write_text("no sound")
    store = tmp_path / "past"
    first = remember_files(store, folder)
    assert (first.recordings, first.already, first.pieces) == (2, 0, 2)
    assert first.rows == len(events_of(store)) > 4
    moved = one.rename(tmp_path / "moved.wav")
    again = remember_files(store, moved, two)
    assert (again.recordings, again.already, again.rows) == (0, 2, 0)
    assert len(events_of(store)) == first.rows


def test_work_that_was_cut_off_goes_on_where_it_was(
    tmp_path: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch, remember_files: Remember
) -> None:
    recording = write_recording(tmp_path / "long.wav", 650, seed=3)
    hear = PieceBatch.hear
    heard: list[int] = []

    def counted(self: PieceBatch, pieces: Any, listener_of: Any) -> Iterator[Any]:
        for found in hear(self, pieces, listener_of):
            heard.append(found.piece.index)
            yield found

    def cut_off(self: PieceBatch, pieces: Any, listener_of: Any) -> Iterator[Any]:
        for found in counted(self, pieces, listener_of):
            yield found
            if len(heard) == 2:
                raise KeyboardInterrupt

    store = tmp_path / "past"
    monkeypatch.setattr(PieceBatch, "hear", cut_off)
    with pytest.raises(KeyboardInterrupt):
        remember_files(store, recording)
    assert heard == [0, 1]
    monkeypatch.setattr(PieceBatch, "hear", counted)
    report = remember_files(store, recording)
    assert heard == [0, 1, 2]
    assert (report.recordings, report.pieces) == (1, 1)
    remember_files(tmp_path / "whole", recording)
    assert places(events_of(store)) == places(events_of(tmp_path / "whole"))


@pytest.mark.slow
def test_pieces_give_the_rows_that_listening_gives(tmp_path: Path, bundle: Path) -> None:
    """A recording of several pieces, heard in pieces and by a listener in one go."""
    recording = write_recording(tmp_path / "long.wav", 620, seed=4)
    config = Config(bundle=str(bundle))
    loaded = ModelBundle.load(bundle)
    recorder = Recorder(
        tmp_path / "live", loaded, "mic", live=False, retention=Retention(),
        on_notice=pytest.fail, namer=namer_of(loaded),
    )  # fmt: skip
    listener = Listener(PromptBank.empty(loaded), recording, config)
    for hearing in listener:
        recorder.show(hearing)
    recorder.close()
    job = Job(config, jobs=1)
    nothing: Any = lambda _: None  # noqa: E731
    remember([recording], tmp_path / "pieces", job, on_notice=pytest.fail, on_total=nothing,
             on_progress=nothing)  # fmt: skip
    live, pieces = (places(events_of(tmp_path / name)) for name in ("live", "pieces"))
    assert len(live) == len(pieces) > 150
    np.testing.assert_allclose(np.array(pieces), np.array(live), atol=0.35)


def test_several_streams_and_processes_give_the_rows_of_one(tmp_path: Path) -> None:
    path = free_streams(make_bundle(tmp_path / "bundle"))
    files = [write_recording(tmp_path / f"{k}.wav", 30 + 7 * k, seed=k) for k in range(4)]
    pieces = [Piece(read_header(file), 0) for file in files]
    encoder = AudioEncoder(ModelBundle.load(path))
    found = {}
    for streams in (1, 3):
        namer = namer_of(encoder.bundle)
        for heard in rows_of_pieces(encoder, Config(), namer, pieces, streams):
            assert not heard.error
            found[streams, heard.piece.recording.path] = places(list(heard.events))
    for file in files:
        assert found[1, str(file)] == found[3, str(file)] != []


@pytest.mark.slow
def test_processes_share_the_work(tmp_path: Path, bundle: Path, remember_files: Remember) -> None:
    files = [write_recording(tmp_path / f"{k}.wav", 10, seed=k) for k in range(3)]
    remember_files(tmp_path / "one", *files)
    report = remember_files(tmp_path / "two", *files, jobs=2)
    assert (report.recordings, report.pieces) == (3, 3)
    assert places(events_of(tmp_path / "two")) == places(events_of(tmp_path / "one"))


def test_a_piece_that_cannot_be_read_is_said_and_the_others_are_kept(
    tmp_path: Path, bundle: Path
) -> None:
    good = write_recording(tmp_path / "good.wav", 10, seed=1)
    gone = write_recording(tmp_path / "gone.wav", 10, seed=2)
    said: list[str] = []
    nothing: Any = lambda _: None  # noqa: E731

    def after_planning(_: float) -> None:
        gone.unlink()

    report = remember(
        [good, gone], tmp_path / "past", Job(Config(bundle=str(bundle)), jobs=1),
        on_notice=said.append, on_total=after_planning, on_progress=nothing,
    )  # fmt: skip
    assert report.failed == [str(gone)]
    assert report.recordings == 1
    assert "gone.wav" in said[0]


def test_samples_that_are_no_sound_are_told_once(tmp_path: Path, bundle: Path) -> None:
    """Each in its own piece, though the next one's lead has it, too."""
    path = write_recording(tmp_path / "long.wav", 610, seed=3)
    samples, rate = soundfile.read(path, dtype="float32")
    samples[290 * rate, 2] = np.nan  # in the lead of the second piece
    samples[400 * rate, 1:3] = [np.inf, 1e30]
    soundfile.write(path, samples, rate, "FLOAT")
    said: list[str] = []
    nothing: Any = lambda _: None  # noqa: E731
    report = remember(
        [path], tmp_path / "past", Job(Config(bundle=str(bundle)), jobs=1),
        on_notice=said.append, on_total=nothing, on_progress=nothing,
    )  # fmt: skip
    assert report.recordings == 1
    why = "NaN, infinite or beyond all scale and became silence: check what wrote the file"
    assert [one.removeprefix(str(path)) for one in sorted(said)] == [
        f", from 0 s on: 1 sample was {why}", f", from 300 s on: 2 samples were {why}"
    ]  # fmt: skip


def test_rows_of_an_older_model_are_made_anew(
    tmp_path: Path, store: Path, bundle: Path, recording: Path
) -> None:
    newer = other_bundle(tmp_path / "newer")
    said: list[str] = []
    nothing: Any = lambda _: None  # noqa: E731
    job = Job(Config(bundle=str(newer)), jobs=1)
    asked = {"on_notice": said.append, "on_total": nothing, "on_progress": nothing}
    before = places(events_of(store))
    report = remember([recording], store, job, **asked)
    assert report.already == 1
    assert "another model" in said[0]
    assert "remember --again" in said[0]
    report = remember_again(store, job, **asked)
    assert report.recordings == 1
    assert places(events_of(store)) == before
    with Store.open(store) as opened:
        models = opened.query("SELECT DISTINCT model FROM events")
    assert len(models) == 1
    assert remember_again(store, job, **asked).recordings == 0


@pytest.mark.parametrize(
    ("name", "began", "expected"),
    [
        ("20260131_220000.wav", "name", "2026-01-31T22:00:00+00:00"),
        ("hall 2026-01-31T22-00-30.wav", "name", "2026-01-31T22:00:30+00:00"),
        ("kitchen.wav", "name", None),
        ("20269931_220000.wav", "name", None),
        ("kitchen.wav", "unknown", None),
        ("kitchen.wav", "2026-01-31T22:00", "2026-01-31T22:00:00+00:00"),
        ("kitchen.wav", "2026-01-31T23:00Z", "2026-01-31T23:00:00+00:00"),
    ],
)
def test_when_a_recording_began(
    tmp_path: Path, name: str, began: str, expected: str | None
) -> None:
    from datetime import datetime, timezone

    recording = read_header(write_recording(tmp_path / name, 3, seed=1))
    found = began_of(recording, began, timezone.utc)
    assert found == (None if expected is None else datetime.fromisoformat(expected).timestamp())


def test_the_date_of_a_file_is_that_of_its_end(tmp_path: Path) -> None:
    recording = read_header(write_recording(tmp_path / "a.wav", 3, seed=1))
    changed_s = Path(recording.path).stat().st_mtime
    assert began_of(recording, "mtime", None) == pytest.approx(changed_s - 3)
    with pytest.raises(UsageError, match="--began bananas"):
        began_of(recording, "bananas", None)


class Clock:
    """A clock that can be set."""

    def __init__(self) -> None:
        self.now_s = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def hearings(bundle: Path, scene: NDArray[np.float32]) -> list[Hearing]:
    from elsa_rt.sources.array import ArraySource

    listener = Listener(["hum", "hiss"], ArraySource(scene, RATE), bundle=str(bundle))
    return list(listener)


def recorder_of(path: Path, bundle: Path, said: list[str], clock: Clock) -> Recorder:
    loaded = ModelBundle.load(bundle)
    return Recorder(
        path, loaded, "hall", live=True, retention=Retention(days=400, max_mb=100),
        on_notice=said.append, namer=namer_of(loaded), clock=clock,
    )  # fmt: skip


def test_listening_leaves_rows_with_the_time_of_day_and_alerts(
    tmp_path: Path, bundle: Path, hearings: list[Hearing]
) -> None:
    clock, said = Clock(), list[str]()
    began_s = clock.now_s
    recorder = recorder_of(tmp_path / "past", bundle, said, clock)
    for hearing in hearings:
        clock.now_s = began_s + hearing.time_s
        recorder.show(hearing)
    recorder.close()
    hum, hiss = sorted(
        (e for e in events_of(tmp_path / "past") if e.kind == "sound"), key=lambda e: e.time_s
    )
    assert said == []
    for event, second in ((hum, 1), (hiss, 4)):
        assert event.at_s == pytest.approx(began_s + second, abs=0.3)
    assert [alert.prompt for alert in hum.alerts] == ["hum"]
    assert hum.scores[0].rule == "hum"
    assert hum.scores[0].score > 0.5
    assert hiss.labels[0].name == "hiss"
    assert 90 - 10 < hum.azimuth_deg < 90 + 10


def test_a_clock_that_goes_back_is_said_and_rows_go_on(
    tmp_path: Path, bundle: Path, hearings: list[Hearing]
) -> None:
    clock, said = Clock(), list[str]()
    began_s = clock.now_s
    recorder = recorder_of(tmp_path / "past", bundle, said, clock)
    for hearing in hearings:
        clock.now_s = began_s + hearing.time_s - (3600 if hearing.time_s > 5.5 else 0)
        recorder.show(hearing)
    recorder.close()
    assert any("the clock went back by 3600 s" in one for one in said)
    hum, hiss = sorted(
        (e for e in events_of(tmp_path / "past") if e.kind == "sound"), key=lambda e: e.time_s
    )
    assert hum.at_s is not None
    assert hiss.at_s is not None
    assert hiss.at_s < hum.at_s - 3000


def test_listening_goes_on_while_the_store_is_locked_and_nothing_is_lost(
    tmp_path: Path, bundle: Path, hearings: list[Hearing], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("elsa_rt.memory.recorder.WAIT_S", 0.02)
    path, said = tmp_path / "past", list[str]()
    Store.open(path, create=True).close()
    with Store.open(path, write=True) as other, other.changing():
        recorder = recorder_of(path, bundle, said, Clock())
        for hearing in hearings:
            recorder.show(hearing)
        wait_for(lambda: any("locked" in one for one in said))
    recorder.close()
    assert "listening goes on" in " ".join(said)
    assert len([e for e in events_of(path) if e.kind == "sound"]) == 2


def test_what_is_lost_at_the_end_of_a_locked_store_is_told_with_its_cause(
    tmp_path: Path, bundle: Path, hearings: list[Hearing], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert WAIT_S < CLOSE_S
    monkeypatch.setattr("elsa_rt.memory.recorder.WAIT_S", 0.02)
    path, said = tmp_path / "past", list[str]()
    Store.open(path, create=True).close()
    with Store.open(path, write=True) as other, other.changing():
        recorder = recorder_of(path, bundle, said, Clock())
        for hearing in hearings:
            recorder.show(hearing)
        recorder.close()
    assert any("locked" in one for one in said)
    assert any("lost" in one for one in said)


def test_a_damaged_store_is_said_and_listening_goes_on(
    tmp_path: Path, bundle: Path, hearings: list[Hearing]
) -> None:
    path, said = tmp_path / "past", list[str]()
    path.mkdir()
    (path / "memory.sqlite").write_bytes(b"no database at all" * 100)
    recorder = recorder_of(path, bundle, said, Clock())
    for hearing in hearings:
        recorder.show(hearing)
    recorder.close()
    assert any("damaged" in one and "memory repair" in one for one in said)
    assert (path / "memory.sqlite").read_bytes() == b"no database at all" * 100


def test_a_full_disk_is_said_and_rows_wait_for_room(
    tmp_path: Path, bundle: Path, hearings: list[Hearing], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, said = tmp_path / "past", list[str]()
    opened = Store.open
    limit = [40]

    def small(*args: Any, **settings: Any) -> Store:
        store = opened(*args, **settings)
        store.query(f"PRAGMA max_page_count = {limit[0]}")  # as if the disk had no more
        return store

    monkeypatch.setattr(Store, "open", small)
    recorder = recorder_of(path, bundle, said, Clock())
    for number in range(200):
        for hearing in hearings:
            recorder.show(later(hearing, number))
        if any("disk is full" in one for one in said):
            break
    wait_for(lambda: any("disk is full" in one for one in said))
    assert any("make room" in one for one in said)
    limit[0] = 1_000_000
    recorder._worker.retry_now()
    recorder.close()
    rows = [e for e in events_of(path) if e.kind == "sound"]
    assert len(rows) >= 2 * number


def later(hearing: Hearing, number: int) -> Hearing:
    """``hearing`` in the repetition ``number`` of the scene."""
    by_s = 10.0 * number
    tracks = tuple(
        replace(
            track,
            id=f"{track.id}-{number}",
            time_s=track.time_s + by_s,
            first_s=track.first_s + by_s,
            last_s=track.last_s + by_s,
        )
        for track in hearing.tracks
    )
    return replace(hearing, time_s=hearing.time_s + by_s, tracks=tracks, alerts=())


def wait_for(condition: Any, limit_s: float = 10.0) -> None:
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.01)


def test_two_sounds_at_once_leave_a_row_each(tmp_path: Path, bundle: Path) -> None:
    """A hum on the left and a hiss on the right, from 2 to 6 s."""
    samples = np.random.default_rng(0).normal(0, 1e-4, (4, 8 * RATE)).astype(np.float32)
    samples[:, 2 * RATE : 6 * RATE] += sound("hum", 4, 90, 0) + sound("hiss", 4, -90, 0)
    recording = tmp_path / "both.wav"
    soundfile.write(recording, samples.T, RATE, subtype="FLOAT")
    config = Config(bundle=str(bundle), sounds=2)
    encoder = AudioEncoder(ModelBundle.load(bundle), config)
    piece = Piece(read_header(recording), 0)
    (heard,) = rows_of_pieces(encoder, config, namer_of(encoder.bundle), [piece])
    rows = {row.labels[0].name: row for row in heard.events if row.kind == "sound"}
    assert rows["hum"].azimuth_deg == pytest.approx(90, abs=15)
    assert rows["hiss"].azimuth_deg == pytest.approx(-90, abs=15)
