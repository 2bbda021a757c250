"""Which input device a name means, at first and when it is plugged in again.

"Ambeo"           a part of the name, or of "name, system"
"mic"             the device of that name, else the default one
3, "3"            the number, where no device is called so
"hw:1", "hw:1,0"  a card of ALSA by its number, which another card may have after the next start
"hw:CARD=Ambeo"   a card of ALSA by its id, which a rule of udev can give it for good
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from elsa_rt.errors import DeviceError
from elsa_rt.sources.devices import DeviceInfo, default_index, devices, unreadable_devices

CARDS = Path("/proc/asound")
"""Has a link for each card: its id leads to its number."""

CARD_ID = re.compile(r"(?:plug)?hw:(?:CARD=)?([A-Za-z]\w*)(?:,(?:DEV=)?(\d+))?")
CARD_NUMBER = re.compile(r"hw:\d+")
PLACE = re.compile(r"\s*\((?:plug)?hw:\d+,\d+\)$")
"""What PortAudio adds to the name of a card of ALSA: its number of now."""


@dataclass(frozen=True)
class Known:
    """A device that was open once, to be found again wherever it is plugged in."""

    name: str
    host_api: str
    index: int
    others: tuple[str, ...]  # names of devices beside it that differ in the card's number alone


Wanted = str | int | Known | None
"""What names a device."""


def bare_name(name: str) -> str:
    """The name of a device without the number that its card has now."""
    return PLACE.sub("", name)


def is_card_id(wanted: object) -> bool:
    """Whether ``wanted`` names a card by its id, which stays when it is plugged in again."""
    return isinstance(wanted, str) and CARD_ID.fullmatch(wanted) is not None


def known(device: DeviceInfo) -> Known:
    """How ``device`` is found again."""
    bare = bare_name(device.name)
    others = tuple(
        one.name
        for one in devices()
        if one.host_api == device.host_api
        and one.name != device.name
        and bare_name(one.name) == bare
    )
    return Known(device.name, device.host_api, device.index, others)


def find_device(wanted: Wanted) -> DeviceInfo:
    """The device that ``wanted`` means; None is the default one.

    Raises
    ------
    DeviceError
        None or several fit; the message lists them.
    """
    there = devices()
    if isinstance(wanted, Known):
        return _one_of(_again(wanted, there), wanted.name, there)
    if wanted is None:
        return _default(there)
    return _one_of(_fitting(wanted, there), wanted, there)


def _again(wanted: Known, there: Sequence[DeviceInfo]) -> list[DeviceInfo]:
    """Those of its name, or else those that have it but for the number of a card."""
    of_system = [device for device in there if device.host_api == wanted.host_api]
    same = [device for device in of_system if device.name == wanted.name]
    if len(same) > 1:
        return [device for device in same if device.index == wanted.index] or same
    bare = bare_name(wanted.name)
    return same or [
        device
        for device in of_system
        if bare_name(device.name) == bare and device.name not in wanted.others
    ]


def _fitting(wanted: str | int, there: Sequence[DeviceInfo]) -> list[DeviceInfo]:
    part = str(wanted).casefold()
    numbered = [device for device in there if part.isdecimal() and device.index == int(part)]
    if isinstance(wanted, int) and numbered:
        return numbered
    for whole in ("{0.name}", "{0.name}, {0.host_api}"):
        if called := [device for device in there if whole.format(device).casefold() == part]:
            return called
    if part == "mic":
        return [_default(there)]
    if numbered or not part:
        return numbered
    if is_card_id(wanted):
        part = _place_of(str(wanted))
    elif CARD_NUMBER.fullmatch(part):
        part += ","  # hw:1 is not hw:10
    return [device for device in there if part in f"{device.name}, {device.host_api}".casefold()]


def _place_of(wanted: str) -> str:
    """What stands in the name of a device of the card whose id ``wanted`` names."""
    found = CARD_ID.fullmatch(wanted)
    assert found is not None
    card, device = found.groups()
    try:
        number = os.readlink(CARDS / card).removeprefix("card")
    except OSError as error:
        raise DeviceError(
            f"microphone {wanted}: no sound card has the id {card}: see cat {CARDS}/cards"
        ) from error
    return f"(hw:{number},{device + ')' if device else ''}"


def _one_of(
    fitting: Sequence[DeviceInfo], wanted: str | int, there: Sequence[DeviceInfo]
) -> DeviceInfo:
    if not fitting:
        raise DeviceError(
            f"no microphone fits {wanted!r}, and no file has that name; {_listing(there)}"
        )
    if len(fitting) > 1:
        raise DeviceError(
            f"microphone {wanted!r} fits {len(fitting)} devices, give more of the name, name and "
            f"system, or the number; {_listing(fitting)}"
        )
    return fitting[0]


def _default(there: Sequence[DeviceInfo]) -> DeviceInfo:
    index = default_index()
    for device in there:
        if device.index == index:
            return device
    raise DeviceError(f"there is no default microphone; {_listing(there)}")


def _listing(found: Sequence[DeviceInfo]) -> str:
    lines = [*map(str, found), *unreadable_devices()]
    if not lines:
        return "no device records at all: is one plugged in (arecord -l)?"
    return "\n  ".join(["there are", *lines])
