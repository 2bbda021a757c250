"""``elsa-rt check``: everything that is wrong in a rules file, or what it means."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elsa_rt.cli.options import Commands, add_command
from elsa_rt.config import Config
from elsa_rt.errors import UsageError
from elsa_rt.wording import counted

if TYPE_CHECKING:
    from elsa_rt.rules.rule import Rule
    from elsa_rt.rules_file.reader import RulesFile
    from elsa_rt.user_files.problems import Problem

MORE = """\
It names the line and the cure of each mistake and ends with 2, or shows the rules as they were
understood and ends with 0, perhaps with warnings.

  elsa-rt check rules.yaml
  elsa-rt check rules.yaml --json
  elsa-rt check --schema > rules.schema.json      for editors that know JSON Schema
"""


LONGEST_ID = 26
"""Columns of an id, which is broken where it is longer."""


def add(commands: Commands) -> None:
    parser = add_command(commands, "check", run, "find every mistake in a rules file", MORE)
    parser.add_argument("rules", nargs="?", metavar="RULES", help="a rules file, YAML")
    parser.add_argument("--json", action="store_true", help="JSON, one object")
    parser.add_argument("--schema", action="store_true", help="print the JSON Schema of such files")


def run(arguments: argparse.Namespace) -> int:
    if arguments.schema:
        from elsa_rt.rules_file.schema import schema_text

        print(schema_text(), end="")
        return 0
    if arguments.rules is None:
        raise UsageError("check needs a rules file: elsa-rt check rules.yaml")
    path = Path(arguments.rules)
    from elsa_rt.rules_file.reader import read_rules
    from elsa_rt.user_files.problems import FileError

    try:
        file = read_rules(path)
    except FileError as error:
        if arguments.json:
            _print_json(path, error.problems, (), ())
        else:
            print(*(problem.at(path) for problem in error.problems), sep="\n", file=sys.stderr)
        return error.exit_code
    from elsa_rt.encoder.bundle import ModelBundle
    from elsa_rt.rules_file.lint import lint

    warnings = lint(file, ModelBundle.load(file.settings.get("bundle")))
    if arguments.json:
        _print_json(path, (), warnings, file.rules)
    else:
        _show(file)
        for warning in warnings:
            print(f"warning: {warning.at(path)}", file=sys.stderr)
    return 0


def _print_json(
    path: Path, problems: Sequence[Problem], warnings: Sequence[Problem], rules: Sequence[Rule]
) -> None:
    found: dict[str, Any] = {
        "ok": not problems,
        "path": str(path),
        "mistakes": [{"line": problem.line, "message": problem.what} for problem in problems],
        "warnings": [{"line": warning.line, "message": warning.what} for warning in warnings],
        "rules": [rule.id for rule in rules],
    }
    print(json.dumps(found, ensure_ascii=False))


def _show(file: RulesFile) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from elsa_rt.prompts.rule_embeddings import region_of

    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("rule", max_width=LONGEST_ID, overflow="fold")
    for title in ("listens for", "where", "starts at", "when"):
        table.add_column(title, min_width=len(title), no_wrap=title == "starts at")
    config = Config(north_deg=file.settings.get("north_deg"))
    for rule in file.rules:
        table.add_row(
            Text(rule.id, "bold cyan"),
            Text(_what(rule, config)),
            Text(region_of(rule, config).words),
            Text(_readily(rule, file.settings)),
            Text(", ".join(rule.schedule.times) if rule.schedule else "always"),
        )
    console = Console()
    console.print(table)
    if file.outputs:
        told = ", ".join(output.type for output in file.outputs)
        console.print(Text(f"\nalerts also go to: {told}"))
    count = len(file.rules)
    zone = f", times of {file.time_zone}" if file.time_zone else ""
    console.print(Text(f"\n{file.path}: {counted(count, 'rule')}, no mistake{zone}", "green"))


def _what(rule: Rule, config: Config) -> str:
    from elsa_rt.prompts.rule_embeddings import excluded_by
    from elsa_rt.scoring.explain import sounds_in

    parts = [" / ".join(dict.fromkeys(sounds_in(rule, config)))] if rule.prompts else []
    if rule.examples:
        parts.append(counted(len(rule.examples), "example"))
    if rule.level_dbfs is not None:
        parts.append(f"{rule.level_dbfs:g} dBFS or more")
    excluded = excluded_by(rule, config)
    but_not = f", but not {' / '.join(excluded)}" if excluded else ""
    return " + ".join(parts) + but_not


def _readily(rule: Rule, settings: dict[str, Any]) -> str:
    from elsa_rt.scoring.thresholds import rate_of

    config = Config(**settings)
    if not rule.has_meaning:
        return "its level"
    if rule.alert_start is not None:
        return f"score {rule.alert_start:g}"
    if rule.false_alarms_per_hour is None and config.alert_start is not None:
        return f"score {config.alert_start:g}"
    return f"{rate_of(rule, config):g} false alarms/h"
