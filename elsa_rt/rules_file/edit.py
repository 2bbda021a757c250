"""Edit the text of a rules file: add, change and remove rules; every comment stays.

The text is edited in place, by the positions that the YAML parser reports, and not written anew:
libraries that keep comments attach them to the value *before*, hence a removed rule would take
the heading of its neighbour along. The result is parsed again and compared with what was meant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from elsa_rt.errors import UsageError
from elsa_rt.user_files.yaml_lines import parse, without_lines

RULES, START, END, RATE = "rules", "alert_start", "alert_end", "false_alarms_per_hour"


def changed_rule(path: Path, text: str, index: int, keys: Mapping[str, Any]) -> str:
    """``text`` in which ``keys`` of the rule at ``index`` have new values; None removes a key.

    Raises
    ------
    UsageError
        The file is written in a way that cannot be changed safely.
    """

    def edit(text: str) -> str:
        for name, value in keys.items():
            text = _with_key(text, _rule(path, text, index), name, value)
        return text

    def expect(rules: list[Any]) -> None:
        _update(rules[index], keys)

    return _edited(path, text, edit, expect)


def with_starts(path: Path, text: str, starts: Mapping[int, float]) -> str:
    """``text`` with ``alert_start`` of some rules, by their index.

    A ``false_alarms_per_hour`` of the rule gives way to it, an ``alert_end`` above comes down.

    Raises
    ------
    UsageError
        See `changed_rule`.
    """
    for index, start in starts.items():
        value = float(f"{start:g}")
        keys = {node.value: float(old.value) for node, old in _rule(path, text, index).value
                if node.value == END}  # fmt: skip
        changes: dict[str, Any] = {START: value, RATE: None}
        if keys.get(END, 0.0) > value:
            changes[END] = value

        def edit(text: str, index: int = index, changes: Mapping[str, Any] = changes) -> str:
            text = _renamed(text, _rule(path, text, index), RATE, START)
            for name, new in changes.items():
                text = _with_key(text, _rule(path, text, index), name, new)
            return text

        def expect(rules: list[Any], index: int = index, to: Mapping[str, Any] = changes) -> None:
            _update(rules[index], to)

        text = _edited(path, text, edit, expect)
    return text


def with_rule(path: Path, text: str, keys: Mapping[str, Any]) -> str:
    """``text`` with one more rule at the end of its list; ``id`` and ``prompt`` come first."""
    given = {name: value for name, value in keys.items() if value is not None}
    pairs = [f"{name}: {flow(value)}" for name, value in given.items()]

    def edit(text: str) -> str:
        sequence = _sequence(path, text)
        if not sequence.value:
            start, end = sequence.start_mark.index, sequence.end_mark.index
            return f"{text[:start].rstrip(' ')}{_item(pairs, 2)}{text[end:]}"
        last = sequence.value[-1]
        if sequence.flow_style:
            return f"{text[: _end(last)]}, {{{', '.join(pairs)}}}{text[_end(last) :]}"
        end = _line_end(text, _end(last))
        return text[:end].rstrip("\n") + _item(pairs, _dash(text, last)) + text[end:]

    def expect(rules: list[Any]) -> None:
        rules.append({name: _as_read(value) for name, value in given.items()})

    return _edited(path, text, edit, expect)


def without_rule(path: Path, text: str, index: int) -> str:
    """``text`` without the rule at ``index``; comments around it stay."""

    def edit(text: str) -> str:
        sequence, rule = _sequence(path, text), _rule(path, text, index)
        if sequence.flow_style or len(sequence.value) == 1:
            raise _by_hand(path, "its last rule, or one of a list in brackets, cannot be taken out")
        start = text.rfind("\n", 0, rule.start_mark.index) + 1
        end = min(_line_end(text, _end(rule)) + 1, len(text))
        inner = [line for line in text[start:end].splitlines(keepends=True) if _is_comment(line)]
        return text[:start] + "".join(inner) + text[end:]

    def expect(rules: list[Any]) -> None:
        del rules[index]

    return _edited(path, text, edit, expect)


def _edited(
    path: Path, text: str, edit: Callable[[str], str], expect: Callable[[list[Any]], None]
) -> str:
    """``text`` after ``edit``; it must say what ``expect`` makes of its rules, comments kept."""
    windows = "\r\n" in text
    before = text.replace("\r\n", "\n")
    expected = _plain(path, before)
    edited = edit(before)
    expect(expected[RULES])
    try:
        same = _plain(path, edited) == expected
    except (UsageError, yaml.YAMLError):
        same = False
    lost = [line for line in before.splitlines() if _is_comment(line)
            and line not in edited.splitlines()]  # fmt: skip
    if not same or lost:
        raise _by_hand(path, "its rules are written in a way that cannot be changed safely")
    return edited.replace("\n", "\r\n") if windows else edited


def _update(rule: dict[str, Any], keys: Mapping[str, Any]) -> None:
    for name, value in keys.items():
        rule.pop(name, None)
        if value is not None:
            rule[name] = _as_read(value)


def _renamed(text: str, rule: yaml.MappingNode, old: str, new: str) -> str:
    """``text`` with a key of ``rule`` under another name, in its place, unless that is there."""
    keys = {key.value: key for key, _ in rule.value}
    if old not in keys or new in keys:
        return text
    start, end = keys[old].start_mark.index, keys[old].end_mark.index
    return f"{text[:start]}{new}{text[end:]}"


def _with_key(text: str, rule: yaml.MappingNode, name: str, value: Any) -> str:
    for place, (key, old) in enumerate(rule.value):
        if key.value != name:
            continue
        if value is None:
            return _without_key(text, rule, place)
        start, end = old.start_mark.index, _end(old)
        space = " " if text[start - 1] not in " \t" else ""
        return f"{text[:start]}{space}{flow(value)}{text[end:]}"
    if value is None:
        return text
    pair = f"{name}: {flow(value)}"
    last = rule.value[-1][1]
    if rule.flow_style:
        return f"{text[: _end(last)]}, {pair}{text[_end(last) :]}"
    at = _line_end(text, _end(last))
    column = rule.value[0][0].start_mark.column
    return f"{text[:at]}\n{' ' * column}{pair}{text[at:]}"


def _without_key(text: str, rule: yaml.MappingNode, place: int) -> str:
    key, old = rule.value[place]
    start, end = key.start_mark.index, _end(old)
    following = rule.value[place + 1][0].start_mark.index if place + 1 < len(rule.value) else None
    if rule.flow_style or place == 0:
        if following is not None:
            return text[:start] + text[following:]
        if place == 0:
            return text[:start] + text[end:]
        return text[: _end(rule.value[place - 1][1])] + text[end:]
    line = text.rfind("\n", 0, start) + 1
    return text[:line] + text[_line_end(text, end) + 1 :]


def _item(lines: Sequence[str], column: int) -> str:
    """A rule as text, its dash at ``column``, a line break before it."""
    first, *rest = lines
    indent = " " * column
    return f"\n{indent}- {first}" + "".join(f"\n{indent}  {line}" for line in rest)


def _sequence(path: Path, text: str) -> yaml.SequenceNode:
    root = yaml.compose(text, yaml.SafeLoader)
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    found = next((value for key, value in pairs if key.value == RULES), None)
    if not isinstance(found, yaml.SequenceNode):
        raise _by_hand(path, "its rules are no list")
    return found


def _rule(path: Path, text: str, index: int) -> yaml.MappingNode:
    rules = _sequence(path, text).value
    if not (0 <= index < len(rules) and isinstance(rules[index], yaml.MappingNode)):
        raise _by_hand(path, f"it has no rule number {index + 1}")
    rule: yaml.MappingNode = rules[index]
    return rule


def _end(node: yaml.Node) -> int:
    """Position after the last character of ``node``; marks of block nodes lie beyond comments."""
    if isinstance(node, yaml.ScalarNode) or getattr(node, "flow_style", False):
        return int(node.end_mark.index)
    last = node.value[-1]
    return _end(last[1] if isinstance(last, tuple) else last)


def _line_end(text: str, position: int) -> int:
    """Position of the line break after ``position``, or the end of ``text``."""
    if position and text[position - 1] == "\n":  # the end mark of a block scalar
        return position - 1
    found = text.find("\n", position)
    return len(text) if found < 0 else found


def _dash(text: str, item: yaml.Node) -> int:
    line = text[text.rfind("\n", 0, item.start_mark.index) + 1 : item.start_mark.index]
    return line.index("-")


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")


def flow(value: Any) -> str:
    """``value`` as YAML on one line; text in quotes where it would be read as something else."""
    if isinstance(value, str):
        plain = re.fullmatch(r"[A-Za-z][A-Za-z0-9 _'-]*", value) and value.strip() == value
        if plain and yaml.safe_load(value) == value:
            return value
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {flow(one)}" for name, one in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, float):
        return f"{value:g}".replace("inf", ".inf")
    return str(value)


def _as_read(value: Any) -> Any:
    """``value`` as the parser gives it back."""
    if isinstance(value, Mapping):
        return {name: _as_read(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_as_read(one) for one in value]
    return float(f"{value:g}") if isinstance(value, float) else value


def _plain(path: Path, text: str) -> Any:
    return without_lines(parse(path, text, lambda line, what: None))


def _by_hand(path: Path, why: str) -> UsageError:
    return UsageError(f"changing {path}: {why}: edit it with an editor, it is read again at once")
