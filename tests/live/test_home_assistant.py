"""Home Assistant itself, without its face, on the same broker: its entities, its commands.

It needs an environment of its own, whose Python is named by ELSA_RT_HOME_ASSISTANT:

    make test-home-assistant
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from elsa_rt.outputs.base import Surroundings
from elsa_rt.outputs.controls import Controls
from elsa_rt.outputs.mqtt import MqttOutput, MqttSettings
from tests.support.broker import Broker, mosquitto
from tests.support.hearings import BANG, GLASS, Rules, alert, hearing, until

PYTHON = os.environ.get("ELSA_RT_HOME_ASSISTANT")

pytestmark = pytest.mark.skipif(
    PYTHON is None or mosquitto() is None,
    reason="ELSA_RT_HOME_ASSISTANT names no Python with Home Assistant: make test-home-assistant",
)

PROGRAM = Path(__file__).parents[1] / "support" / "home_assistant.py"

ENTITIES = {
    "binary_sensor.test_bang", "binary_sensor.test_deaf", "binary_sensor.test_glass_behind",
    "button.test_bang_false", "button.test_glass_behind_false",
    "button.test_bang_right", "button.test_glass_behind_right",
    "event.test_bang_event", "event.test_glass_behind_event",
    "number.test_glass_behind_false_alarms_per_hour",
    "sensor.test_azimuth", "sensor.test_elevation", "sensor.test_level",
    "switch.test_alerts", "switch.test_bang_alerts", "switch.test_glass_behind_alerts",
}  # fmt: skip


class Home:
    """Home Assistant and the output that it finds."""

    def __init__(self, broker: Broker, directory: Path) -> None:
        assert PYTHON is not None
        (directory / "configuration.yaml").touch()
        command = [PYTHON, str(PROGRAM), str(broker.port), str(directory)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        assert self._answer() == {"entry": "loaded"}
        self.notices: list[str] = []
        self.rules = Rules(GLASS, BANG)
        self.controls = Controls(self.rules)
        settings = MqttSettings("127.0.0.1", broker.port, device="test", name="Living room")
        self.output: MqttOutput = settings.open(Surroundings(self.notices.append, self.controls))

    def ask(self, **asked: Any) -> Any:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(asked) + "\n")
        return self._answer()

    def _answer(self) -> Any:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def state(self, entity: str) -> str:
        return str(self.ask(states=True)[entity]["state"])

    def show(self, *alerts: Any) -> None:
        self.output.show(self.controls.filter(hearing(1.0, *alerts)))

    def close(self) -> None:
        self.output.close()
        assert self.process.stdin is not None
        self.process.communicate(timeout=30)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    directory = tmp_path_factory.mktemp("home")
    with Broker(directory) as broker:
        found = Home(broker, directory)
        yield found
        found.close()


def test_it_has_every_entity_under_its_name(home: Home) -> None:
    assert set(home.ask(wait=len(ENTITIES))) == ENTITIES
    registry = home.ask(registry=True)
    assert registry["devices"] == ["Living room"]
    assert registry["entities"]["binary_sensor.test_deaf"][1:] == ["problem", "diagnostic"]
    assert registry["entities"]["switch.test_alerts"][2] == "config"


def test_it_finds_nothing_to_complain_of(home: Home) -> None:
    home.ask(wait=len(ENTITIES))
    found = home.ask(issues=True)
    assert found["issues"] == []
    assert [line for line in found["warnings"] if "components.mqtt" in line] == []


def test_an_alert_is_an_event_and_a_state(home: Home) -> None:
    home.ask(wait=len(ENTITIES))

    def listens() -> bool:  # it subscribes a second after it has found an entity
        home.show(alert("a0"), alert("a0", "end"))
        return home.state("event.test_glass_behind_event") not in ("unknown", "unavailable")

    until(listens)
    home.show(alert("a1"))

    def is_told() -> bool:
        found = home.ask(states=True)["event.test_glass_behind_event"]["attributes"]
        return found.get("id") == "a1"

    until(is_told)
    until(lambda: home.state("binary_sensor.test_glass_behind") == "on")
    states = home.ask(states=True)
    event = states["event.test_glass_behind_event"]["attributes"]
    assert (event["event_type"], event["id"], event["words"]) == ("start", "a1", "behind, left")
    sensor = states["binary_sensor.test_glass_behind"]
    assert sensor["attributes"]["azimuth_deg"] == 150.0
    assert sensor["attributes"]["friendly_name"] == "Living room Glass breaking"
    home.show(alert("a1", "end"))
    until(lambda: home.state("binary_sensor.test_glass_behind") == "off")
    assert home.state("sensor.test_level") == "-30.0"


def test_its_switches_its_number_and_its_button_obey(home: Home) -> None:
    home.ask(wait=len(ENTITIES))
    home.show(alert("a2"), alert("a2", "end"))
    home.ask(call=["button", "press", {"entity_id": "button.test_glass_behind_false"}])
    until(lambda: home.rules.marks == [("a2", "false")])
    entity = "switch.test_glass_behind_alerts"
    home.ask(call=["switch", "turn_off", {"entity_id": entity}])
    assert not home.controls.is_on("glass-behind")
    until(lambda: home.state(entity) == "off")
    home.ask(call=["switch", "turn_on", {"entity_id": entity}])
    assert home.controls.is_on("glass-behind")
    entity = "number.test_glass_behind_false_alarms_per_hour"
    home.ask(call=["number", "set_value", {"entity_id": entity, "value": 0.5}])
    assert home.rules.config.rules[0].false_alarms_per_hour == 0.5
    home.show()
    until(lambda: home.state(entity) == "0.5")
    assert home.notices == []


def test_a_rule_that_goes_takes_its_entities_along(home: Home) -> None:
    home.ask(wait=len(ENTITIES))
    home.rules.change_rules([GLASS])
    home.show()
    until(lambda: not any("bang" in entity for entity in home.ask(states=True)))
    home.rules.change_rules([GLASS, BANG])
    home.show()
    until(lambda: "switch.test_bang_alerts" in home.ask(states=True))


def test_it_knows_when_elsa_rt_is_away(home: Home) -> None:
    home.ask(wait=len(ENTITIES))
    home.output.close()
    until(lambda: home.state("binary_sensor.test_glass_behind") == "unavailable")
    assert {found["state"] for found in home.ask(states=True).values()} == {"unavailable"}
