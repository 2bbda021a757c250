"""The node with rclpy: what it publishes fits the real definitions, in the axes of REP-103.

rclpy is in no registry: a stand-in with real message definitions takes its place, see
`tests.support.rclpy_stand_in`. No real ROS was met.
"""

from __future__ import annotations

import math
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import elsa_rt
from tests.support.hearings import alert, hearing, track
from tests.support.rclpy_stand_in import STORE, Node, modules

PROGRAM = Path(__file__).parents[1] / "examples" / "ros2" / "elsa_rt_node.py"


@pytest.fixture
def node(bundle: Path, scene: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, module in modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr("elsa_rt.encoder.bundle.DEFAULT", bundle)
    source = elsa_rt.ArraySource(scene, 16_000)
    monkeypatch.setattr(Node, "parameters", {"prompts": ["a hum", "a hiss"], "source": source})
    found = runpy.run_path(str(PROGRAM))["ElsaNode"]()
    found.handle.join()
    return found


def test_it_publishes_what_the_listener_hears(node: Any) -> None:
    poses, alerts = node.published["~/directions"], node.published["~/alerts"]
    assert len(poses) == len(alerts) > 50
    told = {found.results[0].hypothesis.class_id for one in alerts for found in one.detections}
    assert told == {"a-hum", "a-hiss"}
    assert node.published["~/prompts"][0].data == "a hum\na hiss"
    for message in (poses[0], alerts[-1], *alerts[25:30]):
        STORE.serialize_cdr(message, message.__msgtype__)


def test_axes_and_diagnostics(node: Any) -> None:
    node._heard(hearing(1.0, alert("a1", distance_m=2.0), tracks=(track("t1", 90.0),)))
    (pose,) = node.published["~/directions"][-1].poses
    assert (pose.orientation.z, pose.orientation.w) == pytest.approx((math.sqrt(0.5),) * 2)
    (found,) = node.published["~/alerts"][-1].detections
    at = found.bbox.center.position
    assert math.degrees(math.atan2(at.y, at.x)) == pytest.approx(150)
    node.timers[0]()
    (status,) = node.published["/diagnostics"][-1].status
    assert (status.level, status.message) == (0, "healthy")
    STORE.serialize_cdr(node.published["/diagnostics"][-1], "diagnostic_msgs/msg/DiagnosticArray")


def test_prompts_and_orientation_are_taken(node: Any) -> None:
    node.taken["~/set_prompts"](SimpleNamespace(data="a hiss\n\n"))
    assert node.published["~/prompts"][-1].data == "a hiss"
    turned = SimpleNamespace(x=0.0, y=0.0, z=math.sqrt(0.5), w=math.sqrt(0.5))
    node.taken["imu"](SimpleNamespace(orientation=turned))
    node.taken["imu"](SimpleNamespace(orientation=SimpleNamespace(x=9.0, y=0, z=0, w=0)))
