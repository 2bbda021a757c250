"""ROS 2 without ROS: topics for robots whose nodes use ``rmw_zenoh``, from pip packages alone.

/elsa/directions    geometry_msgs/PoseArray         each step, also when empty
/elsa/detections    vision_msgs/Detection3DArray    each step, the open alerts
/elsa/alerts        std_msgs/String                 an alert as JSON
/elsa/prompts       std_msgs/String                 latched: the rules as JSON
/diagnostics        diagnostic_msgs/DiagnosticArray at 1 Hz
/elsa/set_prompts   std_msgs/String, taken          one prompt a line, in place of all rules
/elsa/orientation   sensor_msgs/Imu, taken          how the microphone is turned
"""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from dataclasses import replace as changed
from typing import Any, ClassVar

from elsa_rt.errors import ElsaError, UsageError
from elsa_rt.hearing import Alert, EachRule, Hearing
from elsa_rt.outputs.base import Surroundings, need
from elsa_rt.outputs.ros2_messages import Messages, now_ns
from elsa_rt.outputs.ros2_zenoh import Node, Publisher, Qos
from elsa_rt.outputs.settings import setting
from elsa_rt.outputs.worker import Unavailable, Worker

DIAGNOSTICS_S = 1.0

TOPICS = {
    "directions": "geometry_msgs/msg/PoseArray",
    "detections": "vision_msgs/msg/Detection3DArray",
    "alerts": "std_msgs/msg/String",
    "prompts": "std_msgs/msg/String",
}


def _check_name(text: str) -> None:
    parts = text.strip("/").split("/")
    if not all(part.isidentifier() and part.isascii() for part in parts):
        raise UsageError(f"{text!r} is no ROS name: letters, digits and _, parted by /")


@dataclass(frozen=True)
class Ros2Settings:
    """Topics of a ROS 2 node, without ROS."""

    type: ClassVar[str] = "ros2"
    about: ClassVar[str] = "ROS 2 topics over zenoh (rmw_zenoh), without ROS installed"
    needs: ClassVar[tuple[str, str] | None] = ("zenoh", "ros2")

    endpoint: str = setting("where the zenoh router listens", "tcp/localhost:7447")
    domain: int = setting("ROS_DOMAIN_ID", 0, least=0, most=232)
    node: str = setting("name of the node", "elsa_rt", check=_check_name)
    topic: str = setting("begin of the topics", "elsa", check=_check_name)
    frame: str = setting("frame_id of the microphone", "microphone")
    orientation: str | None = setting(
        "topic of sensor_msgs/Imu that tells how the microphone is turned", None, check=_check_name
    )

    def open(self, surroundings: Surroundings) -> Ros2Output:
        return Ros2Output(self, surroundings)


class Ros2Output:
    """Publishes each step on its own thread; takes prompts and orientations."""

    def __init__(self, settings: Ros2Settings, surroundings: Surroundings) -> None:
        need("zenoh", "ros2")
        self._settings, self._surroundings = settings, surroundings
        self._controls = surroundings.controls
        self._messages = Messages(settings.frame)
        self._node: Node | None = None
        self._publishers: dict[str, Publisher] = {}
        self._open: dict[str, Alert] = {}
        self._each_rule = EachRule()
        self._next_diagnostics_s = float("-inf")
        self._hardware = socket.gethostname()
        self.worker: Worker[Any] = Worker(
            f"ros2 {settings.endpoint}",
            self._do,
            surroundings.on_notice,
            on_close=self._close_node,
        )
        self._controls.watch(self._show_prompts)
        self._show_prompts()

    def show(self, hearing: Hearing) -> None:
        for alert in hearing.alerts:
            self.worker.put(alert)
        self.worker.put(hearing, key="step")

    def notice(self, text: str) -> None:
        """Nothing: notices are for people at the terminal."""

    def close(self) -> None:
        self.worker.close()

    def _show_prompts(self) -> None:
        rules = [{"id": rule.id, "prompts": rule.prompts} for rule in self._controls.rules]
        self.worker.put(json.dumps(rules), key="prompts")

    def _do(self, item: Any) -> None:
        if self._node is None:
            self._open_node()
        if isinstance(item, str):
            self._publishers["prompts"].publish(self._messages.text(item))
        elif isinstance(item, Alert):
            self._follow(item)
            text = json.dumps(item.as_dict(), allow_nan=False)
            self._publishers["alerts"].publish(self._messages.text(text))
        else:
            self._publish(item)

    def _follow(self, told: Alert) -> None:
        for alert in self._each_rule(told):
            if alert.state == "end":
                self._open.pop(alert.id, None)
            else:
                self._open[alert.id] = alert

    def _publish(self, hearing: Hearing) -> None:
        now = now_ns()
        self._publishers["directions"].publish(self._messages.poses(hearing, now))
        steady = changed(hearing, alerts=tuple(self._open.values()))
        self._publishers["detections"].publish(self._messages.detections(steady, now))
        late = hearing.time_s < self._next_diagnostics_s - 60  # a new stream began
        if hearing.time_s >= self._next_diagnostics_s or late:
            self._next_diagnostics_s = hearing.time_s + DIAGNOSTICS_S
            message = self._messages.diagnostics(hearing, self._hardware, now)
            self._publishers["diagnostics"].publish(message)

    def _open_node(self) -> None:
        settings = self._settings
        try:
            node = Node(settings.node, settings.endpoint, self._messages, settings.domain)
        except Exception as error:
            if isinstance(error, ElsaError):
                raise
            raise Unavailable(
                f"no zenoh router answers ({str(error).partition('. ')[0][:100]}): start one with "
                "ros2 run rmw_zenoh_cpp rmw_zenohd, and see endpoint"
            ) from None
        for name, type in TOPICS.items():
            qos = Qos(depth=1, latched=True) if name == "prompts" else Qos()
            self._publishers[name] = node.publisher(f"{settings.topic}/{name}", type, qos)
        self._publishers["diagnostics"] = node.publisher(
            "diagnostics", "diagnostic_msgs/msg/DiagnosticArray"
        )
        node.subscription(
            f"{settings.topic}/set_prompts", "std_msgs/msg/String", self._take_prompts
        )
        if settings.orientation is not None:
            node.subscription(settings.orientation, "sensor_msgs/msg/Imu", self._take_orientation)
        self._node = node

    def _take_prompts(self, message: Any) -> None:
        prompts = [line.strip() for line in message.data.splitlines() if line.strip()]
        try:
            self._controls.set_prompts(prompts)
        except ElsaError as error:
            self._surroundings.on_notice(f"ros2: set_prompts: {error}")

    def _take_orientation(self, message: Any) -> None:
        turned = message.orientation
        try:
            self._controls.set_orientation((turned.x, turned.y, turned.z, turned.w))
        except ElsaError as error:
            self._surroundings.on_notice(f"ros2: orientation: {error}")

    def _close_node(self) -> None:
        if self._node is not None:
            self._node.close()
