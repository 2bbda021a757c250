"""YAML with line numbers, read safely: nothing in it can run, nor grow beyond all bounds."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from elsa_rt.user_files.problems import FileError, Problem, Report

MAX_BYTES = 256 * 1024
MAX_VALUES = 20_000
"""Aliases count as often as they stand for something."""

_TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True)
class Node:
    """A value and where it stands."""

    value: Any  # None, bool, int, float, str, list of Node, or dict of str to Node
    line: int  # counted from 1
    key_lines: dict[str, int] = field(default_factory=dict)  # of a table


class _Loader(yaml.SafeLoader):
    """Scalars by the core schema of YAML 1.2, as editors have it: 22:00 and off are text."""

    yaml_implicit_resolvers = {}  # noqa: RUF012


for _name, _pattern, _first in (
    ("bool", "true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", "[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("float", r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", "-+."),
    ("null", "~|null|Null|NULL|", "~nN"),
):
    _Loader.add_implicit_resolver(
        _TAG + _name, re.compile(f"(?:{_pattern})$"), [*_first, *([""] * (_name == "null"))]
    )


class _FastLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The same, six times as fast where PyYAML has libyaml; its errors say less."""

    yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers


_SCALARS: dict[str, Callable[[str], Any]] = {
    f"{_TAG}str": str,
    f"{_TAG}null": lambda text: None,
    f"{_TAG}bool": lambda text: {"true": True, "false": False}[text.lower()],
    f"{_TAG}int": lambda text: int(text) if len(text) < 18 else float(text),
    f"{_TAG}float": lambda text: float(re.sub(r"^([-+]?)\.(inf|nan)$", r"\1\2", text.lower())),
}


def read_text(path: Path) -> str:
    """The text of a file of at most `MAX_BYTES`, or a FileError."""
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise _wrong(path, 0, "it is no regular file: name a YAML file")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise _wrong(
                path, 0, f"it has more than {MAX_BYTES // 1024} KiB: none of these files has"
            )
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        cure = f"save it as UTF-8, e.g. iconv -f latin1 -t utf-8 {path}"
        raise _wrong(path, line, f"byte {error.start} is not UTF-8: {cure}") from None
    except OSError as error:
        raise _wrong(path, 0, f"it cannot be read ({error.strerror}): name a YAML file") from None


def parse(path: Path, text: str, report: Report, *, written_by_us: bool = False) -> Node:
    """``text`` as a tree; what is merely wrong goes to ``report``.

    What was ``written_by_us`` is read fast, and again by the other loader if that fails.

    Raises
    ------
    FileError
        It is no YAML, or grows beyond all bounds.
    """
    loader: Any = _Loader("")
    try:
        root = _composed(text) if written_by_us else None
        if root is None:
            loader = _Loader(text)
            root = loader.get_single_node()
        if root is None:
            return Node({}, 1)
        return _Converter(path, report).node(root, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or error.context or "it makes no sense"
        cure = "indent with spaces, not with tabs" if "\\t" in problem else "see what stands there"
        raise _wrong(path, mark.line + 1 if mark else 0, f"not YAML, {problem}: {cure}") from None
    except yaml.YAMLError as error:
        line = text.count("\n", 0, getattr(error, "position", 0)) + 1
        reason = getattr(error, "reason", str(error))
        raise _wrong(path, line, f"not YAML, {reason}: save it as plain text in UTF-8") from None
    except RecursionError:
        raise _wrong(path, 0, "it is nested too deeply: write it flat") from None
    finally:
        loader.dispose()


def _composed(text: str) -> Any:
    """The root of ``text`` by libyaml; None where it stumbles."""
    loader = _FastLoader(text)
    try:
        return loader.get_single_node()
    except (yaml.YAMLError, RecursionError):
        return None
    finally:
        loader.dispose()


def load_plain(path: Path) -> Any:
    """Plain values of the YAML file ``path``.

    Raises
    ------
    FileError
        It cannot be read, is no YAML, has tags or a key twice, or grows beyond all bounds.
    """
    problems: list[Problem] = []
    root = parse(
        path, read_text(path), lambda line, what: problems.append(Problem(line, what)),
        written_by_us=True,
    )  # fmt: skip
    if problems:
        raise FileError(path, problems)
    return without_lines(root)


def without_lines(node: Node) -> Any:
    """The value of ``node`` and of all within."""
    if isinstance(node.value, dict):
        return {name: without_lines(value) for name, value in node.value.items()}
    if isinstance(node.value, list):
        return [without_lines(value) for value in node.value]
    return node.value


class _Converter:
    """Nodes of PyYAML to ours; counts them, as aliases multiply."""

    def __init__(self, path: Path, report: Report) -> None:
        self._path, self._report, self._count = path, report, 0

    def node(self, node: yaml.Node, inside: tuple[int, ...]) -> Node:
        line = node.start_mark.line + 1
        self._count += 1
        if self._count > MAX_VALUES:
            raise _wrong(self._path, line, f"it has more than {MAX_VALUES} values: take some out")
        if id(node) in inside:
            raise _wrong(self._path, line, "an anchor that holds itself: write it out")
        inside = (*inside, id(node))
        if not isinstance(node, yaml.ScalarNode) and node.tag not in (f"{_TAG}map", f"{_TAG}seq"):
            self._refuse_tag(node, line)
        if isinstance(node, yaml.MappingNode):
            return self._table(node, line, inside)
        if isinstance(node, yaml.SequenceNode):
            return Node([self.node(one, inside) for one in node.value], line)
        return Node(self._scalar(node, line), line)

    def _table(self, node: yaml.MappingNode, line: int, inside: tuple[int, ...]) -> Node:
        table: dict[str, Node] = {}
        lines: dict[str, int] = {}
        for key, value in node.value:
            key_line = key.start_mark.line + 1
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else "a key"
            if not isinstance(key, yaml.ScalarNode):
                self._report(key_line, "a key that is a list or a table: keys are words")
            elif name in table:
                where = f"it stands in line {lines[name]} already"
                self._report(key_line, f"the key {name!r} stands twice, {where}: take one out")
            else:
                table[name], lines[name] = self.node(value, inside), key_line
        return Node(table, line, lines)

    def _scalar(self, node: yaml.Node, line: int) -> Any:
        try:
            return _SCALARS[node.tag](node.value)
        except (KeyError, ValueError):
            self._refuse_tag(node, line)
            return node.value

    def _refuse_tag(self, node: yaml.Node, line: int) -> None:
        tag = node.tag.replace(_TAG, "!!")
        self._report(line, f"the tag {tag} is not allowed here: leave it out")


def _wrong(path: Path, line: int, what: str) -> FileError:
    return FileError(path, [Problem(line, what)])
