"""Microphone profiles as YAML files: reading, with every problem in its line, and writing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from elsa_rt.audio.ambisonics import FORMATS, MOUNTS
from elsa_rt.errors import ElsaError
from elsa_rt.files import replacing
from elsa_rt.microphones.capsules import LAYOUTS
from elsa_rt.microphones.profile import Profile
from elsa_rt.user_files.problems import FileError, Problem, Report
from elsa_rt.user_files.value_types import UNREAD, Choice, Key, Kind, Many, Number, Table, Text
from elsa_rt.user_files.yaml_lines import Node, parse, read_text

SCHEMA = 1
UNKNOWN = "unknown"
"""What a file says of a figure that nobody has looked up or measured."""

BODIES = ("open", "rigid")


def read_profile(path: Path) -> Profile:
    """The profile in ``path``; its name is that of the file.

    Raises
    ------
    FileError
        It is missing, no YAML, or says something that cannot be.
    """
    problems: list[Problem] = []

    def report(line: int, what: str) -> None:
        problems.append(Problem(line, what))

    root = _known(parse(path, read_text(path), report))
    _check_schema(root, report)
    table = _TABLE.read(root, report)
    if problems:
        raise FileError(path, problems)
    given = {"title": path.stem, **table, **table.get("capsules", {})}
    given.pop("capsules", None)
    del given["schema"]
    if "filters" in given:
        given["filters"] = path.parent / given["filters"]
    omni = given.get("directivity") == 1 and "refused" not in given
    if omni and not (given.get("order") and given.get("radius_mm")):
        what = "omnidirectional capsules need capsules.order and capsules.radius_mm"
        raise FileError(path, [Problem(root.key_lines["capsules"], what)])
    return Profile(name=path.stem, path=path, **given)


def _known(node: Node) -> Node:
    """A table without the keys whose value nobody has looked up or measured."""
    if not isinstance(node.value, dict):
        return node
    value = {k: _known(v) for k, v in node.value.items() if v.value not in (None, UNKNOWN)}
    return Node(value, node.line, node.key_lines)


def _check_schema(root: Node, report: Report) -> None:
    if not isinstance(root.value, dict):
        return
    schema = root.value.get("schema")
    if schema is None or schema.value != SCHEMA:
        line = root.line if schema is None else schema.line
        what = f"schema: {SCHEMA} is missing" if schema is None else f"schema {schema.value!r}"
        report(line, f"{what}: this elsa-rt reads profiles of schema {SCHEMA}")


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
    for name in (*_KEYS, *_CAPSULES):
        value = getattr(profile, name)
        if value != getattr(plain, name) and name not in table:
            (table.setdefault("capsules", {}) if name in _CAPSULES else table)[name] = _plain(value)
    return table


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Path):
        return value.name
    return round(value, 4) if isinstance(value, float) else value


@dataclass(frozen=True)
class _Channels:
    """Channels of a device counted from 1, each once; ``count`` of them, or any number."""

    count: int | None = None

    def read(self, node: Node, report: Report) -> Any:
        numbers = self._list.read(node, report)
        if numbers is not UNREAD and len(set(numbers)) != len(numbers):
            report(node.line, "a channel stands twice")
            return UNREAD
        return numbers

    def schema(self) -> dict[str, Any]:
        return self._list.schema() | {"uniqueItems": True}

    @property
    def _list(self) -> Many:
        return Many(Number(1, 1000, whole=True), self.count)


@dataclass(frozen=True)
class _Order:
    """Name of a layout of capsules, or azimuth and elevation in degrees of each of the four."""

    def read(self, node: Node, report: Report) -> Any:
        kind = Choice(tuple(LAYOUTS)) if isinstance(node.value, str) else _ANGLES
        return kind.read(node, report)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [Choice(tuple(LAYOUTS)).schema(), _ANGLES.schema()]}


@dataclass(frozen=True)
class _Sources:
    """Where each figure comes from: a text behind any key."""

    def read(self, node: Node, report: Report) -> Any:
        if not isinstance(node.value, dict):
            report(node.line, "keys and texts are needed")
            return UNREAD
        return {key: _text(value.value) for key, value in node.value.items()}

    def schema(self) -> dict[str, Any]:
        return {"type": "object"}


@dataclass(frozen=True)
class _Paragraph(Text):
    """A text whose lines are joined; it may be empty."""

    pattern: str = ""

    def read(self, node: Node, report: Report) -> Any:
        value = _text(node.value) if isinstance(node.value, str) else node.value
        return super().read(Node(value, node.line), report)


def _text(value: Any) -> str:
    return " ".join(str(value).split())


_ANGLES = Many(Many(Number(-360, 360), 2), 4)
_WORDS = _Paragraph()
_CAPSULES: dict[str, Kind] = {
    "order": _Order(),
    "radius_mm": Number(0, 500),
    "directivity": Number(0, 1),
    "body": Choice(BODIES),
}
_KEYS: dict[str, Kind] = {
    "title": _WORDS,
    "about": _WORDS,
    "formats": Many(Choice(FORMATS)),
    "channels": _Channels(4),
    "silent": _Channels(),
    "device": Many(_WORDS),
    "rates": Many(Number(8_000, 768_000, whole=True)),
    "mount": Choice(MOUNTS),
    "limit_hz": Number(50, 100_000),
    "signs": Many(Number(-1, 1), 4),
    "gains_db": Many(Number(-60, 60), 4),
    "delays_us": Many(Number(-5_000, 5_000), 4),
    "filters": _WORDS,
    "yaw_deg": Number(-360, 360),
    "warning": _WORDS,
    "refused": _WORDS,
    "residual_deg": Number(0, 180),
    "sources": _Sources(),
}
_TABLE = Table(
    {"schema": Key(Number(), "version of this form")}
    | {"capsules": Key(Table({name: Key(kind, "") for name, kind in _CAPSULES.items()}), "")}
    | {name: Key(kind, "") for name, kind in _KEYS.items()}
)
"""What may stand in a file; ``calibration/README.md`` tells what each key means."""
