"""Microphone profiles by name: those of the wheel, and a user's own.

Profiles of elsa-rt lie in ``profiles`` beside this file in the wheel, and in
``calibration/microphones`` in a checkout; a user's own in ``~/.config/elsa-rt/microphones``, where
they win over one of the same name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from elsa_rt.config import Config
from elsa_rt.errors import UsageError
from elsa_rt.files import config_directory, expanded
from elsa_rt.microphones.profile import Profile
from elsa_rt.microphones.profile_file import read_profile
from elsa_rt.notices import OnNotice, log_notice

IN_WHEEL = Path(__file__).with_name("profiles")
IN_CHECKOUT = Path(__file__).parents[2] / "calibration" / "microphones"


def profile_of(config: Config) -> Profile:
    """The profile that ``config`` asks for, resolved: its one format, channels, mount and turn.

    It reads files: whoever needs it resolves it once and passes it on.

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
        turn_deg=(config.yaw_deg, config.pitch_deg, config.roll_deg),
    )


def find_profile(wanted: str) -> Profile:
    """The profile of a file, or of that name among the user's own and those of elsa-rt."""
    if "/" in wanted or wanted.endswith((".yaml", ".yml")):
        return read_profile(expanded(wanted))
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
    profiles = []
    for _, path in sorted(_files().items()):
        try:
            profiles.append(read_profile(path))
        except UsageError as error:
            on_notice(str(error))
    return profiles


def profiles_for_device(device: str, profiles: list[Profile]) -> list[Profile]:
    """Profiles of ``profiles`` that match the name of ``device``; the user's own first."""
    name = device.casefold()
    fitting = [p for p in profiles if any(part.casefold() in name for part in p.device)]
    return sorted(fitting, key=lambda profile: profile.residual_deg is None)


def own_directory() -> Path:
    """Directory of a user's own profiles, see `elsa_rt.files.config_directory`."""
    return config_directory() / "microphones"


def _files() -> dict[str, Path]:
    shipped = IN_WHEEL if IN_WHEEL.is_dir() else IN_CHECKOUT
    return {path.stem: path for at in (shipped, own_directory()) for path in _yaml_files(at)}


def _yaml_files(directory: Path) -> Iterator[Path]:
    return directory.glob("*.yaml")
