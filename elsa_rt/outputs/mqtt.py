"""MQTT: alerts, states and commands on a broker, announced to Home Assistant.

    <base>/availability                  online | offline, retained, by last will
    <base>/<rule>/sound                  ON | OFF, retained
    <base>/<rule>/attributes             the last alert as JSON, retained
    <base>/<rule>/statistics             alerts, near misses and rates as JSON, each minute
    <base>/<rule>/event                  {"event_type": "start" | "end", ...}, the alert as JSON
    <base>/<rule>/alerts[/set]           ON | OFF: whether alerts of the rule are told
    <base>/<rule>/false_alarms_per_hour[/set]
    <base>/<rule>/false/set              PRESS: the last alert of the rule was false; or an id
    <base>/<rule>/right/set              the same: it was right
    <base>/<rule>/undo/set               the same: what was said of it is taken back
    <base>/device/azimuth, elevation, level, deaf, alerts[/set]
    <base>/device/hearing                every step as JSON, with what: all

Alerts go out at QoS 1 and stay in the queue until the broker has confirmed them.
"""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from elsa_rt.errors import ElsaError, UsageError
from elsa_rt.hearing import Alert, EachRule, Hearing
from elsa_rt.outputs.base import Surroundings
from elsa_rt.outputs.controls import Verdict
from elsa_rt.outputs.home_assistant import (
    OFF,
    OFFLINE,
    ON,
    ONLINE,
    PRESS,
    Topics,
    config_topic,
    discovery,
    platforms,
)
from elsa_rt.outputs.mqtt_connection import Connection
from elsa_rt.outputs.settings import setting
from elsa_rt.outputs.worker import Worker
from elsa_rt.rules.rule import slug_of

STATISTICS_S = 60.0
"""Seconds between two messages of what became of each rule."""

VERDICTS: dict[str, Verdict] = {"false": "false", "right": "right", "undo": "undo"}
"""Topics of what people say of alerts."""

DEVICE_ID = r"[A-Za-z0-9_-]{1,64}"


def _check_topic(text: str) -> None:
    if re.search(r"[#+\0]", text) or text.startswith("/") or text.endswith("/"):
        raise UsageError(f"{text!r} is no topic to publish to: leave out #, + and outer slashes")


def _check_device(text: str) -> None:
    if not re.fullmatch(DEVICE_ID, text):
        raise UsageError(f"{text!r}: up to 64 letters, digits, - and _ are needed")


@dataclass(frozen=True)
class MqttSettings:
    """Messages on an MQTT broker, and entities in Home Assistant."""

    type: ClassVar[str] = "mqtt"
    about: ClassVar[str] = "messages on an MQTT broker, and a device in Home Assistant"
    needs: ClassVar[tuple[str, str] | None] = ("paho.mqtt", "mqtt")

    host: str = setting("name or address of the broker")
    port: int | None = setting(
        "its port; 1883, with tls 8883, if left out", None, least=1, most=65535
    )
    username: str | None = setting("user at the broker", None)
    password_env: str | None = setting("environment variable with the password", None)
    password_file: str | None = setting("file with the password", None, is_path=True)
    tls: bool = setting("whether the connection is encrypted and the broker's name checked", False)
    ca_file: str | None = setting(
        "certificate of the authority, PEM; the system's are used if left out", None, is_path=True
    )
    certificate_file: str | None = setting("certificate of this client, PEM", None, is_path=True)
    key_file: str | None = setting("its key, PEM", None, is_path=True)
    device: str | None = setting(
        "id of this device in topics; made from the computer's name if left out",
        None,
        check=_check_device,
    )
    name: str | None = setting("how Home Assistant calls the device", None)
    topic: str = setting(
        "begin of all topics; the device's id follows", "elsa-rt", check=_check_topic
    )
    home_assistant: bool = setting("whether the device is announced to Home Assistant", True)
    discovery_prefix: str = setting(
        "begin of Home Assistant's discovery topics", "homeassistant", check=_check_topic
    )
    what: str = setting("alerts alone, or hearings as well", "alerts", choices=("alerts", "all"))
    state_s: float = setting(
        "seconds between two messages of azimuth, elevation and level", 1.0, least=0.05, most=3600
    )
    capacity: int = setting("alerts that wait for the broker at most", 1000, least=1, most=100_000)

    def __post_init__(self) -> None:
        if self.username is None and (self.password_env or self.password_file):
            raise UsageError("mqtt: there is a password and no username: add username")
        if not self.tls and (self.ca_file or self.certificate_file or self.key_file):
            raise UsageError("mqtt: there are certificates and no TLS: add tls: true")
        if self.key_file is not None and self.certificate_file is None:
            raise UsageError("mqtt: there is key_file and no certificate_file: add it")

    @property
    def port_number(self) -> int:
        """The port, 1883 or with TLS 8883 if none is given."""
        return self.port if self.port is not None else (8883 if self.tls else 1883)

    @property
    def device_id(self) -> str:
        """The device's id, made from the name of the computer if none is given."""
        return self.device or f"elsa-{slug_of(socket.gethostname())}"

    def open(self, surroundings: Surroundings) -> MqttOutput:
        return MqttOutput(self, surroundings)


class _Message(NamedTuple):
    topic: str
    payload: str
    qos: int = 1
    retain: bool = False


class MqttOutput:
    """Publishes alerts and states, obeys commands, and announces the device.

    Parameters
    ----------
    settings : MqttSettings
    surroundings : Surroundings
    """

    def __init__(self, settings: MqttSettings, surroundings: Surroundings) -> None:
        self._settings, self._surroundings = settings, surroundings
        self._controls = surroundings.controls
        self.topics = Topics(f"{settings.topic}/{settings.device_id}")
        self._config_topic = config_topic(settings.discovery_prefix, settings.device_id)
        self._birth_topic = f"{settings.discovery_prefix}/status"
        self._each_rule = EachRule()
        self._open: dict[str, set[str]] = {}  # ids of the open alerts of each rule
        self._announced: dict[str, str] = {}  # platform of each entity by its key
        self._next_state_s = self._next_rates_s = float("-inf")
        self._deaf = False
        self._lock = threading.Lock()
        self._worker: Worker[_Message] = Worker(
            f"mqtt {settings.host}:{settings.port_number}",
            self._deliver,
            surroundings.on_notice,
            capacity=settings.capacity,
        )
        try:
            self._connection = Connection(
                settings,
                (self.topics.availability, OFFLINE),
                self._up,
                self._worker.failed,
                self._received,
            )
        except ElsaError:
            self._worker.close(0)
            raise
        self._controls.watch(self._announce)
        self._connection.start()

    @property
    def worker(self) -> Worker[_Message]:
        """What delivers the messages."""
        return self._worker

    def show(self, hearing: Hearing) -> None:
        for told in hearing.alerts:
            for alert in self._each_rule(told):
                self._show_alert(alert)
        if self._settings.what == "all":
            payload = json.dumps(hearing.as_dict(), allow_nan=False)
            self._put_state(self.topics.device("hearing"), payload)
        if hearing.health is not None and hearing.health.health.deaf != self._deaf:
            self._deaf = not self._deaf
            self._put(self.topics.device("deaf"), ON if self._deaf else OFF, retain=True)
        if hearing.time_s >= self._next_state_s or hearing.time_s < self._next_state_s - 3600:
            self._next_state_s = hearing.time_s + self._settings.state_s
            self._show_state(hearing)
        if hearing.time_s >= self._next_rates_s or hearing.time_s < self._next_rates_s - 3600:
            self._next_rates_s = hearing.time_s + STATISTICS_S
            for rule in self._controls.statistics():
                payload = json.dumps(rule.as_dict(), allow_nan=False)
                self._put_state(self.topics.rule(rule.rule, "statistics"), payload)

    def notice(self, text: str) -> None:
        """Nothing: notices are for people at the terminal."""

    def close(self) -> None:
        self._worker.close()
        self._connection.close((self.topics.availability, OFFLINE))

    def _show_alert(self, alert: Alert) -> None:
        fields = alert.as_dict()
        with self._lock:
            ids = self._open.setdefault(alert.rule, set())
            (ids.discard if alert.state == "end" else ids.add)(alert.id)
            is_open = bool(ids)
        if alert.state != "update":
            event = json.dumps({"event_type": alert.state, **fields}, allow_nan=False)
            self._put(self.topics.rule(alert.rule, "event"), event)
            self._put(self.topics.rule(alert.rule, "sound"), ON if is_open else OFF, retain=True)
        attributes = json.dumps(fields, allow_nan=False)
        self._put(self.topics.rule(alert.rule, "attributes"), attributes, retain=True)

    def _show_state(self, hearing: Hearing) -> None:
        for what, value in (
            ("azimuth", hearing.azimuth_deg),
            ("elevation", hearing.elevation_deg),
            ("level", hearing.level_dbfs),
        ):
            if value == value and abs(value) != float("inf"):
                self._put_state(self.topics.device(what), f"{value:.1f}")

    def _put(self, topic: str, payload: str, *, retain: bool = False) -> None:
        self._worker.put(_Message(topic, payload, 1, retain))

    def _put_state(self, topic: str, payload: str) -> None:
        self._worker.put(_Message(topic, payload, 0, retain=True), key=topic)

    def _deliver(self, message: _Message) -> None:
        self._connection.publish(
            message, message.topic, message.payload, qos=message.qos, retain=message.retain
        )

    def _up(self) -> None:
        """Announce everything anew; on paho's thread, at each connection."""
        subscriptions = [self.topics.commands]
        if self._settings.home_assistant:
            subscriptions += [self._birth_topic, self._config_topic]
        self._connection.subscribe(*subscriptions)
        self._announce()
        self._worker.retry_now()
        self._worker.recovered()

    def _announce(self) -> None:
        if self._settings.home_assistant:
            self._announce_device()
        self._connection.send(self.topics.availability, ONLINE, retain=True)
        for topic, payload in self._states().items():
            self._connection.send(topic, payload, retain=True)

    def _announce_device(self, before: Mapping[str, str] | None = None) -> None:
        known = {**self._announced, **(before or {})}
        message = discovery(
            self._settings.device_id,
            self._settings.name or self._settings.device_id,
            self.topics,
            self._controls.rules,
            model=self._surroundings.model,
            version=self._surroundings.version,
        )
        self._announced = platforms(message)
        gone = known.keys() - self._announced.keys()
        if gone:  # once with their platform alone, which removes them, then without
            removing = {key: {"p": known[key]} for key in gone}
            removal = message | {"cmps": message["cmps"] | removing}
            self._connection.send(self._config_topic, json.dumps(removal), retain=True)
        self._connection.send(self._config_topic, json.dumps(message), retain=True)

    def _states(self) -> dict[str, str]:
        """What every retained topic should say now."""
        topics, controls = self.topics, self._controls
        found = {
            topics.device("deaf"): ON if self._deaf else OFF,
            topics.device("alerts"): ON if controls.is_on() else OFF,
        }
        with self._lock:
            open_rules = {rule for rule, ids in self._open.items() if ids}
        rates = controls.rates()
        for rule in controls.rules:
            found[topics.rule(rule.id, "sound")] = ON if rule.id in open_rules else OFF
            found[topics.rule(rule.id, "alerts")] = ON if controls.is_on(rule.id) else OFF
            rate = rates.get(rule.id, float("nan"))
            if rule.has_meaning and rate == rate:
                found[topics.rule(rule.id, "false_alarms_per_hour")] = f"{rate:g}"
        return found

    def _received(self, topic: str, payload: bytes, retained: bool) -> None:
        if topic == self._birth_topic:
            if payload.decode("utf-8", "replace") == ONLINE and not retained:
                self._announce()
        elif topic == self._config_topic:
            self._received_config(payload)
        elif (command := self.topics.parse(topic)) is not None:
            try:
                self._obey(*command, payload.decode("utf-8", "replace"))
            except ElsaError as error:
                self._surroundings.on_notice(f"mqtt: {topic}: {error}")

    def _received_config(self, payload: bytes) -> None:
        """Remove entities that an earlier run announced and that exist no longer."""
        try:
            before = platforms(json.loads(payload))
        except (ValueError, AttributeError):
            return
        if before.keys() - self._announced.keys():
            self._announce_device(before)

    def _obey(self, rule: str, what: str, payload: str) -> None:
        controls = self._controls
        name = None if rule == "device" else rule
        if what == "alerts" and payload in (ON, OFF):
            controls.switch(payload == ON, name)
        elif what in VERDICTS and name is not None:
            if payload == PRESS:
                controls.mark_last(name, VERDICTS[what])
            else:
                controls.mark(payload, VERDICTS[what], name)
        elif what == "false_alarms_per_hour" and name is not None:
            controls.set_false_alarms_per_hour(name, _rate(payload))
        else:
            raise UsageError(f"{payload[:40]!r} is no command: see elsa-rt guide mqtt")


def _rate(payload: str) -> float:
    try:
        return float(payload)
    except ValueError:
        raise UsageError(f"{payload[:40]!r} is no number of false alarms an hour") from None
