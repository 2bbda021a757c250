"""Edits of a rules file that keep its comments, order and quotes."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import CommentMark, YAMLError
from ruamel.yaml.tokens import CommentToken
from ruamel.yaml.util import load_yaml_guess_indent

from elsa_rt.errors import UsageError
from elsa_rt.files import replacing
from elsa_rt.rules_file.change import changed_rule, with_rule, without_rule
from elsa_rt.user_files.yaml_lines import parse, read_text, without_lines

START, END, ASKED = "alert_start", "alert_end", "false_alarms_per_hour"
ENDLESS = 1 << 20
"""Line width of the writer: no line of the user is ever broken."""


class RulesDocument:
    """A rules file as text that is edited rule by rule.

    Parameters
    ----------
    path : Path
        The file, for messages and `save`.
    text : str, optional
        Its content; read from ``path`` by default.

    Raises
    ------
    UsageError
        The file is no YAML with a list of rules, or is written in a way (anchors) in which one
        rule cannot be changed without another.
    """

    def __init__(self, path: Path, text: str | None = None) -> None:
        self.path = path
        self._load(read_text(path) if text is None else text)

    def _load(self, before: str) -> None:
        self._newline = "\r\n" if "\r\n" in before else "\n"
        self._ends = before.endswith("\n")
        plain = self._plain(before)  # bounded and careful, so it comes first
        self._yaml = _writer(before)
        try:
            self._root = self._yaml.load(before.replace("\r\n", "\n"))
        except YAMLError:
            raise self._by_hand() from None
        rules = self._root.get("rules") if isinstance(self._root, CommentedMap) else None
        if not isinstance(rules, CommentedSeq) or _shared(rules):
            raise self._by_hand()
        self._rules = rules
        if self._plain(self.text) != plain:
            raise self._by_hand()

    @property
    def text(self) -> str:
        """The file with its edits."""
        stream = io.StringIO()
        self._yaml.dump(self._root, stream)
        text = stream.getvalue()
        text = text if self._ends else text.removesuffix("\n")
        return text.replace("\n", self._newline) if self._newline != "\n" else text

    def save(self) -> None:
        """Write the file whole; its old content stays until then."""
        with replacing(self.path) as part:
            part.write_text(self.text, encoding="utf-8", newline="")

    def set_start(self, index: int, score: float) -> None:
        """Set ``alert_start`` of a rule: its rate gives way, an ``alert_end`` above comes down."""
        value = float(f"{score:g}")
        rule = self._rules[index]
        if ASKED in rule:
            at = list(rule).index(ASKED)
            comment = rule.ca.items.pop(ASKED, None)
            del rule[ASKED]
            rule.insert(at, START, value)
            if comment is not None:
                rule.ca.items[START] = comment
        elif START in rule:
            rule[START] = value
        else:
            self._append(rule, START, value)
        if rule.get(END, 0) > value:
            rule[END] = value

    def change_rule(self, index: int, values: Mapping[str, Any]) -> None:
        """Set keys of a rule to plain values; None takes a key out."""
        self._load(changed_rule(self.path, self.text, index, values))

    def add_rule(self, values: Mapping[str, Any]) -> None:
        """Append a rule of plain keys and values."""
        self._load(with_rule(self.path, self.text, values))

    def remove_rule(self, index: int) -> None:
        """Take a rule out; comments around it stay (`elsa_rt.rules_file.change` says why)."""
        self._load(without_rule(self.path, self.text, index))

    def _append(self, rule: CommentedMap, key: str, value: Any) -> None:
        """Put ``key`` behind the last one; blank lines and comments below the rule stay there."""
        _move_trailing(rule, list(rule)[-1], key)
        rule[key] = value

    def _plain(self, text: str) -> Any:
        return without_lines(parse(self.path, text, lambda line, what: None))

    def _by_hand(self) -> UsageError:
        return UsageError(
            f"writing {self.path}: its rules are written in a way that cannot be changed safely: "
            "put the change in by hand"
        )


def with_starts(path: Path, text: str, starts: Mapping[int, float]) -> str:
    """``text`` of the rules file ``path`` with ``alert_start`` of some rules, by their index.

    Raises
    ------
    UsageError
        See `RulesDocument`.
    """
    document = RulesDocument(path, text)
    for index, start in starts.items():
        document.set_start(index, start)
    return document.text


def _writer(text: str) -> YAML:
    """A writer with the indentation of ``text``."""
    _, sequence, offset = load_yaml_guess_indent(text)
    writer = YAML()
    writer.preserve_quotes = True
    writer.brace_single_entry_mapping_in_flow_sequence = True
    writer.width = ENDLESS
    writer.indent(mapping=2, sequence=sequence or 2, offset=offset or 0)
    return writer


def _shared(rules: CommentedSeq) -> bool:
    """Whether a rule is an alias of another, or has an anchor."""
    ids = [id(rule) for rule in rules]
    maps = [rule for rule in rules if isinstance(rule, CommentedMap)]
    return len(set(ids)) < len(ids) or any(rule.anchor.value or rule.merge for rule in maps)


def _move_trailing(rule: CommentedMap, last: str, key: str) -> None:
    """Hand what stands below ``last``, blank lines and comments, on to ``key``."""
    tokens = rule.ca.items.get(last)
    token = tokens[2] if tokens else None
    if token is None:
        return
    line, _, below = token.value.partition("\n")
    if not below:
        return
    token.value = f"{line}\n" if line else ""
    if not line:
        tokens[2] = None
    rule.ca.items[key] = [None, None, CommentToken(f"\n{below}", CommentMark(0), None), None]
