"""Outputs in a rules file: a table for each type, made from the fields of its settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from elsa_rt.errors import UsageError
from elsa_rt.outputs.base import OutputSettings
from elsa_rt.outputs.registry import OUTPUTS, settings_of
from elsa_rt.outputs.settings import SettingInfo
from elsa_rt.user_files.problems import Report
from elsa_rt.user_files.value_types import (
    UNREAD,
    Choice,
    Flag,
    Key,
    Kind,
    Many,
    Number,
    Table,
    Text,
)
from elsa_rt.user_files.yaml_lines import Node

SECRETS = ("password", "token", "secret", "authorization")
"""What people write by mistake for a name of an environment variable."""


@dataclass(frozen=True)
class AnyOutput:
    """A table whose other keys depend on its ``type``."""

    tables: Mapping[str, Table]

    def read(self, node: Node, report: Report) -> Any:
        """A dict of what could be read, its type and its line included."""
        if not isinstance(node.value, dict) or "type" not in node.value:
            report(node.line, f"an output needs a type: one of {', '.join(self.tables)}")
            return UNREAD
        type = Choice(tuple(self.tables)).read(node.value["type"], report)
        if type is UNREAD:
            return UNREAD
        for name in SECRETS:
            if name in node.value and f"{name}_env" in self.tables[type].keys:
                report(
                    node.key_lines[name],
                    f"{name} does not belong into this file: name an environment variable, "
                    f"{name}_env: ELSA_RT_{name.upper()}",
                )
                return UNREAD
        found = self.tables[type].read(node, report)
        return UNREAD if found is UNREAD else found | {"line": node.line}

    def schema(self) -> dict[str, Any]:
        return {
            "type": "object",
            "required": ["type"],
            "properties": {"type": {"enum": list(self.tables)}},
            "oneOf": [table.schema() for table in self.tables.values()],
        }


def any_output() -> AnyOutput:
    """The outputs that a rules file may have."""
    return AnyOutput({name: _table(output) for name, output in OUTPUTS.items()})


def make_output(
    given: Mapping[str, Any], resolved: Callable[[str], Path], report: Report
) -> OutputSettings | None:
    """The settings that `AnyOutput` has read; None after a problem was reported.

    Parameters
    ----------
    given
        What was read.
    resolved : callable
        Makes a path that starts at the rules file absolute.
    report : callable
        Hears what does not fit together.
    """
    output = OUTPUTS[given["type"]]
    known = settings_of(output)
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name in known:
            values[name] = str(resolved(value)) if known[name][0].is_path else value
    if any(default is MISSING and name not in values for name, (_, default) in known.items()):
        return None  # reported already
    try:
        return output(**values)
    except UsageError as error:
        report(given["line"], str(error))
        return None


def _table(output: type[OutputSettings]) -> Table:
    known = settings_of(output)
    hints = get_type_hints(output)
    keys = {"type": Key(Choice((output.type,)), output.about)}
    for name, (info, default) in known.items():
        usual = None if default is MISSING else default
        keys[name] = Key(_kind(info, hints[name]), info.about, usual)
    needed = tuple(name for name, (_, default) in known.items() if default is MISSING)
    return Table(keys, needed=("type", *needed))


def _kind(info: SettingInfo, hint: Any) -> Kind:
    if get_origin(hint) in (Union, UnionType):
        (hint,) = (kind for kind in get_args(hint) if kind is not type(None))
    if hint is bool:
        return Flag()
    if info.choices:
        return Choice(info.choices)
    if get_origin(hint) is tuple:
        return Many(Text(check=info.check))
    if hint in (int, float):
        return Number(info.least, info.most, whole=hint is int)
    return Text(check=info.check)
