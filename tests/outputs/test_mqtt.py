"""MQTT against a real broker: mosquitto, killed, frozen, with passwords and with TLS."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from elsa_rt.errors import UsageError
from elsa_rt.health import Health, HealthEvent
from elsa_rt.hearing import State
from elsa_rt.outputs.base import Surroundings
from elsa_rt.outputs.controls import Controls
from elsa_rt.outputs.mqtt import MqttOutput, MqttSettings
from tests.support.broker import Broker, mosquitto
from tests.support.hearings import BANG, GLASS, Rules, alert, counted, hearing, until

pytestmark = pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed")

HOST = "127.0.0.1"


class Subscriber:
    """Another client of the broker, which comes back at once when the broker does."""

    def __init__(self, broker: Broker) -> None:
        self.got: list[tuple[str, str, bool]] = []
        self.client = paho.Client(CallbackAPIVersion.VERSION2)
        self.client.reconnect_delay_set(1, 1)
        self.client.on_message = lambda c, d, message: self.got.append(
            (message.topic, message.payload.decode(), bool(message.retain))
        )
        self.client.on_connect = self._subscribe
        self.client.connect(HOST, broker.port)
        self.client.loop_start()

    def _subscribe(self, *_: Any) -> None:
        self.client.subscribe("#", 1)

    def payloads(self, topic: str) -> list[str]:
        return [payload for name, payload, _ in list(self.got) if name.endswith(topic)]

    def ids(self) -> list[str]:
        return [json.loads(payload)["id"] for payload in self.payloads("/event")]

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


class Opened:
    """An output, its subscriber, and what was told."""

    def __init__(self, broker: Broker, **settings: Any) -> None:
        self.broker = broker
        self.notices: list[str] = []
        self.rules = Rules(GLASS, BANG)
        self.controls = Controls(self.rules)
        self.subscriber = Subscriber(broker)
        given = {"host": HOST, "port": broker.port, "device": "test", **settings}
        self.output: MqttOutput = MqttSettings(**given).open(
            Surroundings(self.notices.append, self.controls, "tiny 1", "0.0")
        )

    def show(self, id: str, state: State = "start") -> None:
        self.output.show(self.controls.filter(hearing(1.0, alert(id, state))))

    def close(self) -> None:
        self.output.close()
        self.subscriber.close()


@pytest.fixture(autouse=True)
def _later_than_the_subscriber(monkeypatch: pytest.MonkeyPatch) -> None:
    """Come back to a broker after the subscriber, who would miss what is sent before."""
    monkeypatch.setattr("elsa_rt.outputs.mqtt_connection.FIRST_RECONNECT_S", 2)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path) as broker:
        yield broker


@pytest.fixture
def opened(broker: Broker) -> Iterator[Opened]:
    found = Opened(broker)
    until(lambda: found.subscriber.payloads("/availability"))
    yield found
    found.close()


def test_an_alert_has_its_event_its_state_and_its_attributes(opened: Opened) -> None:
    subscriber = opened.subscriber
    opened.show("a1")
    opened.show("a1", "update")
    opened.show("a1", "end")
    until(lambda: subscriber.payloads("glass-behind/sound")[-2:] == ["ON", "OFF"])
    until(lambda: len(subscriber.payloads("/event")) == 2)
    start, end = (json.loads(payload) for payload in subscriber.payloads("/event"))
    assert (start["event_type"], end["event_type"]) == ("start", "end")
    assert (start["id"], start["azimuth_deg"], start["words"]) == ("a1", 150.0, "behind, left")
    until(lambda: json.loads(subscriber.payloads("/attributes")[-1])["state"] == "end")
    until(lambda: subscriber.payloads("device/level") == ["-30.0"])
    assert subscriber.payloads("device/azimuth") == ["90.0"]


def test_a_rule_that_joined_the_alert_of_another_one_alerts_as_well(opened: Opened) -> None:
    """Where alerts are grouped, the sensor of a smoke alarm does not depend on who leads."""
    subscriber = opened.subscriber
    states: tuple[State, ...] = ("start", "update", "end")
    for state in states:
        told = alert("a1", state, joined=(alert("b1", state, "bang", prompt="a bang"),))
        opened.output.show(opened.controls.filter(hearing(1.0, told)))
    until(lambda: subscriber.payloads("bang/sound")[-2:] == ["ON", "OFF"])
    until(lambda: len(subscriber.payloads("/event")) == 4)
    start, end = (json.loads(payload) for payload in subscriber.payloads("bang/event"))
    assert (start["event_type"], end["event_type"]) == ("start", "end")
    assert (start["id"], start["prompt"], start["rule"]) == ("b1", "a bang", "bang")


def test_what_became_of_a_rule_is_told_each_minute(opened: Opened) -> None:
    subscriber, topic = opened.subscriber, "glass-behind/statistics"
    for time_s, alerts in ((1.0, 1), (59.0, 2), (61.0, 3)):
        opened.rules.statistics = (counted("glass-behind", alerts=alerts),)
        opened.output.show(hearing(time_s))
        until(lambda: subscriber.payloads("device/level")[-1:] == ["-30.0"])
    until(lambda: json.loads(subscriber.payloads(topic)[-1])["alerts"] == 3)
    told = [json.loads(payload) for payload in subscriber.payloads(topic)]
    assert {one["alerts"] for one in told} <= {1, 3}
    assert told[-1]["counted_per_hour"] == 2.0
    assert told[-1]["proposed_start"] is None


def test_no_alert_is_lost_while_the_broker_is_dead(opened: Opened) -> None:
    opened.show("before")
    until(lambda: opened.subscriber.ids() == ["before"])
    opened.broker.kill()
    ids = [f"a{number}" for number in range(50)]
    for id in ids:
        opened.show(id)
    until(lambda: opened.notices)
    assert "the broker is gone: see whether it runs" in opened.notices[0]
    opened.broker.start()
    until(lambda: set(opened.subscriber.ids()) >= set(ids))
    until(lambda: opened.output.worker.waiting == 0)
    assert list(dict.fromkeys(opened.subscriber.ids())) == ["before", *ids]  # in their order
    assert opened.output.worker.lost == 0
    # announced again, as a broker without a memory has forgotten the device
    until(lambda: len(opened.subscriber.payloads("test/config")) == 2)
    until(lambda: opened.notices[1:] and "works again after" in opened.notices[-1])


def test_a_broker_that_stands_still_slows_nothing_and_gets_all(opened: Opened) -> None:
    opened.broker.freeze()
    ids = [f"a{number}" for number in range(30)]
    for id in ids:
        opened.show(id)
    assert opened.output.worker.waiting > 25
    opened.broker.thaw()
    until(lambda: opened.subscriber.ids() == ids)
    assert opened.output.worker.lost == 0


def test_a_full_queue_loses_the_oldest_counts_and_tells_it(broker: Broker) -> None:
    found = Opened(broker, capacity=6)
    until(lambda: found.subscriber.payloads("/availability"))
    broker.kill()
    until(lambda: found.notices)
    for number in range(10):
        found.show(f"a{number}")  # three messages each
    assert found.output.worker.lost == 24
    assert any("the queue is full" in notice for notice in found.notices)
    broker.start()
    until(lambda: {"a8", "a9"} <= set(found.subscriber.ids()))
    found.close()


def test_it_says_online_and_offline(broker: Broker) -> None:
    found = Opened(broker)
    until(lambda: found.subscriber.payloads("/availability") == ["online"])
    found.output.close()
    until(lambda: found.subscriber.payloads("/availability") == ["online", "offline"])
    assert found.notices == []
    found.subscriber.close()


def test_the_last_will_tells_of_a_sudden_end(opened: Opened) -> None:
    client = opened.output._connection._client
    client._sock.shutdown(2)  # as when a cable is pulled: no farewell
    until(lambda: "offline" in opened.subscriber.payloads("/availability"))
    until(lambda: opened.subscriber.payloads("/availability")[-1] == "online")  # and back


def test_a_wrong_password_is_told_and_listening_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passwords = tmp_path / "passwords"
    passwords.touch(0o600)
    command = shutil.which("mosquitto_passwd") or "mosquitto_passwd"
    subprocess.run([command, "-b", passwords, "ear", "right"], check=True, capture_output=True)
    monkeypatch.setenv("PASSWORD", "wrong")
    secret = tmp_path / "secret"
    secret.write_text("right\n")
    settings = f"allow_anonymous false\npassword_file {passwords}"
    if os.geteuid() == 0:
        settings += "\nuser root"  # else it drops its rights and cannot read the file
    with Broker(tmp_path, settings) as broker:
        notices: list[str] = []
        around = Surroundings(notices.append, Controls(Rules(GLASS)))
        given: dict[str, Any] = {
            "host": HOST,
            "port": broker.port,
            "username": "ear",
            "device": "test",
        }
        output = MqttSettings(**given, password_env="PASSWORD").open(around)
        output.show(hearing(1.0, alert("a1")))
        until(lambda: notices)
        assert "the broker refuses the connection, Not authorized: see username" in notices[0]
        output.worker.close(0)
        output.close()
        output = MqttSettings(**given, password_file=str(secret)).open(around)
        output.show(hearing(1.0, alert("a2")))
        until(lambda: output.worker.sent == 3)
        output.close()


# paho leaves the socket of a failed handshake to the garbage collector
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_tls_is_checked(tmp_path: Path) -> None:
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            "-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem",
            "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    (tmp_path / "key.pem").chmod(0o644)
    settings = (
        f"certfile {tmp_path}/cert.pem\nkeyfile {tmp_path}/key.pem\nallow_anonymous true\nuser root"
    )
    with Broker(tmp_path, settings) as broker:
        notices: list[str] = []
        around = Surroundings(notices.append, Controls(Rules(GLASS)))
        given: dict[str, Any] = {"host": HOST, "port": broker.port, "tls": True, "device": "test"}
        output = MqttSettings(**given).open(around)
        until(lambda: notices)
        assert "its certificate is refused (self-signed certificate): name the" in notices[0]
        output.close()
        output = MqttSettings(**given, ca_file=str(tmp_path / "cert.pem")).open(around)
        output.show(hearing(1.0, alert("a1")))
        until(lambda: output.worker.sent == 3)
        output.close()


def test_nobody_at_the_port(tmp_path: Path) -> None:
    broker = Broker(tmp_path)  # never started
    notices: list[str] = []
    around = Surroundings(notices.append, Controls(Rules(GLASS)))
    output = MqttSettings(host=HOST, port=broker.port, device="test").open(around)
    output.show(hearing(1.0, alert("a1")))
    until(lambda: notices)
    assert f"connecting to {HOST}:{broker.port}: Connection refused: see whether" in notices[0]
    output.worker.close(0)
    output.close()
    assert "3 messages lost" in notices[-1]


def test_switches_button_and_number_obey(opened: Opened) -> None:
    client = opened.subscriber.client
    base = "elsa-rt/test"
    opened.show("a1")
    client.publish(f"{base}/glass-behind/false/set", "PRESS", 1)
    until(lambda: opened.rules.marks == [("a1", "false")])
    client.publish(f"{base}/glass-behind/right/set", "PRESS", 1)
    client.publish(f"{base}/glass-behind/undo/set", "a0", 1)
    until(lambda: opened.rules.marks[1:] == [("a1", "right"), ("a0", "undo")])
    assert opened.rules.meant == ["glass-behind"] * 3
    client.publish(f"{base}/glass-behind/alerts/set", "OFF", 1)
    until(lambda: not opened.controls.is_on("glass-behind"))
    until(lambda: opened.subscriber.payloads("glass-behind/alerts")[-1] == "OFF")
    opened.show("a2")
    opened.show("a1", "end")  # told, as its start was
    client.publish(f"{base}/device/alerts/set", "OFF", 1)
    until(lambda: not opened.controls.is_on())
    client.publish(f"{base}/glass-behind/false_alarms_per_hour/set", "0.25", 1)
    until(lambda: opened.rules.config.rules[0].false_alarms_per_hour == 0.25)
    opened.output.show(opened.controls.filter(hearing()))
    until(lambda: opened.subscriber.payloads("behind/false_alarms_per_hour")[-1:] == ["0.25"])
    assert set(opened.subscriber.ids()) == {"a1"}
    client.publish(f"{base}/glass-behind/false_alarms_per_hour/set", "many", 1)
    client.publish(f"{base}/no-rule/alerts/set", "OFF", 1)
    until(lambda: len(opened.notices) == 2)
    assert "'many' is no number" in opened.notices[0]
    assert "there is no rule 'no-rule': there are glass-behind, bang" in opened.notices[1]


def _says_of_deafness(subscriber: Subscriber, told: list[str]) -> bool:
    return subscriber.payloads("device/deaf") == told


def test_deafness_is_told_at_once(opened: Opened) -> None:
    until(lambda: opened.subscriber.payloads("device/deaf") == ["OFF"])
    for deaf, told in ((True, ["OFF", "ON"]), (False, ["OFF", "ON", "OFF"])):
        event = HealthEvent("deaf" if deaf else "hearing", 1.0, Health("FAILED", deaf=deaf))
        opened.output.show(hearing(1.0, health=event))
        until(partial(_says_of_deafness, opened.subscriber, told))


def test_home_assistant_is_told_again_when_it_comes_up_and_when_rules_change(
    opened: Opened,
) -> None:
    subscriber = opened.subscriber
    until(lambda: len(subscriber.payloads("test/config")) == 1)
    subscriber.client.publish("homeassistant/status", "online", 1)
    until(lambda: len(subscriber.payloads("test/config")) == 2)
    opened.rules.change_rules([GLASS])
    opened.output.show(opened.controls.filter(hearing()))

    def later() -> list[dict[str, Any]]:
        """What was announced since: more than twice if an echo of what was before comes late."""
        return [json.loads(told)["cmps"] for told in subscriber.payloads("test/config")[2:]]

    until(lambda: len(later()) >= 2 and not any("bang" in key for key in later()[-1]))
    assert later()[0]["bang_sound_binary_sensor"] == {"p": "binary_sensor"}  # removed, then without


def test_what_an_earlier_run_announced_is_removed(broker: Broker) -> None:
    subscriber = Subscriber(broker)
    old = {"cmps": {"old_event": {"p": "event", "unique_id": "x", "stat_t": "y"}}}
    topic = "homeassistant/device/test/config"
    subscriber.client.publish(topic, json.dumps(old), 1, True).wait_for_publish(5)
    found = Opened(broker)
    until(lambda: any('"old_event": {"p": "event"}' in p for p in subscriber.payloads(topic)))
    until(lambda: "old_event" not in subscriber.payloads(topic)[-1])
    found.close()
    subscriber.close()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"username": None, "password_env": "X"}, "add username"),
        ({"ca_file": "x.pem"}, "add tls: true"),
        ({"tls": True, "key_file": "x.pem"}, "add it"),
        ({"tls": True, "ca_file": "/nowhere.pem"}, "name PEM files"),
        ({"username": "a", "password_env": "NOT_SET"}, "export NOT_SET="),
    ],
)
def test_settings_that_cannot_be(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        MqttSettings(host="x", **given).open(Surroundings(pytest.fail))
