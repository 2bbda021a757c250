"""Source and prompts on the command line, shared by the commands that hear sound."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from elsa_rt.cli.examples import rules_with
from elsa_rt.cli.options import Parser
from elsa_rt.cli.rules import add_config
from elsa_rt.errors import UsageError

if TYPE_CHECKING:
    from elsa_rt.rules.rule import Rule


def add_sound_and_prompts(parser: Parser) -> None:
    """Add the source, prompts in all forms, and ``--demo``."""
    parser.add_argument(
        "source",
        nargs="?",
        metavar="SOURCE",
        help="a file, - for raw samples on standard input, or a microphone by number or part of "
        "its name (default: the default microphone)",
    )
    add_prompts(parser)
    parser.add_argument("--demo", action="store_true", help="listen to the built-in scene")


def add_prompts(parser: Parser) -> None:
    """Add prompts in all forms."""
    parser.add_argument(
        "--prompt",
        action="append",
        default=[],
        metavar="TEXT",
        help="a sentence to listen for; any number of times. Without any, known sounds are named",
    )
    parser.add_argument("--prompts", metavar="FILE", help="more of them, one a line")
    add_config(parser)
    parser.add_argument(
        "--example",
        action="append",
        default=[],
        metavar="[TEXT=]FILE",
        help="a recording, mono or AmbiX, of what to listen for; it sharpens the prompt TEXT, or "
        "makes one; any number of times",
    )


def asked_prompts(arguments: argparse.Namespace) -> Sequence[str | Rule]:
    """The prompts of the command line, perhaps none."""
    prompts = list(arguments.prompt)
    if arguments.prompts is not None:
        from elsa_rt.prompts.checks import read_prompts

        prompts += read_prompts(arguments.prompts)
    return rules_with(prompts, arguments.example)


def source_and_prompts(
    arguments: argparse.Namespace,
) -> tuple[str | Path | None, Sequence[str | Rule]]:
    """The source and the prompts that were asked for."""
    prompts = asked_prompts(arguments)
    if not arguments.demo:
        return arguments.source, prompts
    if arguments.source is not None:
        raise UsageError(
            f"--demo brings its own sound: leave out either --demo or {arguments.source!r}"
        )
    from elsa_rt.demo import demo_path, demo_prompts

    if not prompts and arguments.config is None:
        prompts = demo_prompts()
    return demo_path(), prompts
