"""Report of a calibration for the terminal."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from elsa_rt.calibrate.calibration import Calibration
from elsa_rt.microphones.profile import Profile


def show(found: Calibration, target: Path) -> None:
    """Print what came of it; ``target`` is where the profile went."""
    profile, console = found.profile, Console()
    names = capsule_names(profile)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("channel", "is", "sign", "gain", "delay"):
        table.add_column(title, justify="left" if title == "is" else "right")
    for number, name, sign, gain, delay in zip(
        profile.channels or (),
        names,
        profile.signs,
        profile.gains_db,
        profile.delays_us,
        strict=True,
    ):
        inverted = Text("-" if sign < 0 else "+", "bold yellow" if sign < 0 else "")
        table.add_row(str(number), name, inverted, f"{gain:+.1f} dB", f"{delay:+.1f} µs")
    console.print()
    console.print(table)
    size = f", capsules {profile.radius_mm:g} mm from the middle" if profile.radius_mm else ""
    console.print(f"\nturned left by {profile.yaw_deg:+.1f}°{size}\n")
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("direction", "off before", "off now"):
        table.add_column(title, justify="left" if title == "direction" else "right")
    for angle in found.angles:
        table.add_row(angle.name, f"{angle.before_deg:.0f}°", f"{angle.after_deg:.1f}°")
    console.print(table)
    for doubt in found.doubts:
        console.print(Text(doubt, "yellow"), soft_wrap=True)
    colour = {"good": "bold green", "usable": "bold yellow"}.get(found.verdict, "bold red")
    console.print(
        Text.assemble(
            "\nresidual angle ",
            (f"{found.residual_deg:.1f}°: {found.verdict}", colour),
        )
    )
    if found.verdict != "not to be trusted":
        use = target.stem if target.parent.name == "microphones" else str(target)
        console.print(Text(f"written to {target}"), soft_wrap=True)
        console.print(Text(f"use it: elsa-rt listen --microphone {use}"), soft_wrap=True)


def capsule_names(profile: Profile) -> list[str]:
    """Names of the four channels of ``profile``."""
    if profile.format == "ambix":
        return ["W", "Y", "Z", "X"]
    if profile.format == "fuma":
        return ["W", "X", "Y", "Z"]
    if isinstance(profile.order, tuple):
        return [f"{azimuth:g}°" for azimuth, _ in profile.order]
    return {
        "type-ii": ["FLD", "FRU", "BLU", "BRD"],
    }.get(profile.order or "", ["FLU", "FRD", "BLD", "BRU"])
