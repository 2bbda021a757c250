"""``elsa-rt devices``: list the microphones."""

from __future__ import annotations

import argparse

from elsa_rt.cli.options import Commands, add_command

MORE = """\
SOURCE of the other commands is the name, a part of it, or the number in front. Numbers change when
devices are plugged in, names stay; hw:CARD=ID is a card of ALSA by its id (cat /proc/asound/cards):

  elsa-rt devices
  elsa-rt listen 3 --prompt "a dog barking"

Ambisonics needs four channels as they come from the microphone. Sound servers (PulseAudio,
PipeWire, "default") mix them without a word: prefer a device of ALSA (hw:...) or JACK.
"""


WIDEST = 1000
"""Columns that the table may take."""


def add(commands: Commands) -> None:
    add_command(commands, "devices", run, "list the microphones", MORE)


def run(arguments: argparse.Namespace) -> int:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from elsa_rt.cli.notices import Notices
    from elsa_rt.microphones.library import all_profiles, profiles_for_device
    from elsa_rt.sources.devices import devices, unreadable_devices

    found, unreadable = devices(), unreadable_devices()
    profiles = all_profiles(Notices())
    for line in unreadable:
        print(line)
    if not found:
        if not unreadable:
            print("no microphone found: is it plugged in, and are you in the group audio?")
        return 0
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("number", "channels", "rate", "system"):
        table.add_column(title, justify="left" if title == "system" else "right", no_wrap=True)
    for title in ("name", "--microphone", ""):
        table.add_column(title, no_wrap=True)
    for device in found:
        enough = device.channels >= 4
        note = "mixes ambisonics" if device.remixes else "" if enough else "fewer than 4 channels"
        table.add_row(
            str(device.index),
            str(device.channels),
            f"{device.rate:.0f}",
            device.host_api,
            Text(device.name, "" if enough else "dim"),
            Text(", ".join(p.name for p in profiles_for_device(device.name, profiles)), "cyan"),
            Text(note, "yellow"),
        )
    console = Console(soft_wrap=True)
    whole = console.measure(table, options=console.options.update(max_width=WIDEST))
    console.width = max(console.width, whole.maximum)  # a name that is cut opens nothing
    console.print(table)
    return 0
