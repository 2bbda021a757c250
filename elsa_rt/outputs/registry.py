"""All types of outputs, by the name that stands behind ``type`` in a rules file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from elsa_rt.outputs.api import ApiSettings
from elsa_rt.outputs.base import OutputSettings
from elsa_rt.outputs.clips import ClipsSettings
from elsa_rt.outputs.exec import ExecSettings
from elsa_rt.outputs.foxglove import FoxgloveSettings, McapSettings
from elsa_rt.outputs.mqtt import MqttSettings
from elsa_rt.outputs.osc import OscSettings
from elsa_rt.outputs.prometheus import PrometheusSettings
from elsa_rt.outputs.ros2 import Ros2Settings
from elsa_rt.outputs.rotating import JsonlFile
from elsa_rt.outputs.settings import SettingInfo
from elsa_rt.outputs.webhook import WebhookSettings

OUTPUTS: dict[str, type[OutputSettings]] = {
    settings.type: settings
    for settings in (
        JsonlFile,
        MqttSettings,
        WebhookSettings,
        ExecSettings,
        OscSettings,
        PrometheusSettings,
        ApiSettings,
        ClipsSettings,
        McapSettings,
        FoxgloveSettings,
        Ros2Settings,
    )
}


def settings_of(output: type[OutputSettings]) -> Mapping[str, tuple[SettingInfo, Any]]:
    """What is known of each setting of ``output``, and its default, MISSING where it has none."""
    return {
        field.name: (field.metadata["setting"], field.default)
        for field in fields(output)  # type: ignore[arg-type]
    }
