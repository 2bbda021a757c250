"""A ROS 2 node with rclpy: what is heard as topics, a robot's orientation and prompts as input.

For a workspace that has ROS and elsa-rt in one Python. Without ROS, or on another middleware than
the robot's, `type: ros2` in the rules file speaks to nodes of rmw_zenoh from pip packages alone.

    source /opt/ros/jazzy/setup.bash
    python examples/ros2/elsa_rt_node.py --ros-args -p prompts:="['someone calling']"

Publishes  ~/directions  geometry_msgs/PoseArray        each step, x along the direction
           ~/alerts      vision_msgs/Detection3DArray   each step, the open alerts
           /diagnostics  diagnostic_msgs/DiagnosticArray at 1 Hz
           ~/prompts     std_msgs/String                latched
Takes      ~/set_prompts std_msgs/String                one prompt a line
           imu           sensor_msgs/Imu                orientation of the microphone
"""

from __future__ import annotations

import math
import threading
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import Pose, PoseArray
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy, qos_profile_sensor_data
from sensor_msgs.msg import Imu
from std_msgs.msg import String
from vision_msgs.msg import Detection3D, Detection3DArray, ObjectHypothesisWithPose

import elsa_rt

LATCHED = QoSProfile(
    depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)


class ElsaNode(Node):
    """Publishes each hearing; the listener runs on a thread of its own."""

    def __init__(self) -> None:
        super().__init__("elsa_rt")
        self.declare_parameter("prompts", ["someone calling"])
        self.declare_parameter("source", "")
        self.declare_parameter("frame_id", "microphone")
        self._frame = self.get_parameter("frame_id").value
        prompts = self.get_parameter("prompts").value
        source = self.get_parameter("source").value or None
        self._directions = self.create_publisher(PoseArray, "~/directions", 10)
        self._alerts = self.create_publisher(Detection3DArray, "~/alerts", 10)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._prompts = self.create_publisher(String, "~/prompts", LATCHED)
        self.create_subscription(String, "~/set_prompts", self._set_prompts, 10)
        self.create_subscription(Imu, "imu", self._turned, qos_profile_sensor_data)
        self.create_timer(1.0, self._diagnose)
        self._open: dict[str, elsa_rt.Alert] = {}
        self._latest: elsa_rt.Hearing | None = None
        self._lock = threading.Lock()
        self.listener = elsa_rt.Listener(prompts, source, on_notice=self.get_logger().warning)
        self._tell_prompts(prompts)
        self.handle = self.listener.start(on_hearing=self._heard, on_error=self._failed)

    def _heard(self, hearing: elsa_rt.Hearing) -> None:
        with self._lock:
            self._latest = hearing
        for alert in hearing.alerts:
            if alert.state == "end":
                self._open.pop(alert.id, None)
            else:
                self._open[alert.id] = alert
        poses = PoseArray()
        poses.header.stamp = self.get_clock().now().to_msg()
        poses.header.frame_id = self._frame
        poses.poses = [_pose(one, 0.0) for one in hearing.tracks if one.state != "end"]
        self._directions.publish(poses)
        found = Detection3DArray(header=poses.header)
        found.detections = [self._detection(alert, poses.header) for alert in self._open.values()]
        self._alerts.publish(found)

    def _detection(self, alert: elsa_rt.Alert, header: Any) -> Detection3D:
        distance_m = alert.distance_m if math.isfinite(alert.distance_m) else 1.0
        result = ObjectHypothesisWithPose()
        result.hypothesis.class_id, result.hypothesis.score = alert.rule, float(alert.score)
        result.pose.pose = _pose(alert, distance_m)
        detection = Detection3D(header=header, id=alert.id, results=[result])
        detection.bbox.center = result.pose.pose
        return detection

    def _diagnose(self) -> None:
        with self._lock:
            hearing = self._latest
        status = DiagnosticStatus(name="elsa-rt: hearing", hardware_id=self._frame)
        if hearing is None:
            status.level, status.message = DiagnosticStatus.STALE, "nothing was heard yet"
        else:
            healthy = hearing.state == "HEALTHY"
            status.level = DiagnosticStatus.OK if healthy else DiagnosticStatus.ERROR
            status.message = hearing.state.lower()
            status.values = [KeyValue(key="lost_samples", value=str(hearing.dropped))]
        message = DiagnosticArray(status=[status])
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)

    def _set_prompts(self, message: String) -> None:
        prompts = [line.strip() for line in message.data.splitlines() if line.strip()]
        try:
            self.listener.change_rules(prompts)
        except elsa_rt.ElsaError as error:
            self.get_logger().error(str(error))
        else:
            self._tell_prompts(prompts)

    def _tell_prompts(self, prompts: list[str]) -> None:
        self._prompts.publish(String(data="\n".join(prompts)))

    def _turned(self, message: Imu) -> None:
        turned = message.orientation
        try:
            self.listener.set_orientation((turned.x, turned.y, turned.z, turned.w))
        except elsa_rt.ElsaError as error:
            self.get_logger().warning(str(error), throttle_duration_sec=10.0)

    def _failed(self, error: Exception) -> None:
        self.get_logger().fatal(str(error))
        rclpy.try_shutdown()


def _pose(heard: elsa_rt.Alert | elsa_rt.Track, distance_m: float) -> Pose:
    """X along the direction, REP-103: azimuth counter-clockwise from x, elevation up."""
    azimuth, elevation = math.radians(heard.azimuth_deg), math.radians(heard.elevation_deg)
    pose = Pose()
    pose.position.x = distance_m * math.cos(azimuth) * math.cos(elevation)
    pose.position.y = distance_m * math.sin(azimuth) * math.cos(elevation)
    pose.position.z = distance_m * math.sin(elevation)
    cy, sy = math.cos(azimuth / 2), math.sin(azimuth / 2)
    cp, sp = math.cos(-elevation / 2), math.sin(-elevation / 2)
    pose.orientation.x, pose.orientation.y = -sy * sp, cy * sp
    pose.orientation.z, pose.orientation.w = sy * cp, cy * cp
    return pose


def main() -> None:
    rclpy.init()
    node = ElsaNode()
    try:
        rclpy.spin(node)
    except KeyboardInterrupt:
        pass
    finally:
        node.handle.stop()
        node.destroy_node()
        rclpy.try_shutdown()


if __name__ == "__main__":
    main()
