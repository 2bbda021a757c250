"""ROS 2 topics on zenoh, received by another process whose decoder is another project's.

No real ROS is met here: none installs from the registries that the tests use. What is held is what
rmw_zenoh's design document says of keys, tokens and attachments, and the CDR of each message.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rosbags.typesys import Stores, get_typestore

from elsa_rt.outputs.base import Surroundings
from elsa_rt.outputs.controls import Controls
from elsa_rt.outputs.ros2 import Ros2Output, Ros2Settings
from elsa_rt.outputs.ros2_messages import _DEFINITIONS, Messages
from elsa_rt.outputs.ros2_zenoh import Node, Qos
from tests.support.broker import free_port
from tests.support.hearings import GLASS, Rules, alert, hearing, track, until

PROGRAM = Path(__file__).parents[1] / "support" / "ros2_listener.py"

STRING_HASH = "RIHS01_df668c740482bbd48fb39d76a70dfd4bd59db1288021743503259e948f6b1a18"
"""Of std_msgs/msg/String, as rmw_zenoh's design document prints it."""


class Robot:
    """The process on the other side, with the router."""

    def __init__(self, seconds: float) -> None:
        self.port = free_port()
        command = [sys.executable, str(PROGRAM), str(self.port), str(seconds)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        assert json.loads(self.process.stdout.readline())["key"] == "ready"

    def told(self) -> list[dict[str, Any]]:
        """All that it has received, when it has ended."""
        out, _ = self.process.communicate(timeout=30)
        return [json.loads(line) for line in out.splitlines()]


@pytest.fixture
def robot() -> Iterator[Robot]:
    found = Robot(2.5)
    yield found
    found.process.kill()
    found.process.wait()
    if found.process.stdout is not None:
        found.process.stdout.close()


def opened(port: int, **settings: Any) -> tuple[Ros2Output, Rules, list[str]]:
    notices: list[str] = []
    rules = Rules(GLASS)
    around = Surroundings(notices.append, Controls(rules))
    output = Ros2Settings(endpoint=f"tcp/127.0.0.1:{port}", **settings).open(around)
    return output, rules, notices


def test_another_process_decodes_every_message(robot: Robot) -> None:
    output, _, notices = opened(robot.port)
    until(lambda: output._node is not None)
    tracks = (track("t1", 90.0), track("t2", -90.0, elevation_deg=30.0))
    output.show(hearing(1.0, alert("a1", distance_m=2.0, uncertainty_deg=6.0), tracks=tracks))
    until(lambda: output.worker.waiting == 0 and not output.worker._states)
    output.show(hearing(1.1, alert("a1", "end")))
    until(lambda: output.worker.waiting == 0 and not output.worker._states)
    told = robot.told()
    output.close()
    assert notices == []

    def fields(topic: str) -> list[dict[str, Any]]:
        return [one["fields"] for one in told if one["key"].startswith(f"0/{topic}/")]

    first, empty = fields("elsa/directions")
    assert (first["header"]["frame_id"], len(empty["poses"])) == ("microphone", 0)
    left, right = first["poses"]
    half = math.sqrt(0.5)
    assert left["orientation"] == pytest.approx({"x": 0, "y": 0, "z": half, "w": half})
    turned = right["orientation"]  # the x axis is turned towards the sound: REP-103
    x, y, z, w = (turned[name] for name in "xyzw")
    towards = (1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y))
    assert towards == pytest.approx((0, -math.cos(math.pi / 6), 0.5), abs=1e-9)

    detected, none = fields("elsa/detections")
    (detection,) = detected["detections"]
    assert none["detections"] == []
    assert detection["id"] == "a1"
    assert detection["results"][0]["hypothesis"] == {"class_id": "glass-behind", "score": 0.9}
    at = detection["bbox"]["center"]["position"]
    assert math.hypot(at["x"], at["y"], at["z"]) == pytest.approx(2.0)
    assert math.degrees(math.atan2(at["y"], at["x"])) == pytest.approx(150)
    assert detection["results"][0]["pose"]["covariance"][35] == pytest.approx(math.radians(6) ** 2)

    (status,) = fields("diagnostics")[0]["status"]
    assert (status["message"], status["level"]) in (("healthy", 0), ("healthy", [0]))
    assert {pair["key"]: pair["value"] for pair in status["values"]}["level_dbfs"] == "-30.0"
    assert [json.loads(one["data"])["state"] for one in fields("elsa/alerts")] == ["start", "end"]
    for one in told[:-1]:
        sequence, stamp, size = one["attachment"]
        assert (size, one["rest"]) == (16, 16)
        assert sequence >= 1
        assert abs(stamp / 1e9 - first["header"]["stamp"]["sec"]) < 30


def test_tokens_and_keys_are_those_of_rmw_zenoh(robot: Robot) -> None:
    output, _, _ = opened(robot.port)
    until(lambda: output._node is not None)
    tokens = robot.told()[-1]["fields"]
    output.close()
    assert output._node is not None
    own = f"@ros2_lv/0/{output._node._zid}/0"
    assert f"{own}/0/NN/%/%/elsa_rt" in tokens
    alerts = f"%elsa%alerts/std_msgs::msg::dds_::String_/{STRING_HASH}/::,10:,:,:,,"
    assert any(t.startswith(own) and t.endswith(f"/MP/%/%/elsa_rt/{alerts}") for t in tokens)
    latched = f"%elsa%prompts/std_msgs::msg::dds_::String_/{STRING_HASH}/:1:,1:,:,:,,"
    assert any(t.endswith(f"/MP/%/%/elsa_rt/{latched}") for t in tokens)
    taken = f"%elsa%set_prompts/std_msgs::msg::dds_::String_/{STRING_HASH}/::,10:,:,:,,"
    assert any(t.endswith(f"/MS/%/%/elsa_rt/{taken}") for t in tokens)


def test_prompts_are_latched_and_can_be_set_and_orientations_are_taken(robot: Robot) -> None:
    output, rules, notices = opened(robot.port, orientation="imu/data")
    until(lambda: output._node is not None)
    messages = Messages()
    node = Node("head", f"tcp/127.0.0.1:{robot.port}", messages)
    late: list[str] = []
    node.subscription(
        "elsa/prompts", "std_msgs/msg/String", lambda m: late.append(m.data), Qos(1, latched=True)
    )
    until(lambda: late)  # though it came after
    assert json.loads(late[0]) == [{"id": "glass-behind", "prompts": ["glass breaking"]}]
    prompts = node.publisher("elsa/set_prompts", "std_msgs/msg/String")
    imu = node.publisher("imu/data", "sensor_msgs/msg/Imu")

    def told() -> bool:
        prompts.publish(messages.text("a dog barking\n\n a cat \n"))
        return len(rules.config.rules) == 2

    until(told)
    assert [rule.prompts for rule in rules.config.rules] == [("a dog barking",), ("a cat",)]
    output.show(output._controls.filter(hearing()))
    until(lambda: late[1:] and json.loads(late[-1])[0]["id"] == "a-dog-barking")

    make = messages.make
    vector = make("geometry_msgs/msg/Vector3", x=0.0, y=0.0, z=0.0)
    turned = make("geometry_msgs/msg/Quaternion", x=0.0, y=0.0, z=math.sqrt(0.5), w=math.sqrt(0.5))
    none = np.zeros(9)
    message = make(
        "sensor_msgs/msg/Imu", header=messages._header(0), orientation=turned,
        orientation_covariance=none, angular_velocity=vector, angular_velocity_covariance=none,
        linear_acceleration=vector, linear_acceleration_covariance=none,
    )  # fmt: skip

    def turn() -> bool:
        imu.publish(message)
        return bool(rules.orientations)

    until(turn)
    assert rules.orientations[0] == pytest.approx((0, 0, math.sqrt(0.5), math.sqrt(0.5)))
    node.close()
    output.close()
    assert notices == []


def test_no_router_is_told_with_the_command_that_starts_one() -> None:
    output, _, notices = opened(free_port())
    output.show(hearing(1.0, alert("a1")))
    until(lambda: notices)
    assert "ros2 run rmw_zenoh_cpp rmw_zenohd" in notices[0]
    output.worker.close(0)
    assert output.worker.lost == 1


@pytest.mark.parametrize("distro", ["HUMBLE", "JAZZY", "KILTED", "LYRICAL"])
def test_interfaces_are_those_of_every_distribution(distro: str) -> None:
    own, theirs = Messages(), get_typestore(Stores[f"ROS2_{distro}"])
    names = [name for name in _DEFINITIONS if not name.startswith("vision_msgs")]
    assert len(names) == 13
    for name in names:
        assert own.hash(name) == theirs.hash_rihs01(name), name
