"""``elsa-rt guide``: the pages of the guide, in the terminal and offline."""

from __future__ import annotations

import argparse
import sys

from elsa_rt.cli.options import Commands, add_command

MORE = """\
  elsa-rt guide                list the pages
  elsa-rt guide microphones    read one
"""

MAX_WIDTH = 100


def add(commands: Commands) -> None:
    parser = add_command(commands, "guide", run, "read the guide, offline", MORE)
    parser.add_argument("topic", nargs="?", metavar="TOPIC", help="a page (default: list them)")


def run(arguments: argparse.Namespace) -> int:
    from elsa_rt.guide import page, topics

    if arguments.topic is None:
        for topic, title in topics().items():
            print(f"{topic:22} {title}")
        return 0
    text = page(arguments.topic)
    if not sys.stdout.isatty():
        print(text)
        return 0
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console()
    with console.pager(styles=True, links=False):
        console.print(Markdown(text), width=min(console.width, MAX_WIDTH))
    return 0
