"""Thresholds put into a rules file; every comment and every other character stays."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from elsa_rt.errors import UsageError
from elsa_rt.user_files.yaml_lines import parse, without_lines

START, END, ASKED = "alert_start", "alert_end", "false_alarms_per_hour"


class _Change(NamedTuple):
    start: int  # of what it replaces
    end: int
    text: str


def with_starts(path: Path, text: str, starts: Mapping[int, float]) -> str:
    """``text`` of the rules file ``path`` with ``alert_start`` of some rules, by their index.

    An ``alert_start`` that is there gets the new value, ``false_alarms_per_hour`` gives way to
    it; else it becomes the rule's second key. An ``alert_end`` above it comes down to it.

    Raises
    ------
    UsageError
        The file is written in a way that cannot be changed safely.
    """
    root = yaml.compose(text, yaml.SafeLoader)
    rules = _value(root, "rules")
    if not isinstance(rules, yaml.SequenceNode):
        raise _by_hand(path)
    changes = [
        change
        for index, start in starts.items()
        for change in (_start(text, rules.value[index], start), *_end(rules.value[index], start))
    ]
    edited = text
    for change in sorted(changes, reverse=True):
        edited = edited[: change.start] + change.text + edited[change.end :]
    if _plain(path, edited) != _expected(_plain(path, text), starts):
        raise _by_hand(path)
    return edited


def _start(text: str, rule: yaml.MappingNode, start: float) -> _Change:
    for key, value in rule.value:
        if key.value in (START, ASKED):
            return _Change(key.start_mark.index, value.end_mark.index, f"{START}: {start:g}")
    first, value = rule.value[0]
    if rule.flow_style:
        at = value.end_mark.index
        return _Change(at, at, f", {START}: {start:g}")
    if value.start_mark.line == value.end_mark.line:  # after the whole line, its comment included
        at = text.find("\n", value.end_mark.index)
        at = len(text) if at < 0 else at
        return _Change(at, at, f"\n{' ' * first.start_mark.column}{START}: {start:g}")
    at = first.start_mark.index
    return _Change(at, at, f"{START}: {start:g}\n{' ' * first.start_mark.column}")


def _end(rule: yaml.MappingNode, start: float) -> list[_Change]:
    return [
        _Change(value.start_mark.index, value.end_mark.index, f"{start:g}")
        for key, value in rule.value
        if key.value == END and float(value.value) > start
    ]


def _expected(plain: Any, starts: Mapping[int, float]) -> Any:
    for index, start in starts.items():
        rule = plain["rules"][index]
        rule.pop(ASKED, None)
        rule[START] = float(f"{start:g}")
        if rule.get(END, 0) > start:
            rule[END] = rule[START]
    return plain


def _plain(path: Path, text: str) -> Any:
    """Plain values of ``text``; problems of its own are ignored by an edit."""
    return without_lines(parse(path, text, lambda line, what: None))


def _value(table: yaml.Node | None, name: str) -> yaml.Node | None:
    pairs = table.value if isinstance(table, yaml.MappingNode) else []
    return next((value for key, value in pairs if key.value == name), None)


def _by_hand(path: Path) -> UsageError:
    return UsageError(
        f"writing {path}: its rules are written in a way that cannot be changed safely: "
        "leave out --write and put in by hand what is printed"
    )
