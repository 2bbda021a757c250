"""Reading and writing microphone profiles as YAML; what does not fit is said with its place."""

from __future__ import annotations

import math
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from elsa_rt.audio.ambisonics import FORMATS, MOUNTS
from elsa_rt.errors import ElsaError, UsageError
from elsa_rt.files import replacing
from elsa_rt.microphones.capsules import LAYOUTS
from elsa_rt.microphones.profile import Profile

SCHEMA = 1
UNKNOWN = "unknown"
"""What a file says of a figure that nobody has looked up or measured."""

BODIES = ("open", "rigid")

_Check = Callable[[Any], Any]


def read_profile(path: Path) -> Profile:
    """The profile in ``path``; its name is that of the file.

    Raises
    ------
    UsageError
        It is missing, no YAML, or says something that cannot be.
    """
    try:
        table = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        known = "elsa-rt microphones lists those that have a name"
        raise _wrong(path, f"{error.strerror}; {known}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise _wrong(path, f"it is not YAML ({' '.join(str(error).split())})") from None
    if not isinstance(table, dict):
        raise _wrong(path, "it is not a table of keys and values")
    if table.pop("schema", None) != SCHEMA:
        raise _wrong(path, f"schema: {SCHEMA} is missing, or it is made for another elsa-rt")
    capsules = table.pop("capsules", None) or {}
    if not isinstance(capsules, dict):
        raise _wrong(path, f"capsules is {capsules!r}: keys and values are needed")
    table |= {f"capsules.{key}": value for key, value in capsules.items()}
    given: dict[str, Any] = {"name": path.stem, "path": path, "title": path.stem}
    for key, value in table.items():
        if key not in _KEYS:
            near = get_close_matches(str(key), _KEYS, 1)
            raise _wrong(path, f"{key} is no key{f', did you mean {near[0]}?' if near else ''}")
        if value is None or value == UNKNOWN:
            continue
        try:
            given[key.removeprefix("capsules.")] = _KEYS[key](value)
        except (TypeError, ValueError) as error:
            raise _wrong(path, f"{key} is {value!r}: {error}") from None
    if "filters" in given:
        given["filters"] = path.parent / str(given["filters"])
    omni = given.get("directivity") == 1 and "refused" not in given
    if omni and not (given.get("order") and given.get("radius_mm")):
        raise _wrong(path, "omnidirectional capsules need capsules.order and capsules.radius_mm")
    return Profile(**given)


def write_profile(profile: Profile, path: Path) -> None:
    """Write ``profile`` to ``path``; what was there stays until the new file is whole."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        text = yaml.safe_dump(
            _as_table(profile),
            sort_keys=False,
            allow_unicode=True,
            width=100,
            default_flow_style=None,
        )
        with replacing(path) as part:
            part.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ElsaError(
            f"writing {path}: {error.strerror}: see that the place is writable, "
            "or name another with --output FILE.yaml"
        ) from error


def _as_table(profile: Profile) -> dict[str, Any]:
    table: dict[str, Any] = {"schema": SCHEMA, "title": profile.title, "about": profile.about}
    plain = Profile("", "")
    for key in _KEYS:
        name = key.removeprefix("capsules.")
        value = getattr(profile, name)
        if value == getattr(plain, name) or name in table:
            continue
        value = _plain(value)
        if key == name:
            table[key] = value
        else:
            table.setdefault("capsules", {})[name] = value
    return table


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Path):
        return value.name
    return round(value, 4) if isinstance(value, float) else value


def _wrong(path: Path, what: str) -> UsageError:
    return UsageError(f"reading microphone profile {path}: {what}")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("text is needed")
    return " ".join(value.split())


def _one_of(*choices: str) -> _Check:
    def check(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"choose {', '.join(choices)}")
        return str(value)

    return check


def _number(least: float, most: float) -> _Check:
    def check(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise TypeError("a number is needed")
        if not least <= value <= most or math.isinf(value):
            raise ValueError(f"{least:g}..{most:g} is needed")
        return float(value)

    return check


def _several(check: _Check, count: int | None = None) -> _Check:
    def check_all(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list) or (count is not None and len(value) != count):
            raise TypeError(f"a list of {count or 'values'} is needed")
        return tuple(check(one) for one in value)

    return check_all


def _channels(value: Any) -> tuple[int, ...]:
    numbers = tuple(int(one) for one in _several(_number(1, 1000))(value))
    if len(set(numbers)) != len(numbers):
        raise ValueError("a channel stands twice")
    return numbers


def _four_channels(value: Any) -> tuple[int, ...]:
    numbers = _channels(value)
    if len(numbers) != 4:
        raise ValueError("four channels, counted from 1, are needed")
    return numbers


def _rates(value: Any) -> tuple[int, ...]:
    return tuple(int(one) for one in _several(_number(8_000, 768_000))(value))


def _order(value: Any) -> Any:
    if isinstance(value, str):
        return _one_of(*LAYOUTS)(value)
    return _several(_several(_number(-360, 360), 2), 4)(value)


def _sources(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise TypeError("keys and texts are needed")
    return {str(key): _text(text) for key, text in value.items()}


_KEYS: dict[str, _Check] = {
    "title": _text,
    "about": _text,
    "formats": _several(_one_of(*FORMATS)),
    "channels": _four_channels,
    "silent": _channels,
    "device": _several(_text),
    "rates": _rates,
    "mount": _one_of(*MOUNTS),
    "capsules.order": _order,
    "capsules.radius_mm": _number(0, 500),
    "capsules.directivity": _number(0, 1),
    "capsules.body": _one_of(*BODIES),
    "limit_hz": _number(50, 100_000),
    "signs": _several(_number(-1, 1), 4),
    "gains_db": _several(_number(-60, 60), 4),
    "delays_us": _several(_number(-5_000, 5_000), 4),
    "filters": _text,
    "yaw_deg": _number(-360, 360),
    "warning": _text,
    "refused": _text,
    "residual_deg": _number(0, 180),
    "sources": _sources,
}
"""What may stand in a file, and what it must be."""
