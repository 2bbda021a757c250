"""From a rules file to settings, rules and outputs; everything wrong in it is found at once."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from elsa_rt.config import Config, described, option
from elsa_rt.errors import UsageError
from elsa_rt.files import expanded
from elsa_rt.microphones.library import profile_of
from elsa_rt.outputs.base import OutputSettings
from elsa_rt.outputs.foxglove import McapSettings
from elsa_rt.outputs.rotating import JsonlFile
from elsa_rt.rules.rate_limit import RateLimit
from elsa_rt.rules.region import Region
from elsa_rt.rules.rule import Rule, slug_of
from elsa_rt.rules.schedule import Schedule
from elsa_rt.rules_file.keys import SECTIONS, file_key, file_table, rule_table, setting_names
from elsa_rt.rules_file.output_tables import make_output
from elsa_rt.scoring.site import site_path
from elsa_rt.sources.open import is_path
from elsa_rt.user_files.problems import FileError, Problem, Report
from elsa_rt.user_files.value_types import UNREAD
from elsa_rt.user_files.yaml_lines import Node, parse, read_text


@dataclass(frozen=True)
class RulesFile:
    """Content of a rules file."""

    path: Path
    digest: str  # sha256 of its text
    settings: dict[str, Any]  # of `Config`, those that it gives
    rules: tuple[Rule, ...]
    rule_lines: dict[str, int]  # where each rule begins, by its id
    source: str | None
    outputs: tuple[OutputSettings, ...]
    time_zone: str | None


def read_rules(path: str | Path) -> RulesFile:
    """Read and check the rules file ``path``; all its paths start at its directory.

    Raises
    ------
    FileError
        It cannot be read, or something in it is wrong; all of it is in ``problems``.
    """
    path = Path(path)
    text = read_text(path)
    problems: list[Problem] = []

    def report(line: int, what: str) -> None:
        problems.append(Problem(line, what))

    root = parse(path, text, report)
    found = file_table().read(root, report)
    if found is UNREAD:
        raise FileError(path, problems, show_all=f"elsa-rt check {path}")
    reader = _Reader(path.parent, root, found, report)
    settings = reader.settings()
    rules, lines = reader.rules()
    outputs = reader.outputs()
    if problems:
        raise FileError(path, problems, show_all=f"elsa-rt check {path}")
    return RulesFile(
        path=path,
        digest=sha256(text.encode()).hexdigest(),
        settings=settings,
        rules=rules,
        rule_lines=lines,
        source=reader.source(),
        outputs=outputs,
        time_zone=found.get("time_zone"),
    )


class _Reader:
    """Makes objects of what could be read, and finds what does not fit together."""

    def __init__(self, directory: Path, root: Node, found: dict[str, Any], report: Report) -> None:
        self._nameless = 0  # rules whose prompt has no letter for an id
        self._directory, self._root, self._found, self._report = directory, root, found, report

    def settings(self) -> dict[str, Any]:
        """Settings of `Config` of all sections; a combination that cannot be is said."""
        settings: dict[str, Any] = {}
        for section in SECTIONS:
            names = setting_names(section)
            given = self._found.get(section, {})
            part = {names[key]: value for key, value in given.items() if key in names}
            if "bundle" in part:
                part["bundle"] = self._bundle(part["bundle"])
            if "remember" in part and "://" not in part["remember"]:
                part["remember"] = str(self._resolved(part["remember"]))
            for name in part.keys() & {"microphone", "site", "feedback"}:
                if _is_file(part[name]):
                    part[name] = str(self._resolved(part[name]))
            if "site" in part and not site_path(part["site"]).is_file():
                line = self._root.value[section].key_lines["site"]
                cure = "learn it with elsa-rt calibrate site"
                self._report(line, f"site: there is no {site_path(part['site'])}: {cure}")
            try:
                profile_of(Config(**part))
            except UsageError as error:
                self._report(self._blame(section, str(error)), _in_keys(str(error)))
            settings |= part
        return settings

    def _bundle(self, path: str) -> str:
        bundle = self._resolved(path)
        if not bundle.is_dir():
            line = self._root.value["model"].key_lines["bundle"]
            self._report(line, f"bundle: there is no directory {bundle}: name one")
        return str(bundle)

    def rules(self) -> tuple[tuple[Rule, ...], dict[str, int]]:
        """Every rule that could be made, and the line of each."""
        nodes = self._root.value.get("rules", Node([], 1))
        rules: list[Rule] = []
        lines: dict[str, int] = {}
        for node in nodes.value if isinstance(nodes.value, list) else ():
            if not isinstance(node.value, dict):
                continue
            rule = self._rule(node)
            if rule is None:
                continue
            if rule.id in lines:
                self._report(
                    node.key_lines.get("id", node.line),
                    f"two rules are called {rule.id!r}, the other in line {lines[rule.id]}: "
                    "give one of them another id",
                )
            lines.setdefault(rule.id, node.line)
            rules.append(rule)
        return tuple(rules), lines

    def outputs(self) -> tuple[OutputSettings, ...]:
        """Where hearings and alerts are told beside the screen."""
        made: list[OutputSettings] = []
        taken: dict[str, int] = {}
        for given in self._found.get("outputs", ()):
            output = make_output(given, self._resolved, self._report)
            if output is None:
                continue
            made.append(output)
            if isinstance(output, (JsonlFile, McapSettings)):
                parent, line = Path(output.path).parent, given["line"]
                place = os.path.realpath(output.path)
                if place in taken:
                    self._report(
                        line,
                        f"outputs: {output.path} is written by the output in line {taken[place]} "
                        "already: give each a file of its own",
                    )
                taken.setdefault(place, line)
                if os.path.exists(output.path) and not _takes_lines(output.path):
                    self._report(line, f"outputs: {output.path} is no regular file: name a file")
                if not parent.is_dir():
                    self._report(
                        given["line"],
                        f"outputs: there is no directory {parent}: make it, mkdir {parent}",
                    )
        return tuple(made)

    def source(self) -> str | None:
        """The source, its path from the directory of the file."""
        source: str | None = self._found.get("microphone", {}).get("source")
        if source is None or source == "-":
            return source
        beside = self._directory / source
        return str(self._resolved(source)) if is_path(source) or beside.is_file() else source

    def _rule(self, node: Node) -> Rule | None:
        given = rule_table().read(node, _silent)  # said already
        lone = (given.pop("prompt").strip(),) if "prompt" in given else ()
        given["prompts"] = lone or tuple(prompt.strip() for prompt in given.get("prompts", ()))
        given.setdefault("id", self._id_of(given["prompts"]))
        if not given["id"]:
            wordless = {"examples", "level_dbfs"} & node.value.keys()
            if wordless and not {"id", "prompt", "prompts"} & node.value.keys():
                self._report(node.line, "id is missing: a rule without a prompt needs one")
            return None
        if "examples" in given:
            given["examples"] = tuple(self._example(path, node) for path in given["examples"])
        if "region" in given:
            given["region"] = self._region(given["region"], node)
        if "at_most" in given:
            given["at_most"] = RateLimit.parse(given["at_most"])
        given["schedule"] = self._schedule(given.get("schedule"))
        rule = Rule(**given)
        self._thresholds(rule, node)
        return rule

    def _id_of(self, prompts: Sequence[str]) -> str:
        """An id made from the first prompt; those in other scripts are numbered."""
        if not prompts:
            return ""
        if re.search("[A-Za-z0-9]", prompts[0]):
            return slug_of(prompts[0])
        self._nameless += 1
        return slug_of("prompt") + (f"-{self._nameless}" if self._nameless > 1 else "")

    def _example(self, path: str, node: Node) -> str:
        example = self._resolved(path)
        line, reason = node.key_lines["examples"], ""
        if not (example.is_file() and os.access(example, os.R_OK)):
            reason = "is no file that can be read: paths start at the rules file"
        elif not _is_sound(example):
            reason = "cannot be read as sound: convert it, e.g. with ffmpeg"
        if reason:
            self._report(line, f"examples: {example} {reason}")
        return str(example)

    def _region(self, given: Sequence[dict[str, Any]], node: Node) -> Region:
        """A region of several parts, or of one."""
        value = node.value["region"].value
        nodes = value if isinstance(value, list) else [node.value["region"]]
        parts = []
        for bounds, part in zip(given, nodes, strict=True):
            region = Region()
            for name, bound in bounds.items():
                try:
                    region = replace(region, **{name: bound})
                except UsageError as error:
                    self._report(part.key_lines[name], f"{name}: {error}")
            parts.append(region)
        return Region.union(parts)

    def _schedule(self, own: tuple[str, ...] | None) -> Schedule | None:
        times = own or self._found.get("schedule")
        return Schedule(times, self._found.get("time_zone")) if times else None

    def _thresholds(self, rule: Rule, node: Node) -> None:
        start, end = rule.alert_start, rule.alert_end
        if start is not None and end is not None and end > start:
            self._report(
                node.key_lines["alert_end"],
                f"alert_end {end} and alert_start {start} must keep 0 < end <= start",
            )

    def _resolved(self, path: str) -> Path:
        return self._directory / expanded(path)

    def _blame(self, section: str, message: str) -> int:
        """The line of the setting of ``section`` that ``message`` is about."""
        node = self._root.value[section]
        places = {
            message.find(option(name)): node.key_lines[key]
            for key, name in setting_names(section).items()
            if key in node.key_lines and option(name) in message
        }
        return places[min(places)] if places else node.line


def _is_sound(path: Path) -> bool:
    import soundfile  # only where there are examples

    try:
        return bool(soundfile.info(path).frames > 0)
    except (OSError, soundfile.SoundFileError):
        return False


def _silent(line: int, what: str) -> None:
    """Take what is known already."""


def _in_keys(message: str) -> str:
    """``message`` with the keys of a file in place of options of the command line."""
    for setting in sorted(described(), key=lambda setting: -len(setting.name)):
        message = message.replace(option(setting.name), file_key(setting.name))
    return message


def _is_file(name: str) -> bool:
    """Whether a profile, a site or feedback is a file, and not one that has a name."""
    return "/" in name or name.endswith((".yaml", ".yml", ".npz", ".jsonl"))


def _takes_lines(path: str) -> bool:
    """Whether ``path`` is a file, or a device such as /dev/null."""
    mode = os.stat(path).st_mode
    return stat.S_ISREG(mode) or stat.S_ISCHR(mode)
