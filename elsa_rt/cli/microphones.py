"""``elsa-rt microphones``: list the profiles and what each knows."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from elsa_rt.cli.notices import Notices
from elsa_rt.cli.options import Commands, add_command

if TYPE_CHECKING:
    from elsa_rt.microphones.profile import Profile

MORE = """\
A profile says what the channels of a microphone are. With a NAME it tells all that one knows, and
where each figure is from. Copy its file to make your own, or measure yours:

  elsa-rt microphones
  elsa-rt microphones sennheiser-ambeo-vr
  elsa-rt listen hw:1 --microphone sennheiser-ambeo-vr --prompt "a dog barking"
  elsa-rt calibrate microphone
"""


def add(commands: Commands) -> None:
    parser = add_command(commands, "microphones", run, "list the microphones that are known", MORE)
    parser.add_argument("name", nargs="?", metavar="NAME", help="a profile, or the file of one")
    parser.add_argument("--json", action="store_true", help="JSON, one object a line")


def run(arguments: argparse.Namespace) -> int:
    from elsa_rt.microphones.library import all_profiles, find_profile

    name = arguments.name
    profiles = all_profiles(Notices()) if name is None else [find_profile(name)]
    if arguments.json:
        for profile in profiles:
            print(json.dumps(fields(profile), ensure_ascii=False))
    elif name is not None:
        _show(profiles[0])
    else:
        _list(profiles)
    return 0


def fields(profile: Profile) -> dict[str, Any]:
    """The profile as a JSON object; null is what is not known."""
    return {
        "name": profile.name,
        "title": profile.title,
        "about": profile.about,
        "formats": list(profile.formats),
        "channels": list(profile.channels) if profile.channels else None,
        "device": list(profile.device) or None,
        "rates": list(profile.rates) or None,
        "mount": profile.mount,
        "order": profile.order,
        "body": profile.body,
        "radius_mm": profile.radius_mm,
        "directivity": profile.directivity,
        "coincidence_hz": _rounded(profile.coincidence_hz),
        "signs": list(profile.signs),
        "gains_db": list(profile.gains_db),
        "delays_us": list(profile.delays_us),
        "yaw_deg": profile.yaw_deg,
        "filters": str(profile.filters) if profile.filters else None,
        "residual_deg": profile.residual_deg,
        "usable": profile.refused is None,
        "warning": profile.warning,
        "refused": profile.refused,
        "sources": profile.sources,
        "path": str(profile.path),
    }


def state(profile: Profile) -> tuple[str, str]:
    """In a word or two how it is to be used, and the colour of that."""
    if profile.refused:
        return "encode it first", "red"
    if profile.residual_deg is not None:
        return f"calibrated, {profile.residual_deg:.0f}° left", "green"
    if profile.warning:
        return "with a warning", "yellow"
    return "", ""


def _list(profiles: list[Profile]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("name", "microphone", "format", "radius", "right up to", ""):
        table.add_column(title, no_wrap=title != "microphone")
    table.columns[0].min_width = max((len(profile.name) for profile in profiles), default=0)
    for profile in profiles:
        note, colour = state(profile)
        limit = None if profile.refused else profile.coincidence_hz
        radius = f"{profile.radius_mm:g} mm" if profile.radius_mm else "-"
        table.add_row(
            Text(profile.name, "dim" if profile.refused else "bold cyan"),
            profile.title,
            ", ".join(profile.formats),
            radius,
            f"{limit / 1000:.1f} kHz" if limit else "-",
            Text(note, colour),
        )
    console = Console()
    console.print(table)
    console.print(
        Text(
            "\n- is not known. elsa-rt microphones NAME tells more, with sources; "
            "elsa-rt listen --microphone NAME uses it",
            "dim",
        )
    )


def _show(profile: Profile) -> None:
    from rich.console import Console
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    console = Console()
    console.print(Text(profile.title, "bold cyan"))
    console.print(profile.about)
    for text, colour in ((profile.warning, "yellow"), (profile.refused, "red")):
        if text:
            console.print(Text(text, colour))
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column("value")
    table.add_column("source", style="dim")
    for name, value in _figures(profile):
        source = profile.sources.get(name) or profile.sources.get(f"capsules.{name}", "")
        table.add_row(name, Text(value, "dim" if value == "unknown" else ""), source)
    console.print(Padding(table, (1, 0)))
    console.print(Text(str(profile.path), "dim"), soft_wrap=True)


def _figures(profile: Profile) -> list[tuple[str, str]]:
    known = fields(profile)
    names = ["formats", "channels", "device", "rates", "mount", "order", "body", "radius_mm"]
    names += ["directivity", "coincidence_hz"]
    measured = ["signs", "gains_db", "delays_us", "yaw_deg", "filters", "residual_deg"]
    if profile.residual_deg is None and profile.filters is None:
        measured = []
    return [(name, _value(name, known[name])) for name in names + measured]


def _value(name: str, value: Any) -> str:
    if value is None:
        return {"channels": "1, 2, 3, 4", "filters": "none"}.get(name, "unknown")
    if isinstance(value, (list, tuple)):
        return ", ".join(str(tuple(v) if isinstance(v, (list, tuple)) else v) for v in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value)
