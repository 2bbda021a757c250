"""Microphone profiles: what a microphone's channels are, and how sure that is.

A profile is a YAML file. Those that come with elsa-rt lie beside the package in the wheel and in
``calibration/microphones`` in a checkout; a user's own in ``~/.config/elsa-rt/microphones``, where
they win over one of the same name. ``calibration/README.md`` tells what may stand in them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from elsa_rt.audio.ambisonics import (
    CARDIOID,
    FORMATS,
    MOUNTS,
    Format,
    Mount,
    direction_from_angles,
)
from elsa_rt.audio.capsules import Capsules, layout
from elsa_rt.errors import UsageError
from elsa_rt.notices import OnNotice, log_notice

if TYPE_CHECKING:
    from elsa_rt.config import Config

IN_WHEEL = Path(__file__).parents[1] / "microphones"
IN_CHECKOUT = Path(__file__).parents[2] / "calibration" / "microphones"


@dataclass(frozen=True)
class Profile:
    """One microphone. None, or an empty tuple, is what is not known.

    Attributes
    ----------
    formats : what its channels can be; the first is what they are unless told
    channels : the four to use, counted from 1, in the order of ``formats`` or of the capsules
    silent : those of them that carry nothing by design
    order : "type-i", "type-ii", or four (azimuth, elevation) in degrees, of the capsules
    body : "open" capsules in free air, or set into a "rigid" sphere
    limit_hz : above it directions are wrong; None leaves it to the radius
    signs, gains_db, delays_us : what each of the four channels is off by
    filters : npz of measured FIR filters
    yaw_deg : its own front is turned left by this
    warning, refused : what its user must know; the second is why it cannot be used, with a cure
    sources : where each figure comes from
    residual_deg : what its calibration left, where it has one
    """

    name: str
    title: str
    about: str = ""
    formats: tuple[Format, ...] = FORMATS
    channels: tuple[int, ...] | None = None
    silent: tuple[int, ...] = ()
    device: tuple[str, ...] = ()
    rates: tuple[int, ...] = ()
    mount: Mount = MOUNTS[0]
    order: str | tuple[tuple[float, float], ...] | None = None
    radius_mm: float | None = None
    directivity: float | None = None
    body: str = "open"
    limit_hz: float | None = None
    signs: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0)
    gains_db: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)
    delays_us: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)
    filters: Path | None = None
    yaw_deg: float = 0.0
    warning: str | None = None
    refused: str | None = None
    sources: dict[str, str] = field(default_factory=dict)
    residual_deg: float | None = None
    path: Path | None = None

    @property
    def format(self) -> Format:
        """What the channels are."""
        return self.formats[0]

    @property
    def capsules(self) -> Capsules:
        """Geometry of A-format: a cardioid tetrahedron of no size where nothing is known."""
        order = self.order or "type-i"
        return Capsules(
            layout(order) if isinstance(order, str) else _unit_vectors(order),
            (self.radius_mm or 0.0) / 1000,
            CARDIOID if self.directivity is None else self.directivity,
            self.body == "rigid",
        )

    @property
    def coincidence_hz(self) -> float | None:
        """Above it directions are wrong; None where that is not known."""
        if self.limit_hz is None and self.radius_mm:
            return self.capsules.coincidence_hz
        return self.limit_hz

    @property
    def notices(self) -> list[str]:
        """What a user should read when listening begins."""
        return [f"microphone {self.title}: {self.warning}"] if self.warning else []


def profile_of(config: Config) -> Profile:
    """The profile that ``config`` asks for, with its one format, its channels and its mount.

    Raises
    ------
    UsageError
        There is no such profile, it cannot be used, or it has no such format.
    """
    if config.microphone is None:
        profile = Profile("", "the microphone")
    else:
        profile = find_profile(config.microphone)
    if profile.refused:
        raise UsageError(f"--microphone {profile.name}: {profile.refused}")
    form = config.format or profile.format
    if form not in profile.formats:
        raise UsageError(
            f"--format {form}: {profile.title} gives {', '.join(profile.formats)}: "
            "leave out --format, or --microphone"
        )
    return replace(
        profile,
        formats=(form,),
        channels=config.channels or profile.channels,
        mount=config.mount or profile.mount,
    )


def find_profile(wanted: str) -> Profile:
    """The profile of a file, or of that name among the user's own and those of elsa-rt."""
    from elsa_rt.audio.profile_files import read_profile

    if "/" in wanted or wanted.endswith((".yaml", ".yml")):
        return read_profile(Path(wanted).expanduser())
    files = _files()
    if wanted not in files:
        near = get_close_matches(wanted, files, 1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise UsageError(
            f"--microphone {wanted}: there is no such profile; {hint}"
            "elsa-rt microphones lists them, a file is given with its path"
        )
    return read_profile(files[wanted])


def all_profiles(on_notice: OnNotice = log_notice) -> list[Profile]:
    """Every profile that has a name, by name; a file that is wrong is left out and said."""
    from elsa_rt.audio.profile_files import read_profile

    profiles = []
    for _, path in sorted(_files().items()):
        try:
            profiles.append(read_profile(path))
        except UsageError as error:
            on_notice(str(error))
    return profiles


def profiles_for_device(device: str, profiles: list[Profile]) -> list[Profile]:
    """Those of ``profiles`` that know a part of the name of ``device``; a user's own first."""
    name = device.casefold()
    fitting = [p for p in profiles if any(part.casefold() in name for part in p.device)]
    return sorted(fitting, key=lambda profile: profile.residual_deg is None)


def own_directory() -> Path:
    """Where a user's own profiles lie (XDG base directories)."""
    base = os.environ.get("XDG_CONFIG_HOME")
    try:
        root = Path(base) if base else Path.home() / ".config"
    except RuntimeError:  # a service without a home
        root = Path("/etc")
    return root / "elsa-rt" / "microphones"


def _files() -> dict[str, Path]:
    shipped = IN_WHEEL if IN_WHEEL.is_dir() else IN_CHECKOUT
    return {path.stem: path for at in (shipped, own_directory()) for path in _yaml_files(at)}


def _yaml_files(directory: Path) -> Iterator[Path]:
    return directory.glob("*.yaml")


def _unit_vectors(order: tuple[tuple[float, float], ...]) -> NDArray[np.float64]:
    azimuth, elevation = np.transpose(order)
    return direction_from_angles(azimuth, elevation)
