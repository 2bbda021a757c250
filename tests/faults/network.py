"""Faults of the network: the broker of MQTT is killed and comes back."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from elsa_rt.demo import demo_prompts
from tests.faults.pipes import AFTER_S, BEFORE_S, GAP_S, live
from tests.faults.table import Row, missing, seconds
from tests.faults.truth import alerts_lost
from tests.support.broker import Broker, mosquitto

WAIT_S = 40.0
"""So long the last messages may take after the broker is back: tries are up to 30 s apart."""


class Subscriber:
    """A client of the broker that keeps the ids of the alerts that reached it."""

    def __init__(self, port: int) -> None:
        self.ids: set[str] = set()
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id="fault-table", clean_session=False
        )
        self._client.reconnect_delay_set(1, 1)
        self._client.on_message = self._take
        self._client.on_connect = self._subscribe
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def _subscribe(self, *_: Any) -> None:
        self._client.subscribe("elsa-rt/#", 1)

    def _take(self, client: Any, data: Any, message: paho.MQTTMessage) -> None:
        if message.topic.endswith("/event"):
            self.ids.add(json.loads(message.payload)["id"])

    def close(self) -> None:
        """Take leave."""
        self._client.disconnect()
        self._client.loop_stop()


def broker_killed(directory: Path) -> Row:
    """The broker is killed for eight seconds while alerts come."""
    fault = f"the MQTT broker is killed, {GAP_S:.0f} s"
    if mosquitto() is None:
        return missing(fault, "needs mosquitto (apt-get install mosquitto)")
    kept = f"allow_anonymous true\npersistence true\npersistence_location {directory}/\n"
    with Broker(directory, kept + "autosave_interval 1\nuser root") as broker:
        subscriber = Subscriber(broker.port)
        rules = directory / "rules.yaml"
        output = {"type": "mqtt", "host": "127.0.0.1", "port": broker.port}
        listed = [{"prompt": prompt} for prompt in demo_prompts()]
        rules.write_text(json.dumps({"rules": listed, "outputs": [output]}))
        run, feeder = live(directory, "--config", str(rules), prompts=False)
        time.sleep(BEFORE_S)
        broker.kill()
        began = time.monotonic()
        time.sleep(GAP_S)
        broker.start()
        back = time.monotonic()
        time.sleep(AFTER_S)
        feeder.stop()
        told = {line["id"] for _, line in run.lines if line["type"] == "alert"}
        while told - subscriber.ids and time.monotonic() < back + WAIT_S:
            time.sleep(0.2)
        run.end()
        subscriber.close()
    return Row(fault, seconds(run.notice("broker is gone", began)),
               seconds(run.notice("works again", back)), f"{run.lost_samples()} samples",
               f"{alerts_lost(feeder.sounds, run)} heard; {len(told - subscriber.ids)} of "
               f"{len(told)} did not arrive", "notice with what waits")  # fmt: skip


FAULTS = (broker_killed,)
