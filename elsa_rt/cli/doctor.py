"""``elsa-rt doctor``: check microphone, machine and model; each fault with its cure."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from elsa_rt.cli.options import Commands, add_command, add_settings, settings, writable
from elsa_rt.config import MODEL, SIGNAL, Config
from elsa_rt.errors import UsageError
from elsa_rt.wording import counted

if TYPE_CHECKING:
    from elsa_rt.diagnostics.check import Check
    from elsa_rt.diagnostics.microphone import Recording

MORE = """\
It looks at the model, the engine, the computer, the microphone, and listens for some seconds: make
some noise meanwhile. Give it the options that you give to listen. It ends with 1 if anything fails.

  elsa-rt doctor
  elsa-rt doctor hw:1 --microphone respeaker-4-mic
  elsa-rt doctor room.wav --format ambix --json
  elsa-rt doctor hw:1 --plot channels.svg
"""

LISTEN_S = 5.0

MARKS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "failure": ("✗", "bold red")}


def add(commands: Commands) -> None:
    parser = add_command(commands, "doctor", run, "find what is wrong, and the cure", MORE)
    parser.add_argument(
        "source",
        nargs="?",
        metavar="SOURCE",
        help="a microphone by number or part of its name, or a file "
        "(default: the default microphone)",
    )
    parser.add_argument(
        "--listen-s",
        type=float,
        default=LISTEN_S,
        metavar="X",
        help=f"seconds to listen for, 0 for not at all (default: {LISTEN_S:g})",
    )
    parser.add_argument("--json", action="store_true", help="JSON, one object")
    parser.add_argument("--plot", metavar="FILE", help="draw what each channel gives, SVG")
    add_settings(parser, SIGNAL, MODEL)


def run(arguments: argparse.Namespace) -> int:
    if not 0 <= arguments.listen_s <= 3600:
        raise UsageError(f"--listen-s {arguments.listen_s:g}: 0..3600 is needed")
    if arguments.source == "-":
        raise UsageError("doctor does not read standard input: give a microphone or a file")
    if arguments.plot is not None:
        writable(arguments.plot)
    config = Config(**settings(arguments))
    recordings: list[Recording] = []
    from rich.console import Console

    from elsa_rt.diagnostics.doctor import examine

    with Console(stderr=True).status("looking ...") as status:
        checks = list(
            examine(
                arguments.source,
                config,
                arguments.listen_s,
                lambda what: status.update(f"looking at {what} ..."),
                recordings.append,
            )
        )
    if arguments.plot is not None:
        _plot(arguments.plot, recordings)
    healthy = all(check.state != "failure" for check in checks)
    if arguments.json:
        listed = [check._asdict() for check in checks]
        print(json.dumps({"ok": healthy, "checks": listed}, ensure_ascii=False))
    else:
        _show(checks)
    return 0 if healthy else 1


def _plot(path: str, recordings: list[Recording]) -> None:
    from elsa_rt.files import replacing
    from elsa_rt.screens.plots.channels import channels_plot

    if not recordings:
        raise UsageError(f"--plot {path}: nothing was recorded that could be drawn")
    samples, rate, numbers = recordings[-1]
    with replacing(writable(path)) as part:
        part.write_text(channels_plot(samples, rate, numbers), encoding="utf-8")


def _show(checks: list[Check]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, style="bold")
    table.add_column()
    for check in checks:
        mark, colour = MARKS[check.state]
        found = Text(check.found, "" if check.state == "ok" else colour)
        if check.cure:
            found.append(f"\n→ {check.cure}", "default")
        table.add_row(Text(mark, colour), check.name, found)
    console = Console()
    console.print(table)
    failed = sum(check.state == "failure" for check in checks)
    warned = sum(check.state == "warning" for check in checks)
    if failed:
        console.print(Text(f"\n{failed} failed", "bold red"))
    elif warned:
        console.print(Text(f"\nit works, with {counted(warned, 'warning')}", "yellow"))
    else:
        console.print(Text("\nall is well", "bold green"))
