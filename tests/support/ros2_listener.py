"""A ROS 2 subscriber in a process of its own, that shares no code with the publisher.

    python tests/support/ros2_listener.py PORT SECONDS

It opens a zenoh router on PORT, takes all samples below domain 0, and decodes them with
mcap-ros2-support, whose CDR reader and message definitions are its own. It prints a JSON line for
each: key, fields, and the attachment as rmw_zenoh reads it.
"""

from __future__ import annotations

import json
import struct
import sys
import time
from typing import Any

import zenoh
from mcap_ros2._dynamic import generate_dynamic

HEADER = """================================================================================
MSG: std_msgs/Header
builtin_interfaces/Time stamp
string frame_id
================================================================================
MSG: builtin_interfaces/Time
int32 sec
uint32 nanosec
"""
POSE = """================================================================================
MSG: geometry_msgs/Pose
geometry_msgs/Point position
geometry_msgs/Quaternion orientation
================================================================================
MSG: geometry_msgs/Point
float64 x
float64 y
float64 z
================================================================================
MSG: geometry_msgs/Quaternion
float64 x
float64 y
float64 z
float64 w
"""
DEFINITIONS = {
    "std_msgs/String": "string data\n",
    "geometry_msgs/PoseArray": f"""std_msgs/Header header
geometry_msgs/Pose[] poses
{HEADER}{POSE}""",
    "diagnostic_msgs/DiagnosticArray": f"""std_msgs/Header header
diagnostic_msgs/DiagnosticStatus[] status
{HEADER}================================================================================
MSG: diagnostic_msgs/DiagnosticStatus
byte level
string name
string message
string hardware_id
diagnostic_msgs/KeyValue[] values
================================================================================
MSG: diagnostic_msgs/KeyValue
string key
string value
""",
    "vision_msgs/Detection3DArray": f"""std_msgs/Header header
vision_msgs/Detection3D[] detections
{HEADER}{POSE}================================================================================
MSG: vision_msgs/Detection3D
std_msgs/Header header
vision_msgs/ObjectHypothesisWithPose[] results
vision_msgs/BoundingBox3D bbox
string id
================================================================================
MSG: vision_msgs/ObjectHypothesisWithPose
vision_msgs/ObjectHypothesis hypothesis
geometry_msgs/PoseWithCovariance pose
================================================================================
MSG: vision_msgs/ObjectHypothesis
string class_id
float64 score
================================================================================
MSG: geometry_msgs/PoseWithCovariance
geometry_msgs/Pose pose
float64[36] covariance
================================================================================
MSG: vision_msgs/BoundingBox3D
geometry_msgs/Pose center
geometry_msgs/Vector3 size
================================================================================
MSG: geometry_msgs/Vector3
float64 x
float64 y
float64 z
""",
}


def plain(found: Any) -> Any:
    """A decoded message as dicts, lists and numbers."""
    if hasattr(found, "__slots__"):
        return {name.lstrip("_"): plain(getattr(found, name)) for name in found.__slots__}
    if isinstance(found, bytes):
        return list(found)
    if isinstance(found, (list, tuple)):
        return [plain(one) for one in found]
    return found


def main(port: int, seconds: float) -> None:
    config = zenoh.Config()
    for key, value in (
        ("mode", "router"),
        ("listen/endpoints", [f"tcp/127.0.0.1:{port}"]),
        ("scouting/multicast/enabled", False),
    ):
        config.insert_json5(key, json.dumps(value))
    decoders = {name: generate_dynamic(name, text)[name] for name, text in DEFINITIONS.items()}

    def received(sample: Any) -> None:
        key = str(sample.key_expr)
        name = key.split("/")[-2].replace("::msg::dds_::", "/").removesuffix("_")
        sequence, stamp, size = struct.unpack_from("<qqB", bytes(sample.attachment))
        fields = plain(decoders[name](bytes(sample.payload)))
        told = {"key": key, "fields": fields, "attachment": [sequence, stamp, size],
                "rest": len(bytes(sample.attachment)) - 17}  # fmt: skip
        print(json.dumps(told), flush=True)

    with zenoh.open(config) as session:
        subscriber = session.declare_subscriber("0/**", received)
        print(json.dumps({"key": "ready"}), flush=True)
        time.sleep(seconds)
        tokens = [str(reply.ok.key_expr) for reply in session.liveliness().get("@ros2_lv/**")]
        print(json.dumps({"key": "tokens", "fields": tokens}), flush=True)
        subscriber.undeclare()


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
