"""Input devices: the gate to PortAudio."""

from __future__ import annotations

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
    sd = portaudio()
    try:
        apis = [api["name"] for api in sd.query_hostapis()]
        return [
            DeviceInfo(
                index,
                entry["name"],
                apis[entry["hostapi"]],
                entry["max_input_channels"],
                round(entry["default_samplerate"]),
                _remixes(entry["name"], apis[entry["hostapi"]]),
            )
            for index, entry in enumerate(sd.query_devices())
            if entry["max_input_channels"] > 0
        ]
    except sd.PortAudioError as error:
        raise DeviceError(f"cannot list the sound devices: {error}") from error


def find_device(wanted: str | int | None) -> DeviceInfo:
    """The device by index, by its whole name or a part of it; None is the default one.

    Raises
    ------
    DeviceError
        None or several fit; the message lists them.
    """
    there = devices()
    if wanted is None:
        return _default(there)
    part = str(wanted).casefold()
    fitting = [d for d in there if isinstance(wanted, str) and d.name.casefold() == part]
    if not fitting and part.isdecimal():
        fitting = [device for device in there if device.index == int(part)]
    elif not fitting:
        fitting = [d for d in there if part in f"{d.name}, {d.host_api}".casefold()]
    if not fitting:
        raise DeviceError(
            f"no microphone fits {wanted!r}, and no file has that name; {_listing(there)}"
        )
    if len(fitting) > 1:
        raise DeviceError(
            f"microphone {wanted!r} fits {len(fitting)} devices, "
            f"give more of the name or the number; {_listing(fitting)}"
        )
    return fitting[0]


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


def _default(devices: list[DeviceInfo]) -> DeviceInfo:
    sd = portaudio()
    try:
        index = sd.query_devices(kind="input")["index"]
    except (sd.PortAudioError, ValueError):
        index = -1
    for device in devices:
        if device.index == index:
            return device
    raise DeviceError(f"there is no default microphone; {_listing(devices)}")


def _listing(devices: list[DeviceInfo]) -> str:
    if not devices:
        return "no device records at all: is one plugged in (arecord -l)?"
    return "\n  ".join(["there are", *map(str, devices)])


def _remixes(name: str, host_api: str) -> bool:
    return (host_api == "ALSA" and name.casefold() in REMIXERS) or "pulse" in host_api.casefold()
