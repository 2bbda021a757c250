"""Home Assistant's MQTT device discovery: one device, and entities for each rule.

    binary_sensor  <rule>                  ON while an alert of the rule is open
    event          <rule> event            start and end, with direction, words, score, id
    switch         <rule> alerts           whether alerts of the rule are told
    button         <rule> was false        marks the last alert of the rule as false
    button         <rule> was right        or as right, which also corrects the other
    number         <rule> false alarms     how many false alarms an hour the rule may raise
    sensor         azimuth, elevation, level
    binary_sensor  deaf                    a problem: nothing is heard any more
    switch         alerts                  whether any alerts are told

Names follow Home Assistant 2026: ``default_entity_id`` with its domain, availability by the last
will, one state topic for each entity. https://www.home-assistant.io/integrations/mqtt
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from elsa_rt.config import MAX_FALSE_ALARMS
from elsa_rt.rules.rule import Rule

ON, OFF = "ON", "OFF"
ONLINE, OFFLINE = "online", "offline"
PRESS = "PRESS"

MANUFACTURER = "elsa-rt"

NUMBER_STEP = 0.001
"""The smallest step that Home Assistant accepts for a number."""


@dataclass(frozen=True)
class Topics:
    """Where the messages of one device go."""

    base: str  # e.g. elsa-rt/living-room

    @property
    def availability(self) -> str:
        return f"{self.base}/availability"

    @property
    def commands(self) -> str:
        """The filter of all command topics."""
        return f"{self.base}/+/+/set"

    def device(self, what: str) -> str:
        return f"{self.base}/device/{what}"

    def rule(self, rule: str, what: str) -> str:
        return f"{self.base}/{rule}/{what}"

    @staticmethod
    def command(topic: str) -> str:
        return f"{topic}/set"

    def parse(self, topic: str) -> tuple[str, str] | None:
        """The rule or "device", and what of it a command topic is about."""
        match = re.fullmatch(rf"{re.escape(self.base)}/([^/]+)/([^/]+)/set", topic)
        return None if match is None else (match[1], match[2])


def config_topic(prefix: str, device: str) -> str:
    """The topic of the discovery message of ``device``."""
    return f"{prefix}/device/{device}/config"


def discovery(
    device: str,
    name: str,
    topics: Topics,
    rules: Iterable[Rule],
    *,
    model: str,
    version: str,
    gone: Iterable[tuple[str, str]] = (),
) -> dict[str, Any]:
    """The discovery message.

    Parameters
    ----------
    device
        The device's id, of [A-Za-z0-9_-].
    name
        How people call the device.
    gone : pairs of key and platform
        Entities of an earlier message that exist no longer; Home Assistant removes them.
    """
    components: dict[str, dict[str, Any]] = dict(_device_components(device, topics))
    for rule in rules:
        components.update(_rule_components(device, topics, rule))
    for key, platform in gone:
        components.setdefault(key, {"p": platform})
    return {
        "dev": {
            "ids": [device],
            "name": name,
            "mf": MANUFACTURER,
            "mdl": model,
            "sw": version,
        },
        "o": {"name": "elsa-rt", "sw": version},
        "avty_t": topics.availability,
        "pl_avail": ONLINE,
        "pl_not_avail": OFFLINE,
        "qos": 1,
        "cmps": components,
    }


def platforms(message: dict[str, Any]) -> dict[str, str]:
    """The platform of each entity in a discovery message, by its key."""
    components = message.get("cmps") or message.get("components") or {}
    return {
        str(key): str(component.get("p") or component.get("platform"))
        for key, component in components.items()
        if isinstance(component, dict) and len(component) > 1
    }


def _device_components(device: str, topics: Topics) -> Iterator[tuple[str, dict[str, Any]]]:
    def component(platform: str, what: str, name: str, **more: Any) -> tuple[str, dict[str, Any]]:
        return _component(device, platform, what, name, topics.device(what), more)

    yield component("sensor", "azimuth", "Azimuth", unit_of_meas="°", ic="mdi:compass")
    yield component("sensor", "elevation", "Elevation", unit_of_meas="°", ic="mdi:angle-acute")
    yield component(
        "sensor",
        "level",
        "Level",
        unit_of_meas="dBFS",
        ic="mdi:volume-high",
        stat_cla="measurement",
    )
    yield component("binary_sensor", "deaf", "Deaf", dev_cla="problem", ent_cat="diagnostic")
    yield component(
        "switch",
        "alerts",
        "Alerts",
        cmd_t=topics.command(topics.device("alerts")),
        ret=True,
        ent_cat="config",
        ic="mdi:bell",
    )


def _rule_components(
    device: str, topics: Topics, rule: Rule
) -> Iterator[tuple[str, dict[str, Any]]]:
    def component(platform: str, what: str, name: str, **more: Any) -> tuple[str, dict[str, Any]]:
        key, found = _component(
            device, platform, f"{rule.id}_{what}", name, topics.rule(rule.id, what), more
        )
        if what == "sound":
            found["default_entity_id"] = f"{platform}.{_entity(device, rule.id)}"
        return key, found

    label = rule.label[:1].upper() + rule.label[1:]
    yield component(
        "binary_sensor",
        "sound",
        label,
        dev_cla="sound",
        json_attr_t=topics.rule(rule.id, "attributes"),
    )
    yield component(
        "event", "event", f"{label}: event", evt_typ=["start", "end"], ic="mdi:ear-hearing"
    )
    yield component(
        "switch",
        "alerts",
        f"{label}: alerts",
        cmd_t=topics.command(topics.rule(rule.id, "alerts")),
        ret=True,
        ent_cat="config",
        ic="mdi:bell",
    )
    for verdict, icon in (("false", "mdi:thumb-down"), ("right", "mdi:thumb-up")):
        key, button = component(
            "button",
            verdict,
            f"{label}: that was {verdict}",
            cmd_t=topics.command(topics.rule(rule.id, verdict)),
            pl_prs=PRESS,
            ent_cat="config",
            ic=icon,
        )
        del button["stat_t"]  # a button has none
        yield key, button
    if rule.has_meaning:
        yield component(
            "number",
            "false_alarms_per_hour",
            f"{label}: false alarms",
            cmd_t=topics.command(topics.rule(rule.id, "false_alarms_per_hour")),
            min=NUMBER_STEP,
            max=MAX_FALSE_ALARMS,
            step=NUMBER_STEP,
            mode="box",
            unit_of_meas="1/h",
            ent_cat="config",
            ic="mdi:tune",
        )


def _component(
    device: str, platform: str, key: str, name: str, topic: str, more: dict[str, Any]
) -> tuple[str, dict[str, Any]]:
    return f"{key}_{platform}", {
        "p": platform,
        "unique_id": f"{device}_{key}_{platform}",
        "default_entity_id": f"{platform}.{_entity(device, key)}",
        "name": name,
        "stat_t": topic,
        **more,
    }


def _entity(device: str, key: str) -> str:
    """An entity id without its domain: of a-z, 0-9 and _."""
    return re.sub(r"[^a-z0-9]+", "_", f"{device}_{key}".lower()).strip("_")
