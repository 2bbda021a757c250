"""ROS 2 messages made of hearings, without ROS: types, CDR and type hashes come from rosbags.

Axes are those of REP-103 (x forward, y left, z up), angles radians, stamps the time of the day.
Only the interfaces that are needed are registered: rosbags' stores of whole distributions
have no ``vision_msgs``.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from elsa_rt.hearing import Hearing, Track
from elsa_rt.outputs.base import need
from elsa_rt.outputs.foxglove import quaternion_towards

UNKNOWN_DISTANCE_M = 1.0
"""Where an object is put whose distance is not known: on the unit sphere."""

_DEFINITIONS = {
    "builtin_interfaces/msg/Time": "int32 sec\nuint32 nanosec\n",
    "std_msgs/msg/Header": "builtin_interfaces/Time stamp\nstring frame_id\n",
    "std_msgs/msg/String": "string data\n",
    "geometry_msgs/msg/Point": "float64 x\nfloat64 y\nfloat64 z\n",
    "geometry_msgs/msg/Vector3": "float64 x\nfloat64 y\nfloat64 z\n",
    "geometry_msgs/msg/Quaternion": "float64 x 0\nfloat64 y 0\nfloat64 z 0\nfloat64 w 1\n",
    "geometry_msgs/msg/Pose": (
        "geometry_msgs/Point position\ngeometry_msgs/Quaternion orientation\n"
    ),
    "geometry_msgs/msg/PoseWithCovariance": "geometry_msgs/Pose pose\nfloat64[36] covariance\n",
    "geometry_msgs/msg/PoseArray": "std_msgs/Header header\ngeometry_msgs/Pose[] poses\n",
    "diagnostic_msgs/msg/KeyValue": "string key\nstring value\n",
    "diagnostic_msgs/msg/DiagnosticStatus": (
        "byte OK=0\nbyte WARN=1\nbyte ERROR=2\nbyte STALE=3\nbyte level\nstring name\n"
        "string message\nstring hardware_id\ndiagnostic_msgs/KeyValue[] values\n"
    ),
    "diagnostic_msgs/msg/DiagnosticArray": (
        "std_msgs/Header header\ndiagnostic_msgs/DiagnosticStatus[] status\n"
    ),
    "sensor_msgs/msg/Imu": (
        "std_msgs/Header header\n"
        "geometry_msgs/Quaternion orientation\nfloat64[9] orientation_covariance\n"
        "geometry_msgs/Vector3 angular_velocity\nfloat64[9] angular_velocity_covariance\n"
        "geometry_msgs/Vector3 linear_acceleration\nfloat64[9] linear_acceleration_covariance\n"
    ),
    "vision_msgs/msg/ObjectHypothesis": "string class_id\nfloat64 score\n",
    "vision_msgs/msg/ObjectHypothesisWithPose": (
        "vision_msgs/ObjectHypothesis hypothesis\ngeometry_msgs/PoseWithCovariance pose\n"
    ),
    "vision_msgs/msg/BoundingBox3D": "geometry_msgs/Pose center\ngeometry_msgs/Vector3 size\n",
    "vision_msgs/msg/Detection3D": (
        "std_msgs/Header header\nvision_msgs/ObjectHypothesisWithPose[] results\n"
        "vision_msgs/BoundingBox3D bbox\nstring id\n"
    ),
    "vision_msgs/msg/Detection3DArray": (
        "std_msgs/Header header\nvision_msgs/Detection3D[] detections\n"
    ),
}
"""The interfaces as ROS 2 defines them, the same from Humble to Lyrical: their hashes tell."""

OK, WARN, ERROR, STALE = 0, 1, 2, 3
"""Levels of diagnostic_msgs/DiagnosticStatus."""


class Messages:
    """Makes and reads messages.

    Parameters
    ----------
    frame
        ``frame_id`` of the microphone.
    """

    def __init__(self, frame: str = "microphone") -> None:
        typesys: Any = need("rosbags.typesys", "ros2")
        self.store: Any = typesys.get_typestore(typesys.Stores.EMPTY)
        found: dict[str, Any] = {}
        for name, text in _DEFINITIONS.items():
            found.update(typesys.get_types_from_msg(text, name))
        self.store.register(found)
        self._frame = frame

    def hash(self, name: str) -> str:
        """The type hash (REP-2016) of the message type ``name``: RIHS01_..."""
        return str(self.store.hash_rihs01(name))

    def encode(self, message: Any) -> bytes:
        """``message`` as CDR with its encapsulation."""
        return bytes(self.store.serialize_cdr(message, message.__msgtype__))

    def decode(self, data: bytes, name: str) -> Any:
        """The message of type ``name`` in CDR ``data``."""
        return self.store.deserialize_cdr(data, name)

    def make(self, name: str, /, **fields: Any) -> Any:
        """A message of type ``name``, e.g. "std_msgs/msg/String"."""
        return self.store.types[name](**fields)

    def poses(self, hearing: Hearing, now: int) -> Any:
        """geometry_msgs/PoseArray: a pose at the origin for each track, x along its direction."""
        return self.make(
            "geometry_msgs/msg/PoseArray",
            header=self._header(now),
            poses=[self._pose(track, at_origin=True) for track in _alive(hearing)],
        )

    def detections(self, hearing: Hearing, now: int) -> Any:
        """vision_msgs/Detection3DArray: one object for each open alert, its rule as class."""
        size = self.make("geometry_msgs/msg/Vector3", x=0.0, y=0.0, z=0.0)
        tracks = {track.id: track for track in hearing.tracks}
        found = []
        for alert in hearing.alerts:
            if alert.state == "end":
                continue
            pose = self._pose(tracks.get(alert.track or "", alert), at_origin=False)
            variance = math.radians(alert.uncertainty_deg) ** 2
            covariance = np.zeros(36)
            if math.isfinite(variance):
                covariance[[28, 35]] = variance  # about y and z: elevation and azimuth
            hypothesis = self.make(
                "vision_msgs/msg/ObjectHypothesisWithPose",
                hypothesis=self.make(
                    "vision_msgs/msg/ObjectHypothesis",
                    class_id=alert.rule,
                    score=float(alert.score),
                ),
                pose=self.make(
                    "geometry_msgs/msg/PoseWithCovariance", pose=pose, covariance=covariance
                ),
            )
            box = self.make("vision_msgs/msg/BoundingBox3D", center=pose, size=size)
            found.append(
                self.make(
                    "vision_msgs/msg/Detection3D",
                    header=self._header(now),
                    results=[hypothesis],
                    bbox=box,
                    id=alert.id,
                )
            )
        return self.make(
            "vision_msgs/msg/Detection3DArray", header=self._header(now), detections=found
        )

    def diagnostics(self, hearing: Hearing, hardware: str, now: int) -> Any:
        """diagnostic_msgs/DiagnosticArray with one status: hearing or not, and figures."""
        level = {"HEALTHY": OK, "DEGRADED": WARN, "RECOVERING": ERROR, "FAILED": ERROR}
        values = {
            "lost_samples": f"{hearing.dropped}",
            "level_dbfs": f"{hearing.level_dbfs:.1f}",
            "stream_time_s": f"{hearing.time_s:.2f}",
        }
        pairs = [
            self.make("diagnostic_msgs/msg/KeyValue", key=key, value=value)
            for key, value in values.items()
        ]
        status = self.make(
            "diagnostic_msgs/msg/DiagnosticStatus",
            level=level[hearing.state],
            name="elsa-rt: hearing",
            message=hearing.state.lower(),
            hardware_id=hardware,
            values=pairs,
        )
        return self.make(
            "diagnostic_msgs/msg/DiagnosticArray", header=self._header(now), status=[status]
        )

    def text(self, text: str) -> Any:
        """std_msgs/String."""
        return self.make("std_msgs/msg/String", data=text)

    def _header(self, now: int) -> Any:
        stamp = self.make("builtin_interfaces/msg/Time", sec=now // 10**9, nanosec=now % 10**9)
        return self.make("std_msgs/msg/Header", stamp=stamp, frame_id=self._frame)

    def _pose(self, heard: Any, *, at_origin: bool) -> Any:
        azimuth, elevation = math.radians(heard.azimuth_deg), math.radians(heard.elevation_deg)
        far = heard.distance_m if math.isfinite(heard.distance_m) else UNKNOWN_DISTANCE_M
        far = 0.0 if at_origin else far
        x, y, z, w = quaternion_towards(heard.azimuth_deg, heard.elevation_deg)
        return self.make(
            "geometry_msgs/msg/Pose",
            position=self.make(
                "geometry_msgs/msg/Point",
                x=far * math.cos(azimuth) * math.cos(elevation),
                y=far * math.sin(azimuth) * math.cos(elevation),
                z=far * math.sin(elevation),
            ),
            orientation=self.make("geometry_msgs/msg/Quaternion", x=x, y=y, z=z, w=w),
        )


def _alive(hearing: Hearing) -> Sequence[Track]:
    return [track for track in hearing.tracks if track.state != "end"]


def now_ns() -> int:
    """The time of the day in nanoseconds of Unix time."""
    return time.time_ns()
