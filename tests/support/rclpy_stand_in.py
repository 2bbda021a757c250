"""A stand-in for rclpy, which no registry has: messages by their real definitions, and no network.

``modules()`` gives what ``sys.modules`` needs for a node. Messages have the fields of rosbags'
interfaces, with their defaults, and refuse any other; published ones are kept by topic.
"""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

from elsa_rt.outputs.ros2_messages import Messages

STORE = Messages().store
PRIMITIVE: dict[str, Any] = {"string": "", "bool": False, "float64": 0.0, "float32": 0.0}


def message(name: str) -> type:
    """The class of the message type ``name``."""
    constants, fields = STORE.fielddefs[name]

    class Message:
        __slots__ = tuple(field for field, _ in fields)

        def __init__(self, **given: Any) -> None:
            for field, kind in fields:
                setattr(self, field, given.pop(field) if field in given else default(kind))
            assert not given, f"{name} has no {given}"

        def plain(self) -> Any:
            """The same as rosbags has it, for its encoder."""
            values = {field: plain(getattr(self, field), kind) for field, kind in fields}
            return STORE.types[name](**values)

    for constant, _, value in constants:
        setattr(Message, constant, value)
    Message.__name__ = name.rpartition("/")[2]
    return Message


def default(kind: Any) -> Any:
    """What a field of ``kind`` is in a new message."""
    node, of = int(kind[0]), kind[1]
    if node == 1:  # a primitive
        return PRIMITIVE.get(of[0], 0)
    if node == 2:  # another message
        return message(of)()
    if node == 3:  # an array of a fixed length
        return [default(of[0])] * of[1]
    return []


def plain(value: Any, kind: Any) -> Any:
    """``value`` of a field of ``kind`` as rosbags has it."""
    import numpy as np

    node, of = int(kind[0]), kind[1]
    if node == 2:
        return value.plain()
    if node in (3, 4) and int(of[0][0]) == 2:
        return [one.plain() for one in value]
    return np.array(value) if node in (3, 4) else value


class Node:
    """Keeps what it publishes."""

    parameters: ClassVar[dict[str, Any]] = {}

    def __init__(self, name: str) -> None:
        self.published: dict[str, list[Any]] = {}
        self.taken: dict[str, Any] = {}
        self.timers: list[Any] = []
        self._parameters: dict[str, Any] = {}

    def declare_parameter(self, name: str, value: Any) -> None:
        self._parameters[name] = self.parameters.get(name, value)

    def get_parameter(self, name: str) -> Any:
        return SimpleNamespace(value=self._parameters[name])

    def create_publisher(self, kind: type, topic: str, qos: Any) -> Any:
        found = self.published.setdefault(topic, [])

        def publish(one: Any) -> None:
            assert type(one).__name__ == kind.__name__
            found.append(one.plain())

        return SimpleNamespace(publish=publish)

    def create_subscription(self, kind: type, topic: str, take: Any, qos: Any) -> None:
        self.taken[topic] = take

    def create_timer(self, seconds: float, call: Any) -> None:
        self.timers.append(call)

    def get_logger(self) -> Any:
        def say(text: str, **_: Any) -> None:
            print(text, file=sys.stderr)

        return SimpleNamespace(warning=say, error=say, fatal=say, info=say)

    def get_clock(self) -> Any:
        time = message("builtin_interfaces/msg/Time")
        now = SimpleNamespace(to_msg=lambda: time(sec=1, nanosec=2))
        return SimpleNamespace(now=lambda: now)


def modules() -> dict[str, ModuleType]:
    """The modules that a node imports."""
    found: dict[str, ModuleType] = {}

    def add(name: str, **values: Any) -> None:
        found[name] = ModuleType(name)
        found[name].__dict__.update(values)

    add("rclpy")
    add("rclpy.node", Node=Node)
    policies = SimpleNamespace(RELIABLE=1, TRANSIENT_LOCAL=1)
    add("rclpy.qos", QoSProfile=SimpleNamespace, ReliabilityPolicy=policies,
        DurabilityPolicy=policies, qos_profile_sensor_data=None)  # fmt: skip
    names = list(STORE.fielddefs)
    for package in {name.partition("/")[0] for name in names}:
        own = [name for name in names if name.startswith(f"{package}/")]
        add(package)
        add(f"{package}.msg", **{name.rpartition("/")[2]: message(name) for name in own})
    return found
