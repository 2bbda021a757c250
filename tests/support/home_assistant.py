"""Home Assistant without its face, run by the Python of an environment of its own.

    python tests/support/home_assistant.py PORT DIRECTORY

It starts Home Assistant's core with the MQTT integration alone, connected to the broker on PORT,
and then obeys lines of JSON on standard input, each answered by one line of JSON:

    {"wait": N}                  wait until N entities of MQTT are there; their states
    {"states": true}             the states of all entities of MQTT
    {"call": [DOMAIN, SERVICE, DATA]}    call a service; the states afterwards
    {"registry": true}           devices and entities as they are registered
    {"issues": true}             what Home Assistant complains of: repairs and warnings of its log
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from types import MappingProxyType
from typing import Any


class _Warnings(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.name}: {record.getMessage()}")


async def main(port: int, directory: str) -> None:
    from homeassistant import bootstrap, config_entries, core, loader
    from homeassistant.helpers import device_registry, entity_registry, issue_registry
    from homeassistant.setup import async_setup_component

    warnings = _Warnings()
    logging.getLogger("homeassistant").addHandler(warnings)
    hass = core.HomeAssistant(directory)
    hass.config.skip_pip = True
    hass.config_entries = config_entries.ConfigEntries(hass, {})
    loader.async_setup(hass)
    await loader.async_get_custom_components(hass)
    await bootstrap.async_load_base_functionality(hass)
    assert await async_setup_component(hass, "homeassistant", {})
    for dependency in ("http", "auth", "file_upload"):
        hass.config.components.add(dependency)  # of the face: nobody looks at it here
    await hass.async_start()
    entry = config_entries.ConfigEntry(
        data={"broker": "127.0.0.1", "port": port, "protocol": "3.1.1"},
        discovery_keys=MappingProxyType({}),
        domain="mqtt",
        minor_version=1,
        options={"discovery": True},
        source="user",
        subentries_data=[],
        title="mqtt",
        unique_id=None,
        version=2,
    )
    await hass.config_entries.async_add(entry)

    def states() -> dict[str, Any]:
        return {
            state.entity_id: {"state": state.state, "attributes": dict(state.attributes)}
            for state in hass.states.async_all()
            if (known := entities.async_get(state.entity_id)) and known.platform == "mqtt"
        }

    entities = entity_registry.async_get(hass)
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    answer({"entry": entry.state.value})
    while line := await reader.readline():
        asked = json.loads(line)
        if "wait" in asked:
            for _ in range(200):
                if len(states()) >= asked["wait"]:
                    break
                await asyncio.sleep(0.05)
        if "call" in asked:
            domain, service, data = asked["call"]
            await hass.services.async_call(domain, service, data, blocking=True)
            await asyncio.sleep(0.2)  # the command goes to elsa-rt and its new state comes back
        if "registry" in asked:
            devices = device_registry.async_get(hass)
            answer(
                {
                    "devices": [device.name for device in devices.devices.values()],
                    "entities": {
                        one.entity_id: [
                            one.unique_id,
                            one.original_device_class,
                            one.entity_category,
                        ]
                        for one in entities.entities.values()
                    },
                }
            )
        elif "issues" in asked:
            issues = issue_registry.async_get(hass)
            answer({"issues": [str(key) for key in issues.issues], "warnings": warnings.lines})
        else:
            answer(states())
    await hass.async_stop(force=True)


def answer(found: object) -> None:
    """Write one line of JSON."""
    print(json.dumps(found, default=str), flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
