"""Shared parts of the commands that take ``--config rules.yaml``."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from elsa_rt.cli.options import Parser, settings
from elsa_rt.config import CHANGEABLE, Config
from elsa_rt.errors import UsageError
from elsa_rt.notices import OnNotice

if TYPE_CHECKING:
    from elsa_rt.listener import Listener
    from elsa_rt.rules_file.reader import RulesFile
    from elsa_rt.screens.rule_book import RuleBook


def add_config(parser: Parser, *, required: bool = False) -> None:
    """Add the option that names a rules file."""
    parser.add_argument(
        "--config",
        metavar="RULES",
        required=required,
        help="a rules file, YAML: what to listen for and how; other options come before what it "
        "says (elsa-rt check tells what is wrong in one)",
    )


def load_config(
    arguments: argparse.Namespace, *, remembers: bool = False
) -> tuple[Config, RulesFile | None]:
    """All settings and rules: the command line's come first, then the file's, then the defaults.

    A command that ``remembers`` keeps what it hears where the file says so; others, which hear a
    recording to look into it, keep nothing.
    """
    given = settings(arguments)
    if arguments.config is None:
        return Config(**given), None
    from elsa_rt.rules_file.reader import read_rules

    file = read_rules(arguments.config)
    config = Config(rules=file.rules, **(file.settings | given))
    return config if remembers else config.changed(remember=None), file


def load_rules_config(arguments: argparse.Namespace) -> tuple[Config, RulesFile]:
    """The same for commands whose ``--config`` is required."""
    config, file = load_config(arguments)
    if file is None:
        raise UsageError("--config is missing: name a rules file, e.g. --config rules.yaml")
    return config, file


@contextlib.contextmanager
def following(
    file: RulesFile | None,
    listener: Listener,
    arguments: argparse.Namespace,
    on_notice: OnNotice,
    book: RuleBook | None = None,
) -> Iterator[None]:
    """Have ``listener``, or the ``book`` of its rules, follow what changes in ``file``, if any."""
    if file is None:
        yield
        return
    from elsa_rt.rules_file.watch import Watcher

    given = settings(arguments)
    defaults = {field.name: field.default for field in fields(Config) if field.name in CHANGEABLE}

    def change(new: RulesFile) -> bool:
        wanted = defaults | new.settings | given
        changeable: Any = {name: wanted[name] for name in CHANGEABLE}
        if book is not None:
            return book.reload(new, **changeable)
        listener.change_rules(new.rules, **changeable)
        return True

    with Watcher(file, change, on_notice):
        yield


def refuse_prompts(arguments: argparse.Namespace) -> None:
    """Rules and prompts both say what to listen for."""
    if arguments.config is not None and (
        arguments.prompt or arguments.prompts or arguments.example
    ):
        raise UsageError(
            "--config brings its own rules: leave out --prompt, --prompts and --example, or write "
            "them there"
        )
