"""ROS 2 messages made of hearings, without ROS: types, CDR and type hashes come from rosbags.

Axes are those of REP-103 (x forward, y left, z up), angles radians, stamps the time of the day.
``vision_msgs`` is in none of rosbags' stores; its definitions are registered here.
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

DISTROS = ("humble", "jazzy", "kilted", "lyrical")

UNKNOWN_DISTANCE_M = 1.0
"""Where an object is put whose distance is not known: on the unit sphere."""

_VISION_MSGS = {
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

OK, WARN, ERROR, STALE = 0, 1, 2, 3
"""Levels of diagnostic_msgs/DiagnosticStatus."""


class Messages:
    """Makes and reads messages of one ROS 2 distribution.

    Parameters
    ----------
    distro
        Of `DISTROS`: definitions differ a little.
    frame : str
        ``frame_id`` of the microphone.
    """

    def __init__(self, distro: str = "jazzy", frame: str = "microphone") -> None:
        typesys: Any = need("rosbags.typesys", "ros2")
        self.store: Any = typesys.get_typestore(typesys.Stores[f"ROS2_{distro.upper()}"])
        found: dict[str, Any] = {}
        for name, text in _VISION_MSGS.items():
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
