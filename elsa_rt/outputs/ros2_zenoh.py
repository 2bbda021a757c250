"""A ROS 2 node on zenoh, as nodes of ``rmw_zenoh_cpp`` 0.2.4 and later see it, without ROS.

On the wire (rmw_zenoh's docs/design.md):

    data        <domain>/<topic>/<type>/<hash>
    attachment  sequence number and nanoseconds (int64), gid (16 bytes), by zenoh's serialisation
    token       @ros2_lv/<domain>/<zid>/<node id>/<id>/<kind>/<enclave>/<namespace>/<node>
                and for topics /<topic>/<type>/<hash>/<qos>; "/" within a part is written "%"

Latched topics are zenoh's advanced publishers with a cache. Peers meet through a running router:
``ros2 run rmw_zenoh_cpp rmw_zenohd``.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from elsa_rt.outputs.base import need
from elsa_rt.outputs.ros2_messages import Messages

NODE, PUBLISHER, SUBSCRIPTION = "NN", "MP", "MS"


@dataclass(frozen=True)
class Qos:
    """Quality of service of a topic; reliable and keep-last, as rmw_zenoh's default."""

    depth: int = 10
    latched: bool = False  # transient local

    @property
    def key(self) -> str:
        """Its form in liveliness tokens; what is the default of rmw_zenoh is left out."""
        return f":{'1' if self.latched else ''}:,{self.depth}:,:,:,,"


def dds_type(name: str) -> str:
    """``std_msgs/msg/String`` as ``std_msgs::msg::dds_::String_``."""
    package, kind, message = name.split("/")
    return f"{package}::{kind}::dds_::{message}_"


class Node:
    """A node with publishers and subscriptions on a zenoh session of its own.

    Parameters
    ----------
    name
        The node's name.
    endpoint
        Where the router listens, e.g. "tcp/localhost:7447".
    messages : Messages
        Makes and reads the messages.
    domain
        ROS_DOMAIN_ID.

    Raises
    ------
    UsageError
        eclipse-zenoh is not installed.
    RuntimeError, OSError
        The session cannot be opened, e.g. because no router runs.
    """

    def __init__(
        self,
        name: str,
        endpoint: str,
        messages: Messages,
        domain: int = 0,
        *,
        listen: str | None = None,
    ) -> None:
        self._zenoh: Any = need("zenoh", "ros2")
        self._ext: Any = need("zenoh.ext", "ros2")
        config = self._zenoh.Config()
        settings: dict[str, Any] = {
            "mode": "peer",
            "connect/endpoints": [endpoint] if endpoint else [],
            "connect/timeout_ms": 2_000,
            "connect/exit_on_failure": True,
            "listen/endpoints": [listen or "tcp/localhost:0"],
            "scouting/multicast/enabled": False,
            "timestamping/enabled": True,
        }
        for key, value in settings.items():
            config.insert_json5(key, json.dumps(value))
        self.messages = messages
        self._name, self._domain, self._next_id = name, domain, 0
        self._session = self._zenoh.open(config)
        self._zid = str(self._session.zid())
        self._declared: list[Any] = []
        self._token(NODE, "")

    def publisher(self, topic: str, type: str, qos: Qos = Qos()) -> Publisher:
        """A publisher of messages of ``type`` on ``topic``."""
        token = self._topic_token(PUBLISHER, topic, type, qos)
        more: dict[str, Any] = {}
        if qos.latched:
            more = {
                "cache": self._ext.CacheConfig(max_samples=qos.depth),
                "publisher_detection": True,
            }
        declared = self._ext.declare_advanced_publisher(
            self._session,
            self._data_key(topic, type),
            congestion_control=self._zenoh.CongestionControl.DROP,
            **more,
        )
        self._declared.append(declared)
        gid = hashlib.blake2b(token.encode(), digest_size=16).digest()
        return Publisher(declared, self._ext, self.messages, gid)

    def subscription(
        self, topic: str, type: str, take: Callable[[Any], None], qos: Qos = Qos()
    ) -> None:
        """Have ``take`` called, on zenoh's thread, with each message of ``type`` on ``topic``."""
        self._topic_token(SUBSCRIPTION, topic, type, qos)

        def received(sample: Any) -> None:
            take(self.messages.decode(bytes(sample.payload), type))

        more: dict[str, Any] = {}
        if qos.latched:
            more = {"history": self._ext.HistoryConfig(detect_late_publishers=True)}
        self._declared.append(
            self._ext.declare_advanced_subscriber(
                self._session, self._data_key(topic, type), received, **more
            )
        )

    def close(self) -> None:
        """Leave the network."""
        self._session.close()

    def _data_key(self, topic: str, type: str) -> str:
        topic = topic.strip("/")
        return f"{self._domain}/{topic}/{dds_type(type)}/{self.messages.hash(type)}"

    def _topic_token(self, kind: str, topic: str, type: str, qos: Qos) -> str:
        name = "%" + topic.strip("/").replace("/", "%")
        return self._token(kind, f"/{name}/{dds_type(type)}/{self.messages.hash(type)}/{qos.key}")

    def _token(self, kind: str, rest: str) -> str:
        id, self._next_id = self._next_id, self._next_id + 1
        key = f"@ros2_lv/{self._domain}/{self._zid}/0/{id}/{kind}/%/%/{self._name}{rest}"
        self._declared.append(self._session.liveliness().declare_token(key))
        return key


class Publisher:
    """Publishes messages on one topic."""

    def __init__(self, declared: Any, ext: Any, messages: Messages, gid: bytes) -> None:
        self._declared, self._ext, self._messages, self._gid = declared, ext, messages, gid
        self._sequence = 0

    def publish(self, message: Any) -> None:
        """Publish ``message``."""
        self._sequence += 1
        attachment = self._ext.z_serialize(
            (self._ext.Int64(self._sequence), self._ext.Int64(time.time_ns()), self._gid)
        )
        self._declared.put(self._messages.encode(message), attachment=attachment)
