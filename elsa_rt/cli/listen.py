"""``elsa-rt listen``: hear a source, on a screen or as JSON lines."""

from __future__ import annotations

import argparse
import contextlib
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from elsa_rt import cache
from elsa_rt.cli.notices import Notices, say_loading
from elsa_rt.cli.options import Commands, add_command, add_settings, settings
from elsa_rt.cli.rules import following, load_config, refuse_prompts
from elsa_rt.cli.session import outputs_around
from elsa_rt.cli.sound import add_sound_and_prompts, source_and_prompts
from elsa_rt.cli.stop import GracefulStop, run_until_stopped
from elsa_rt.cli.watched_output import WatchedOutput
from elsa_rt.config import ALERTS, MEMORY, MODEL, SIGNAL
from elsa_rt.hearing import Hearing
from elsa_rt.outputs.service import ServiceNotifier

if TYPE_CHECKING:
    from elsa_rt.listener import Listener
    from elsa_rt.outputs.jsonl import LineSink
    from elsa_rt.screens.rule_book import RuleBook
    from elsa_rt.sources.base import Source

MORE = """\
On a terminal it shows a live view; into a pipe or file it writes JSON, one object a line:
a "hearing" for every step of the model (80 ms in the bundled one), an "alert" where a prompt begins
to be heard and where it ends, and between them with --alert-update-s.
Without any prompt it tells the nearest known sounds as they come; on the screen keys add prompts.
--channels 4 says how many channels come in, --channels 1,2,3,4 which of them to use.
Ctrl-C and SIGTERM end the open alerts first.

  elsa-rt listen
  elsa-rt listen --demo
  elsa-rt listen --prompt "a glass breaking behind me" --prompt "a smoke alarm"
  elsa-rt listen hw:1 --format a-format --mount inverted --prompts prompts.txt
  elsa-rt listen --config rules.yaml
  elsa-rt listen room.wav --prompt "a dog barking" | jq 'select(.type == "alert")'
  arecord -D hw:1 -f S16_LE -c 4 -r 48000 -t raw |
      elsa-rt listen - --rate 48000 --channels 4 --prompt "someone knocking"
"""

SHOWN_SOUNDS = 3
"""Known sounds that the live view names, beside all prompts."""


class HearingSink(Protocol):
    """A destination of hearings."""

    def show(self, hearing: Hearing) -> None: ...


def add(commands: Commands) -> None:
    parser = add_command(commands, "listen", run, "hear which of your sentences sounds where", MORE)
    add_sound_and_prompts(parser)
    parser.add_argument("--json", action="store_true", help="JSON lines on a terminal too")
    parser.add_argument(
        "--alerts-only", action="store_true", help="JSON lines of alerts alone, no hearings"
    )
    add_settings(parser, SIGNAL, MODEL, ALERTS, MEMORY)


def new_run() -> str:
    """A short name of this run, different from that of every other; later ones sort later."""
    return f"{int(time.time()):x}{secrets.token_hex(2)}"


def run(arguments: argparse.Namespace) -> int:
    refuse_prompts(arguments)
    as_json = arguments.json or arguments.alerts_only or not sys.stdout.isatty()
    config, file = load_config(arguments, remembers=True)
    config = replace(config, run=new_run())
    if not as_json:
        sounds = SHOWN_SOUNDS if config.known_sounds is None else config.known_sounds
        config = config.changed(known_sounds=sounds, why=True)
    if arguments.demo and not as_json and "realtime" not in settings(arguments):
        config = config.changed(realtime=True)  # nobody can watch it at thirty times its speed
    source, prompts = source_and_prompts(arguments)
    if file is not None and source is None:
        source = file.source
    notices = Notices()
    with GracefulStop(loading=True) as stop:
        say_loading()
        from elsa_rt.listener import Listener
        from elsa_rt.screens.rule_book import RuleBook
        from elsa_rt.sources.open import open_source

        listener = Listener(None if file else prompts or None, config=config, on_notice=notices)
        model = f"{listener.bundle.name} {listener.bundle.version}"
        book = RuleBook(listener, file)
        if why := cache.failure():
            notices(why)
        cache.give_back()
        stop.loaded()
        with open_source(source, config, notices, supervised=True) as opened:
            output: AbstractContextManager[HearingSink]
            if as_json:
                output = _json_lines(opened, model, notices, alerts_only=arguments.alerts_only)
            else:
                label = "the built-in scene" if arguments.demo else _label(opened)
                output = _screen(label, model, book, listener, notices, stop)
            outputs = outputs_around(
                listener,
                file.outputs if file else (),
                notices,
                book.mutes,
                is_live=opened.live,
            )
            with (
                output as shown,
                outputs as (controls, others),
                following(file, listener, arguments, notices, book),
            ):

                def show(hearing: Hearing) -> None:
                    notices.pass_on()
                    told = controls.filter(hearing)
                    others.show(told)
                    shown.show(told)

                service = ServiceNotifier()
                run_until_stopped(listener, opened, show, stop, service.alive)
                service.stopping()
    return stop.exit_code


@contextlib.contextmanager
def _json_lines(
    source: Source, model: str, notices: Notices, *, alerts_only: bool
) -> Iterator[HearingSink]:
    from elsa_rt.outputs.jsonl import JsonLines

    def lines(stream: LineSink) -> JsonLines:
        return JsonLines(
            stream, common={"model": model}, clock=source.live, alerts_only=alerts_only
        )

    if not source.live:  # a recording waits for its reader and loses nothing
        yield lines(sys.stdout)
        return
    with WatchedOutput(sys.stdout, notices).watching() as watched:
        yield lines(watched)


def _label(source: Source) -> str:
    return source.name if source.live else Path(source.name).name


def _screen(
    label: str,
    model: str,
    book: RuleBook,
    listener: Listener,
    notices: Notices,
    stop: GracefulStop,
) -> AbstractContextManager[HearingSink]:
    from rich.console import Console

    from elsa_rt.screens.plain import PlainLines
    from elsa_rt.screens.terminal import TerminalView

    console = Console()
    if console.is_dumb_terminal:
        return contextlib.nullcontext(PlainLines(sys.stdout, listener.known))
    view = TerminalView(
        console,
        source=label,
        model=model,
        book=book,
        known=listener.known,
        judge=listener.feedback,
        counted=lambda: listener.statistics,
        on_quit=stop.quit,
    )
    notices.hand_to(view.notice)
    return view
