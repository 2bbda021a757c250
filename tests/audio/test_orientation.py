"""A listener that moves: the world stays where it is."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from elsa_rt import AudioEncoder, Block, Hearing, Listener, ModelBundle, PromptBank
from elsa_rt.audio.ambisonics import direction_from_angles, rotation
from elsa_rt.audio.direction_words import direction_words
from elsa_rt.audio.orientation import KEPT, Orientation, matrices, quaternion_from_angles
from elsa_rt.encoder.output import EncoderOutput
from elsa_rt.errors import UsageError
from elsa_rt.outputs.jsonl import JsonLines
from elsa_rt.reference_frame import ReferenceFrame
from elsa_rt.testing import sound
from tests.support.hearings import alert

RATE = 48_000
SENSOR_S = 0.01
SPIN_DEG_S = 180.0


@pytest.fixture(scope="module")
def encoder(bundle: Path) -> AudioEncoder:
    return AudioEncoder(ModelBundle.load(bundle))


def turned_away(degrees: float, wanted: float) -> float:
    return abs((degrees - wanted + 180) % 360 - 180)


def turning(samples: NDArray[np.float32], yaw_deg: NDArray[np.float64]) -> NDArray[np.float32]:
    """World AmbiX (4, n) as a microphone hears it that is turned left by ``yaw_deg`` (n,)."""
    cos, sin = np.cos(np.radians(yaw_deg)), np.sin(np.radians(yaw_deg))
    w, y, z, x = samples
    return np.stack([w, cos * y - sin * x, z, cos * x + sin * y]).astype(np.float32)


def robot(
    encoder: AudioEncoder, frame: Any, azimuth_deg: float, seconds: float = 3, **more: Any
) -> Iterator[Hearing]:
    """A robot that spins beside a humming source, with a sensor at 100 Hz."""
    bank = PromptBank.encode(encoder.bundle, ("a hum",))
    listener = Listener(bank, encoder=encoder, frame=frame, on_notice=lambda _: None, **more)
    count = int(seconds * RATE)
    times = np.arange(count) / RATE
    heard = turning(sound("hum", seconds, azimuth_deg, 0, RATE)[:, :count], SPIN_DEG_S * times)
    readings = iter(np.arange(0, seconds + 1, SENSOR_S))
    reading = next(readings)
    for start in range(0, count, 4_800):
        while reading <= (start + 4_800) / RATE + SENSOR_S:
            listener.set_orientation(yaw_deg=SPIN_DEG_S * reading, time_s=float(reading))
            reading = next(readings)
        yield from listener.push(Block(heard[:, start : start + 4_800], RATE, start))
    yield from listener.finish()


@pytest.mark.parametrize("frame", ["microphone", "world"])
def test_a_fixed_source_stays_where_it_is_while_the_robot_spins(
    encoder: AudioEncoder, frame: str
) -> None:
    hearings = list(robot(encoder, frame, 70.0))
    assert len(hearings) >= 30
    for hearing in hearings[2:29]:
        assert hearing.flow_world is not None
        assert turned_away(hearing.flow_world.azimuth_deg, 70.0) < 3
        yaw = SPIN_DEG_S * (hearing.time_s - 0.061)
        assert turned_away(hearing.flow_azimuth_deg, 70.0 - yaw) < 3
        assert hearing.world is not None
        assert turned_away(hearing.azimuth_deg, hearing.world.azimuth_deg - yaw) < 1


def test_in_the_frame_of_the_world_the_sound_does_not_smear(encoder: AudioEncoder) -> None:
    still, smeared = (
        [hearing.diffuseness for hearing in robot(encoder, frame, 70.0)][5:25]
        for frame in ("world", "microphone")
    )
    assert max(still) < 0.001
    assert min(smeared) > 0.003


def test_words_mean_the_frame(encoder: AudioEncoder) -> None:
    assert {hearing.words for hearing in list(robot(encoder, "world", 90.0))[5:25]} == {"left"}
    told = {hearing.words for hearing in list(robot(encoder, "microphone", 90.0))[5:25]}
    assert {"front", "behind", "left", "right"} <= told


@pytest.mark.parametrize("frame", ["microphone", "world"])
def test_an_alert_knows_both_bearings(encoder: AudioEncoder, frame: str) -> None:
    alerts = [a for hearing in robot(encoder, frame, -90.0, 4) for a in hearing.alerts]
    assert [alert.state for alert in alerts] == ["start", "end"]
    start = alerts[0]
    assert start.world is not None
    assert turned_away(start.world.azimuth_deg, -90) < 10
    yaw = SPIN_DEG_S * (start.time_s - 0.061)
    assert turned_away(start.azimuth_deg, start.world.azimuth_deg - yaw) < 1
    seen = start.world if frame == "world" else (start.azimuth_deg, start.elevation_deg)
    assert start.words == direction_words(*seen)


@pytest.mark.parametrize("frame", ["microphone", "world"])
def test_a_track_is_followed_in_the_world(encoder: AudioEncoder, frame: str) -> None:
    hearings = list(robot(encoder, frame, 70.0, 3))
    for hearing in hearings[8:29]:
        (track,) = hearing.tracks
        assert track.id == "track-000001"
        assert track.world is not None
        assert turned_away(track.world.azimuth_deg, 70.0) < 5
        yaw = SPIN_DEG_S * (hearing.time_s - 0.061)
        assert turned_away(track.azimuth_deg, track.world.azimuth_deg - yaw) < 1
        assert track.speed_deg_s < 20  # the robot spins by 180, not the sound
        seen = track.world if frame == "world" else (track.azimuth_deg, track.elevation_deg)
        assert track.words == direction_words(*seen)


def test_json_lines_carry_the_world_only_when_it_is_known(encoder: AudioEncoder) -> None:
    out = StringIO()
    lines = JsonLines(out)
    for hearing in robot(encoder, "world", 90.0, 1):
        lines.show(hearing)
    first = json.loads(out.getvalue().splitlines()[0])
    assert {"world_azimuth_deg", "flow_world_elevation_deg"} <= first.keys()
    plain = Listener(
        PromptBank.encode(encoder.bundle, ("a hum",)), encoder=encoder, on_notice=lambda _: None
    )
    (hearing,) = plain.push(Block(np.zeros((4, 1_600), np.float32), 16_000))
    assert hearing.world is None
    out = StringIO()
    JsonLines(out).show(hearing)
    assert "world_azimuth_deg" not in json.loads(out.getvalue())


def listen(encoder: AudioEncoder, **more: Any) -> Listener:
    bank = PromptBank.encode(encoder.bundle, ("a hum",))
    return Listener(bank, encoder=encoder, on_notice=lambda _: None, **more)


def flow_world(hearings: list[Hearing]) -> float:
    (hearing,) = hearings
    assert hearing.flow_world is not None
    return hearing.flow_world.azimuth_deg


def test_times_of_the_capture_clock_and_now(encoder: AudioEncoder) -> None:
    listener = listen(encoder)
    listener.set_orientation(yaw_deg=10)  # before the first block: from the beginning
    hum = sound("hum", 1, 0, 0, 16_000)
    now = time.monotonic()
    block = Block(hum[:, :1_600], 16_000, 0, captured_s=now - 5)
    assert flow_world(listener.push(block)) == pytest.approx(10, abs=1)
    listener.set_orientation(yaw_deg=10, captured_s=now - 4.91)
    listener.set_orientation(yaw_deg=50, captured_s=now - 4.90)
    block = Block(hum[:, 1_600:3_200], 16_000, 1_600, captured_s=now - 4.9)
    assert flow_world(listener.push(block)) == pytest.approx(50, abs=1)
    listener.set_orientation(yaw_deg=90)  # now, five seconds on
    block = Block(hum[:, 3_200:4_800], 16_000, 3_200, captured_s=now - 4.8)
    assert flow_world(listener.push(block)) < 52


def test_a_stream_without_a_clock_has_no_capture_times(encoder: AudioEncoder) -> None:
    listener = listen(encoder)
    listener.push(Block(np.zeros((4, 100), np.float32), 16_000))
    with pytest.raises(UsageError, match="give time_s"):
        listener.set_orientation(captured_s=1.0)
    with pytest.raises(UsageError, match="not both"):
        listener.set_orientation(captured_s=1.0, time_s=1.0)


def test_lost_sound_does_not_shift_the_orientation(encoder: AudioEncoder) -> None:
    listener = listen(encoder, frame="world")
    listener.set_orientation(yaw_deg=0, time_s=0)
    listener.set_orientation(yaw_deg=0, time_s=1)
    listener.set_orientation(yaw_deg=90, time_s=1.001)
    hum = sound("hum", 1, 0, 0, 16_000)
    assert flow_world(listener.push(Block(hum[:, :1_600], 16_000))) == pytest.approx(0, abs=1)
    block = Block(hum[:, 1_600:4_800], 16_000, 33_600, dropped=32_000)
    *_, last = listener.push(block)
    assert flow_world([last]) == pytest.approx(90, abs=1)


@pytest.mark.parametrize("angles", [(0, 0, 0), (30, 0, 0), (0, 40, 0), (0, 0, 50), (170, -60, 110)])
def test_quaternions_are_the_rotations_of_the_project(angles: tuple[float, float, float]) -> None:
    np.testing.assert_allclose(
        matrices(quaternion_from_angles(*angles)), rotation(*angles), atol=1e-12
    )


def test_between_readings_it_turns_evenly_and_the_short_way() -> None:
    orientation = Orientation()
    orientation.add(quaternion_from_angles(170, 0, 0), 1.0)
    orientation.add(-quaternion_from_angles(-150, 0, 0), 2.0)
    front = direction_from_angles(0, 0)
    for at, yaw in ((0.0, 170), (1.0, 170), (1.25, 180), (1.5, -170), (2.0, -150), (9.0, -150)):
        np.testing.assert_allclose(
            orientation.at(at) @ front, direction_from_angles(yaw, 0), atol=1e-9
        )


def test_months_of_readings_do_not_pile_up() -> None:
    orientation = Orientation()
    for number in range(3 * KEPT):
        orientation.add(quaternion_from_angles(number % 360, 0, 0), number * 0.01)
    front = orientation.at((3 * KEPT - 100) * 0.01) @ direction_from_angles(0, 0)
    np.testing.assert_allclose(front, direction_from_angles((3 * KEPT - 100) % 360, 0), atol=1e-6)


def test_readings_that_cannot_be() -> None:
    orientation = Orientation()
    for bad in ((0, 0, 0, 0), (0, 0, 1), (np.nan, 0, 0, 1), (1, 1, 1, 1)):
        with pytest.raises(UsageError, match="a unit quaternion"):
            orientation.add(bad, 0.0)
    orientation.add((0, 0, 0, 1), 5.0)
    orientation.add((0, 0, 1, 0), 5.0)  # the newer reading of one time counts
    np.testing.assert_allclose(orientation.at(5.0)[0], [-1, 0, 0], atol=1e-12)
    assert not orientation.add((0, 0, 0, 1), 4.0)  # it came too late, and changes nothing
    np.testing.assert_allclose(orientation.at(5.0)[0], [-1, 0, 0], atol=1e-12)


def turned(frame: ReferenceFrame, at_s: float) -> float:
    """Yaw in degrees at ``at_s`` of the stream."""
    x = frame._orientation.at(at_s)[:, 0]
    return float(np.degrees(np.arctan2(x[1], x[0])))


def frame_at(encoder: AudioEncoder, seconds: float, said: list[str]) -> ReferenceFrame:
    frame = ReferenceFrame(encoder.bundle, "microphone", said.append)
    samples = np.zeros((4, round(16_000 * seconds)), np.float32)
    frame.add(Block(samples, 16_000, captured_s=1_000.0))
    return frame


def yaw(degrees: float) -> tuple[float, float, float, float]:
    half = np.radians(degrees) / 2
    return 0.0, 0.0, float(np.sin(half)), float(np.cos(half))


def test_a_stamp_of_another_clock_is_said_once_and_never_blocks_the_next(
    encoder: AudioEncoder,
) -> None:
    said: list[str] = []
    frame = frame_at(encoder, 10.0, said)
    frame.set(yaw(10), captured_s=1_001.0)
    frame.set(yaw(170), captured_s=1.8e9)  # a header stamp: Unix time
    frame.set(yaw(170), captured_s=1.8e9)
    frame.set(yaw(20), captured_s=1_002.0)
    frame.set(yaw(99), captured_s=1_001.5)  # late
    frame.set(yaw(30), captured_s=1_003.0)
    assert turned(frame, 3.0) == pytest.approx(30)
    assert turned(frame, 1.5) == pytest.approx(15)
    assert len(said) == 2
    assert "ahead of the sound" in said[0]
    assert "older" in said[1]


def test_a_clock_that_was_set_back_is_followed(encoder: AudioEncoder) -> None:
    frame = frame_at(encoder, 10.0, [])
    frame.set(yaw(0), captured_s=1_009.0)
    for number in range(10):
        frame.set(yaw(10 * number), captured_s=1_002.0 + number / 10)
    assert turned(frame, 2.9) == pytest.approx(90)


def test_a_new_stream_keeps_the_last_orientation(encoder: AudioEncoder) -> None:
    listener = listen(encoder)
    listener.set_orientation((0, 0, 1, 0), time_s=7.0)
    listener.reset()
    hearings = listener.push(Block(sound("hum", 0.1, 0, 0, 16_000), 16_000))
    assert abs(flow_world(hearings)) == pytest.approx(180, abs=1)


def test_an_orientation_that_is_first_known_later(encoder: AudioEncoder) -> None:
    listener = listen(encoder, frame="world")
    hum = sound("hum", 1, 0, 0, 16_000)
    (before,) = listener.push(Block(hum[:, :1_600], 16_000))
    assert before.world is None
    for time_s, yaw in ((0.1, 0.0), (0.8, 0.0), (0.801, 90.0)):
        listener.set_orientation(yaw_deg=yaw, time_s=time_s)
    hearings = listener.push(Block(hum[:, 1_600:], 16_000, 1_600))
    assert flow_world([hearings[5]]) == pytest.approx(0, abs=1)
    assert flow_world([hearings[8]]) == pytest.approx(90, abs=1)


def test_what_joined_an_alert_has_both_bearings(encoder: AudioEncoder) -> None:
    frame = frame_at(encoder, 1.0, [])
    frame.set(yaw(90))
    x = np.array([[1, 0, 0]], np.float32)
    frame.in_world(1.0, EncoderOutput(np.ones((1, 4), np.float32), x, x[0, :1], x[0, :1]))
    told = alert("a1", azimuth_deg=150.0, joined=(alert("b1", azimuth_deg=150.0),))
    (placed,) = frame.place_alerts((told,))
    (joined,) = placed.joined
    assert (joined.azimuth_deg, joined.words, joined.world) == (
        placed.azimuth_deg, placed.words, placed.world,
    )  # fmt: skip
    assert joined.azimuth_deg == pytest.approx(60.0)
