"""Value types of user files: each reads a node and knows its JSON Schema.

``read`` gives `UNREAD` for what is wrong, after it has said so: the rest of the file is looked
at all the same.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final, NamedTuple, Protocol

from elsa_rt.errors import UsageError
from elsa_rt.user_files.problems import Report
from elsa_rt.user_files.yaml_lines import Node

MAX_SHOWN = 40

UNREAD: Final = object()


class Kind(Protocol):
    """Kind of a value: reads a node, and knows its JSON Schema."""

    def read(self, node: Node, report: Report) -> Any:
        """The value in ``node``, or `UNREAD`."""

    def schema(self) -> dict[str, Any]:
        """The same as JSON Schema."""


@dataclass(frozen=True)
class Text:
    """A sentence, a name, a path; ``check`` raises a UsageError for what cannot be."""

    pattern: str = r"\S"  # what JSON Schema asks, too
    needed: str = "text"
    check: Callable[[str], object] | None = None

    def read(self, node: Node, report: Report) -> Any:
        text = node.value
        if not isinstance(text, str):
            quoted = isinstance(text, (bool, int, float))
            cure = (
                f'write it in quotes, "{shown(node.value)}"' if quoted else "write it in one line"
            )
            report(node.line, f"{shown(node.value)} is not text: {cure}")
            return UNREAD
        try:
            if self.check is not None:
                self.check(text)
            if any(unicodedata.category(character) == "Cc" for character in text):
                raise UsageError(f"{text[:MAX_SHOWN]!r} has a control character: take it out")
        except UsageError as error:
            report(node.line, str(error))
            return UNREAD
        if not re.search(self.pattern, text):
            report(node.line, f"{text!r}: {self.needed} is needed")
            return UNREAD
        return text

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": self.pattern}


@dataclass(frozen=True)
class Choice:
    """One of a few words."""

    choices: tuple[str, ...]

    def read(self, node: Node, report: Report) -> Any:
        if node.value in self.choices:
            return node.value
        report(node.line, f"{shown(node.value)} is unknown: choose {' | '.join(self.choices)}")
        return UNREAD

    def schema(self) -> dict[str, Any]:
        return {"enum": list(self.choices)}


@dataclass(frozen=True)
class Flag:
    """true or false."""

    def read(self, node: Node, report: Report) -> Any:
        if isinstance(node.value, bool):
            return node.value
        report(node.line, f"{shown(node.value)}: write true or false")
        return UNREAD

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


@dataclass(frozen=True)
class Number:
    """A number from ``least`` to ``most``; infinity only where ``endless``.

    With ``beyond`` it must be more than ``least``.
    """

    least: float = -math.inf
    most: float = math.inf
    whole: bool = False
    endless: bool = False
    beyond: bool = False

    def read(self, node: Node, report: Report) -> Any:
        value = node.value
        if isinstance(value, bool) or not isinstance(value, int if self.whole else (int, float)):
            needed = "a whole number" if self.whole else "a number"
            report(node.line, f"{shown(node.value)}: {needed} is needed")
            return UNREAD
        inside = self.least <= value <= self.most and not (self.beyond and value == self.least)
        if not inside or (math.isinf(value) and not self.endless):
            report(node.line, f"{value}: {self._range()} is needed")
            return UNREAD
        return value if self.whole else float(value)

    def schema(self) -> dict[str, Any]:
        least = "exclusiveMinimum" if self.beyond else "minimum"
        bounds = {least: self.least, "maximum": self.most}
        found: dict[str, Any] = {"type": "integer" if self.whole else "number"}
        return found | {name: bound for name, bound in bounds.items() if math.isfinite(bound)}

    def _range(self) -> str:
        if self.beyond:
            return f"more than {self.least:g}, up to {self.most:g}"
        if math.isinf(self.most):
            return f"{self.least:g} or more" if math.isfinite(self.least) else "a finite number"
        return f"{self.least:g}..{self.most:g}"


@dataclass(frozen=True)
class Many:
    """A list of ``count`` values, or of any number but none; ``lone`` ones need no list."""

    each: Kind
    count: int | None = None
    lone: bool = False

    def read(self, node: Node, report: Report) -> Any:
        if (
            self.lone
            and isinstance(node.value, dict) is isinstance(self.each, Table)
            and not (isinstance(node.value, list))
        ):
            one = self.each.read(node, report)
            return UNREAD if one is UNREAD else (one,)
        if not isinstance(node.value, list) or len(node.value) != (self.count or len(node.value)):
            needed = f"{self.count} values" if self.count else "a list"
            report(node.line, f"{shown(node.value)}: {needed} in brackets, [..], is needed")
            return UNREAD
        if not node.value:
            report(node.line, "an empty list: write something into it, or leave it out")
            return UNREAD
        values = tuple(self.each.read(one, report) for one in node.value)
        return UNREAD if UNREAD in values else values

    def schema(self) -> dict[str, Any]:
        each = self.each.schema()
        several = {"type": "array", "items": each, "minItems": self.count or 1}
        if self.count:
            several["maxItems"] = self.count
        return {"anyOf": [each, several]} if self.lone else several


class Key(NamedTuple):
    """Kind, description and default of one key."""

    kind: Kind
    about: str
    default: Any = None


@dataclass(frozen=True)
class Table:
    """Keys and values; all but those that are ``needed`` may be left out."""

    keys: Mapping[str, Key]
    needed: tuple[str, ...] = ()
    needed_any: tuple[str, ...] = ()  # at least one of these
    exclusive: tuple[tuple[str, str], ...] = ()  # of each pair at most one

    def read(self, node: Node, report: Report) -> Any:
        """A dict of what could be read."""
        if not isinstance(node.value, dict):
            report(
                node.line,
                f"{shown(node.value)}: keys and values are needed: {', '.join(self.keys)}",
            )
            return UNREAD
        found = {}
        for name, value in node.value.items():
            line = node.key_lines[name]
            if name not in self.keys:
                near = get_close_matches(name, self.keys, 1)
                cure = f"did you mean {near[0]}?" if near else f"there are {', '.join(self.keys)}"
                report(line, f"unknown key {name[:MAX_SHOWN]!r}: {cure}")
                continue
            if value.value is None:
                report(value.line, f"{name} has no value: write one, or take the key out")
                continue
            kind = self.keys[name].kind
            read = kind.read(value, report if _has_keys(kind) else _within(name, report))
            if read is not UNREAD:
                found[name] = read
        self._complete(node, report)
        return found

    def schema(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "type": "object",
            "properties": {name: _property(key) for name, key in self.keys.items()},
            "additionalProperties": False,
        }
        if self.needed:
            found["required"] = list(self.needed)
        if self.needed_any:
            found["anyOf"] = [{"required": [name]} for name in self.needed_any]
        if self.exclusive:
            found["allOf"] = [{"not": {"required": list(pair)}} for pair in self.exclusive]
        return found

    def _complete(self, node: Node, report: Report) -> None:
        for name in self.needed:
            if name not in node.value:
                report(node.line, f"{name} is missing: {self.keys[name].about}")
        if self.needed_any and not set(self.needed_any) & node.value.keys():
            report(node.line, f"nothing to go by: one of {', '.join(self.needed_any)} is needed")
        for one, other in self.exclusive:
            if {one, other} <= node.value.keys():
                report(node.key_lines[other], f"both {one} and {other}: take one out")


def _within(name: str, report: Report) -> Report:
    return lambda line, what: report(line, f"{name}: {what}")


def _has_keys(kind: Kind) -> bool:
    return isinstance(kind, Table) or (isinstance(kind, Many) and _has_keys(kind.each))


def _property(key: Key) -> dict[str, Any]:
    found = key.kind.schema() | {"description": key.about}
    return found if key.default is None else found | {"default": key.default}


def shown(value: Any) -> str:
    """``value`` for a message, of bounded length."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if value is None:
        return "nothing"
    text = repr(value)
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "..."
