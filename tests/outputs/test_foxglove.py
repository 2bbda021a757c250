"""MCAP files, read back with the reader of the format's own project, and the live server."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mcap.reader import make_reader
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from elsa_rt.errors import UsageError
from elsa_rt.outputs.base import Surroundings
from elsa_rt.outputs.foxglove import FoxgloveSettings, McapSettings, quaternion_towards
from tests.support.broker import free_port
from tests.support.hearings import alert, hearing, track, until


def messages(path: Path) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = defaultdict(list)
    with path.open("rb") as file:
        for schema, channel, message in make_reader(file).iter_messages():
            found[channel.topic].append(message.data)
            if schema is not None:
                found["schema " + channel.topic] = [schema.name.encode()]
    return found


def test_a_file_has_all_that_was_heard(tmp_path: Path) -> None:
    path = tmp_path / "night.mcap"
    output = McapSettings(str(path), audio=True).open(Surroundings(pytest.fail, rate=16_000))
    for number in range(5):
        output.hear(np.full((4, 160), 0.5, np.float32))
        output.show(hearing(number / 10, tracks=(track("t1"),)))
    output.show(hearing(1.0, alert("a1"), tracks=(track("t1", state="end"),)))
    output.notice("the microphone is quiet")
    output.close()
    found = messages(path)
    assert found["schema /elsa/directions"] == [b"foxglove.SceneUpdate"]
    assert found["schema /elsa/pose"] == [b"foxglove.PosesInFrame"]
    assert [len(found[f"/elsa/{name}"]) for name in ("directions", "pose", "levels")] == [6, 6, 6]
    assert json.loads(found["/elsa/scores"][0]) == {"glass-behind": 0.7}
    assert json.loads(found["/elsa/alerts"][0])["id"] == "a1"
    assert json.loads(found["/elsa/levels"][0])["level_dbfs"] == -30.0
    assert b"the microphone is quiet" in found["/elsa/log"][0]
    assert b"pcm-s16" in found["/elsa/audio"][0]
    assert np.int16(2**14).tobytes() * 640 in found["/elsa/audio"][0]


def test_no_audio_unless_it_is_asked_for(tmp_path: Path) -> None:
    output = McapSettings(str(tmp_path / "x.mcap")).open(Surroundings(pytest.fail))
    output.hear(np.zeros((4, 160), np.float32))
    output.show(hearing())
    output.close()
    assert "/elsa/audio" not in messages(tmp_path / "x.mcap")


def test_files_are_rotated_and_older_runs_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "x.mcap"
    for run in range(4):
        output = McapSettings(str(path), keep=3).open(Surroundings(pytest.fail))
        output.show(hearing(1.0, alert(f"run {run}")))
        output.close()
    names = sorted(file.name for file in tmp_path.iterdir())
    assert names == ["x.1.mcap", "x.2.mcap", "x.mcap"]
    ids = [json.loads(messages(tmp_path / name)["/elsa/alerts"][0])["id"] for name in names]
    assert ids == ["run 2", "run 1", "run 3"]


def test_a_full_file_is_followed_by_the_next(tmp_path: Path) -> None:
    settings = McapSettings(str(tmp_path / "x.mcap"), max_mb=1, keep=2, audio=True)
    output = settings.open(Surroundings(pytest.fail))
    rng = np.random.default_rng(1)
    for number in range(30):
        output.hear(rng.uniform(-1, 1, (4, 20_000)).astype(np.float32))
        output.show(hearing(number))
        until(lambda: output.worker.waiting < 10)
    output.close()
    sizes = [path.stat().st_size for path in tmp_path.iterdir()]
    assert len(sizes) == 2
    assert max(sizes) < 3e6


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="mkdir"):
        McapSettings(str(tmp_path / "no" / "x.mcap")).open(Surroundings(pytest.fail))
    with pytest.raises(UsageError, match="is a directory: name a file in it"):
        McapSettings(str(tmp_path)).open(Surroundings(pytest.fail))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_told_and_listening_goes_on(tmp_path: Path) -> None:
    notices: list[str] = []
    (tmp_path / "x.mcap").symlink_to("/dev/full")
    settings = McapSettings(str(tmp_path / "x.mcap"), keep=1)
    output = settings.open(Surroundings(notices.append))
    output._rotate = lambda: None  # type: ignore[method-assign]  # it would replace the link
    output.show(hearing(1.0, alert("a1")))
    output.close()
    assert notices


@pytest.fixture
def live() -> Iterator[tuple[Any, int]]:
    port = free_port()
    output = FoxgloveSettings(port=port).open(Surroundings(pytest.fail))
    until(lambda: output.worker.waiting == 0)
    yield output, port
    output.close()


def test_the_live_server_announces_its_topics(live: tuple[Any, int]) -> None:
    output, port = live
    output.show(hearing(1.0, tracks=(track("t1"),)))
    until(lambda: output.worker.waiting == 0)
    protocols = [Subprotocol("foxglove.sdk.v1"), Subprotocol("foxglove.websocket.v1")]
    with connect(f"ws://127.0.0.1:{port}", subprotocols=protocols) as client:
        topics: set[str] = set()
        while "/elsa/directions" not in topics:
            text = client.recv(timeout=5)
            told = json.loads(text)
            if told["op"] == "advertise":
                topics |= {channel["topic"] for channel in told["channels"]}
    assert topics >= {"/elsa/directions", "/elsa/levels", "/elsa/scores"}


def test_a_port_in_use_is_told(live: tuple[Any, int]) -> None:
    notices: list[str] = []
    output = FoxgloveSettings(port=live[1]).open(Surroundings(notices.append))
    until(lambda: notices)
    assert "choose another port" in notices[0]
    output.worker.close(0)


@pytest.mark.parametrize(
    ("azimuth_deg", "elevation_deg", "towards"),
    [(0, 0, (1, 0, 0)), (90, 0, (0, 1, 0)), (180, 0, (-1, 0, 0)), (0, 90, (0, 0, 1)),
     (-90, 0, (0, -1, 0)), (45, 30, (0.6124, 0.6124, 0.5))],
)  # fmt: skip
def test_the_x_axis_is_turned_towards_the_sound(
    azimuth_deg: float, elevation_deg: float, towards: tuple[float, float, float]
) -> None:
    x, y, z, w = quaternion_towards(azimuth_deg, elevation_deg)
    turned = (1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y))
    assert turned == pytest.approx(towards, abs=1e-4)
