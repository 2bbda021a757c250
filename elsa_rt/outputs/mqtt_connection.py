"""A connection to an MQTT broker that comes back by itself: the gate to paho-mqtt."""

from __future__ import annotations

import contextlib
import socket
import ssl
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from elsa_rt.errors import UsageError
from elsa_rt.outputs.base import need
from elsa_rt.outputs.settings import read_secret
from elsa_rt.outputs.worker import Unavailable

if TYPE_CHECKING:
    from elsa_rt.outputs.mqtt import MqttSettings

KEEPALIVE_S = 15

FIRST_RECONNECT_S, MAX_RECONNECT_S = 1, 30

ACKNOWLEDGE_S = 10.0
"""A broker that does not confirm a message for so long counts as away."""


class Connection:
    """One client of one broker, on the thread that paho keeps.

    Parameters
    ----------
    settings : MqttSettings
    will : topic and payload
        What the broker publishes, retained, when this client is gone.
    on_up : callable
        Called on paho's thread at each connection.
    on_down : callable
        Hears why there is no connection, on paho's thread.
    on_message : callable
        Takes topic, payload and whether the message was retained, on paho's thread.

    Raises
    ------
    UsageError
        paho-mqtt is not installed, or a secret or a certificate cannot be read.
    """

    def __init__(
        self,
        settings: MqttSettings,
        will: tuple[str, str],
        on_up: Callable[[], None],
        on_down: Callable[[str], None],
        on_message: Callable[[str, bytes, bool], None],
    ) -> None:
        paho: Any = need("paho.mqtt.client", "mqtt")
        self._settings = settings
        self._on_up, self._on_down, self._on_message = on_up, on_down, on_message
        self._change = threading.Condition()
        self._is_up = False
        self._reason = ""  # why there is no connection; "" before the first attempt has ended
        self._acknowledged: set[int] = set()
        self._unacknowledged: tuple[object, int] | None = None  # a message and its number
        self._client = client = paho.Client(
            paho.CallbackAPIVersion.VERSION2, client_id="", protocol=paho.MQTTv311
        )
        password = read_secret("mqtt password", settings.password_env, settings.password_file)
        if settings.username is not None:
            client.username_pw_set(settings.username, password)
        if settings.tls:
            client.tls_set_context(_tls(settings))
        client.will_set(*will, qos=1, retain=True)
        client.reconnect_delay_set(FIRST_RECONNECT_S, MAX_RECONNECT_S)
        client.on_socket_open = _send_at_once
        client.on_connect = self._connected
        client.on_connect_fail = self._unreachable
        client.on_disconnect = self._disconnected
        client.on_publish = self._published
        client.on_message = self._received
        client.connect_async(settings.host, settings.port_number, KEEPALIVE_S)

    def start(self) -> None:
        """Connect, and again whenever the connection is lost."""
        self._client.loop_start()

    def publish(
        self, message: object, topic: str, payload: str, *, qos: int = 1, retain: bool = False
    ) -> None:
        """Publish ``payload`` and, at QoS 1, wait until the broker has confirmed it.

        A message that was sent and not confirmed is sent again by paho after a reconnection: the
        same ``message`` object, published again, waits for its confirmation only.

        Raises
        ------
        Unavailable
            There is no connection, it broke, or the broker confirms nothing.
        """
        if self._unacknowledged is None or self._unacknowledged[0] is not message:
            with self._change:
                self._change.wait_for(lambda: self._is_up or self._reason, ACKNOWLEDGE_S)
                if not self._is_up:
                    raise Unavailable(self._reason or "the broker does not answer")
            # not under the lock: paho holds one of its own both here and when it calls _published
            info = self._client.publish(topic, payload, qos, retain)
            if qos == 0:
                return
            self._unacknowledged = message, info.mid
        self._wait_until_acknowledged(self._unacknowledged[1])
        self._unacknowledged = None

    def _wait_until_acknowledged(self, number: int) -> None:
        with self._change:
            self._change.wait_for(
                lambda: number in self._acknowledged or not self._is_up, ACKNOWLEDGE_S
            )
            if number in self._acknowledged:
                self._acknowledged.clear()
            elif self._is_up:
                raise Unavailable(
                    f"the broker confirms nothing for {ACKNOWLEDGE_S:.0f} s: see whether it is "
                    "overloaded"
                )
            else:
                raise Unavailable(self._reason)

    def send(self, topic: str, payload: str, *, qos: int = 1, retain: bool = False) -> None:
        """Publish without waiting; from paho's own thread, too."""
        self._client.publish(topic, payload, qos, retain)

    def subscribe(self, *topics: str) -> None:
        """Subscribe at QoS 1."""
        self._client.subscribe([(topic, 1) for topic in topics])

    def close(self, last: tuple[str, str]) -> None:
        """Publish ``last``, retained, and disconnect."""
        if self._is_up:
            with contextlib.suppress(RuntimeError):  # the connection is lost just now
                self._client.publish(*last, qos=1, retain=True).wait_for_publish(1.0)
        self._client.disconnect()
        self._client.loop_stop()

    def _connected(self, client: Any, data: Any, flags: Any, reason: Any, more: Any) -> None:
        if reason.is_failure:
            self._fail(f"the broker refuses the connection, {reason}: {_cure(str(reason))}")
            return
        with self._change:
            self._is_up = True
            self._change.notify_all()
        self._guarded(self._on_up)

    def _unreachable(self, client: Any, data: Any) -> None:
        # paho calls this while it handles the exception and does not pass it on
        self._fail(_explain(sys.exc_info()[1], self._settings))

    def _disconnected(self, client: Any, data: Any, flags: Any, reason: Any, more: Any) -> None:
        was_up, self._is_up = self._is_up, False
        if was_up and reason.is_failure:
            self._fail("the broker is gone: see whether it runs; it is tried again")

    def _fail(self, reason: str) -> None:
        with self._change:
            self._is_up, self._reason = False, reason
            self._change.notify_all()
        self._on_down(reason)

    def _published(self, client: Any, data: Any, number: int, reason: Any, more: Any) -> None:
        with self._change:
            self._acknowledged.add(number)
            self._change.notify_all()

    def _received(self, client: Any, data: Any, message: Any) -> None:
        self._guarded(self._on_message, message.topic, message.payload, bool(message.retain))

    def _guarded(self, call: Callable[..., None], *values: object) -> None:
        """An exception in a callback would end paho's thread without a word."""
        try:
            call(*values)
        except Exception as error:
            self._on_down(f"internal error, {type(error).__name__}: {error}")


def _send_at_once(client: Any, data: Any, connection: Any) -> None:
    # Nagle's algorithm would hold a message back for up to 50 ms, until the last one is confirmed
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _tls(settings: MqttSettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
        if settings.certificate_file is not None:
            context.load_cert_chain(settings.certificate_file, settings.key_file)
    except (OSError, ssl.SSLError) as error:
        files = [settings.ca_file, settings.certificate_file, settings.key_file]
        named = ", ".join(file for file in files if file is not None)
        raise UsageError(
            f"mqtt: reading the certificates {named}: {error.strerror or error}: name PEM files "
            "that can be read"
        ) from None
    return context


def _cure(reason: str) -> str:
    if any(word in reason.lower() for word in ("authori", "password", "user name")):
        return "see username, password_env and password_file, and the broker's own list of users"
    return "see the broker's log"


def _explain(error: BaseException | None, settings: MqttSettings) -> str:
    where = f"{settings.host}:{settings.port_number}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"connecting to {where}: its certificate is refused ({error.verify_message}): name the "
            "certificate of its authority in ca_file"
        )
    if isinstance(error, ssl.SSLError):
        return (
            f"connecting to {where}: TLS fails ({error.reason or error}): see whether the broker "
            "speaks TLS on this port"
        )
    if isinstance(error, OSError):
        return (
            f"connecting to {where}: {error.strerror or error or type(error).__name__}: see "
            "whether the broker runs, and host and port"
        )
    return f"connecting to {where}: {error}"
