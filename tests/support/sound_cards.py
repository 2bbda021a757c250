"""A stand-in for PortAudio's list of devices: cards of ALSA that nobody can plug in here."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from elsa_rt.sources import devices

SYSTEMS = ("ALSA", "JACK Audio Connection Kit")


class PortAudioError(Exception):
    """As sounddevice has it."""


def plug_in(monkeypatch: pytest.MonkeyPatch, *names: str, default: int = -1) -> None:
    """From now on these are the devices, each of four channels; "name@1" is one of JACK."""
    entries: list[dict[str, Any]] = []
    for index, text in enumerate(names):
        name, _, system = text.partition("@")
        entries.append(
            {"index": index, "name": name, "hostapi": int(system or 0), "max_input_channels": 4,
             "default_samplerate": 48_000.0}
        )  # fmt: skip

    def query(device: int | None = None, kind: str | None = None) -> Any:
        index = default if kind else device
        if index is None or not 0 <= index < len(entries):
            raise PortAudioError(f"Error querying device {index}")
        return entries[index]

    apis = [
        {"name": system, "devices": [e["index"] for e in entries if e["hostapi"] == number]}
        for number, system in enumerate(SYSTEMS)
    ]
    module = SimpleNamespace(
        PortAudioError=PortAudioError, query_hostapis=lambda: apis, query_devices=query
    )
    monkeypatch.setattr(devices, "portaudio", lambda: module)
