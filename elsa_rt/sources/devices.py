"""Input devices: the gate to PortAudio."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from elsa_rt.errors import DeviceError

COMMON_RATES = (8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000, 192_000)
COMMON_CHANNELS = (4, 6, 8, 16, 19, 32)
ANY_CHANNELS = 128
"""PortAudio says this of a software device that takes any number of channels."""

REMIXERS = ("pulse", "pipewire", "default", "sysdefault")
"""ALSA names that lead to a desktop sound server; such servers mix ambisonic channels."""


@dataclass(frozen=True)
class DeviceInfo:
    """One input device as PortAudio knows it."""

    index: int
    name: str
    host_api: str
    channels: int
    rate: int  # Hz, its own
    remixes: bool  # belongs to a sound server that may mix the channels

    def __str__(self) -> str:
        return f"{self.index}: {self.name}, {self.host_api} ({self.channels} in, {self.rate} Hz)"


def portaudio() -> Any:
    """The sounddevice module.

    Raises
    ------
    DeviceError
        It or the PortAudio library is not installed; only microphones need them.
    """
    try:
        import sounddevice
    except ImportError as error:
        raise DeviceError(
            f"cannot use a microphone, sounddevice is missing ({error}): pip install sounddevice"
        ) from error
    except OSError as error:
        raise DeviceError(
            f"cannot use a microphone, the PortAudio library is missing ({error}): "
            "apt-get install libportaudio2"
        ) from error
    return sounddevice


def devices() -> list[DeviceInfo]:
    """Every device that can be recorded from, in PortAudio's order."""
    return [
        DeviceInfo(
            index,
            entry["name"],
            api,
            entry["max_input_channels"],
            round(entry["default_samplerate"]),
            _remixes(entry["name"], api),
        )
        for index, api, entry in _entries()
        if isinstance(entry, dict) and entry["max_input_channels"] > 0
    ]


def unreadable_devices() -> list[str]:
    """Devices whose name is no UTF-8, in words: sounddevice can neither describe nor open them."""
    return [
        f"{index}: {entry!r}, {api}: its name is no UTF-8, so it cannot be opened: rename it"
        for index, api, entry in _entries()
        if isinstance(entry, bytes)
    ]


def _entries() -> Iterator[tuple[int, str, dict[str, Any] | bytes]]:
    """Index, system and description of every device, or its name where that is no UTF-8."""
    sd = portaudio()
    try:
        systems = {index: api["name"] for api in sd.query_hostapis() for index in api["devices"]}
        for index, api in sorted(systems.items()):
            try:
                yield index, api, sd.query_devices(index)
            except UnicodeDecodeError as error:
                yield index, api, error.object
    except sd.PortAudioError as error:
        raise DeviceError(f"cannot list the sound devices: {error}") from error


def default_index() -> int:
    """Index of the default input device; -1 if there is none."""
    sd = portaudio()
    try:
        return int(sd.query_devices(kind="input")["index"])
    except (sd.PortAudioError, ValueError):  # of a name that is no UTF-8, too
        return -1


def supported(device: DeviceInfo, channels: int, rate: int) -> str:
    """In words, the common rates that go with ``channels`` and the channels with ``rate``."""
    rates = [str(r) for r in COMMON_RATES if accepts(device, channels, r)]
    counts = [str(c) for c in sorted({*COMMON_CHANNELS, device.channels}) if c <= device.channels]
    counts = [c for c in counts if accepts(device, int(c), rate)]
    return (
        f"with {channels} channels it takes {', '.join(rates) or 'no common rate'}"
        f"{' Hz' if rates else ''}; at {rate} Hz it takes "
        f"{', '.join(counts) or 'no common number of'} channels"
    )


def accepts(device: DeviceInfo, channels: int, rate: int) -> bool:
    """Whether the device can be opened so."""
    sd = portaudio()
    try:
        sd.check_input_settings(device.index, channels, "float32", None, rate)
    except (sd.PortAudioError, ValueError):
        return False
    return True


def _remixes(name: str, host_api: str) -> bool:
    return (host_api == "ALSA" and name.casefold() in REMIXERS) or "pulse" in host_api.casefold()
