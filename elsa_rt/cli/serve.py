"""``elsa-rt serve``: the listener as a page in the browser."""

from __future__ import annotations

import argparse
import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elsa_rt.cli.listen import new_run
from elsa_rt.cli.notices import Notices, say_loading
from elsa_rt.cli.options import Commands, add_command, add_settings, settings
from elsa_rt.cli.rules import following, load_config, refuse_prompts
from elsa_rt.cli.session import outputs_around
from elsa_rt.cli.sound import add_sound_and_prompts, source_and_prompts
from elsa_rt.cli.stop import GracefulStop, run_until_stopped
from elsa_rt.config import ALERTS, MEMORY, MODEL, SIGNAL, Config
from elsa_rt.errors import UsageError
from elsa_rt.hearing import Hearing
from elsa_rt.sources.open import is_path

if TYPE_CHECKING:
    from elsa_rt.listener import Listener
    from elsa_rt.screens.web.live import LivePage

MORE = """\
A compass with the sounds, a spectrogram coloured by direction, every prompt with its score and
threshold, alerts to judge, and the health of the listener; prompts are added and changed while it
listens. Files and the built-in scene play at their own speed.
It needs pip install 'elsa-rt[web]'. On 127.0.0.1 only this computer reaches it; on any other
--host a token is needed, which the printed link carries: give your own in ELSA_RT_TOKEN.

  elsa-rt serve --demo
  elsa-rt serve --prompt "a smoke alarm" --prompt "someone knocking on the left"
  elsa-rt serve --config home.yaml --host 0.0.0.0
  elsa-rt serve --remember past --prompt "a doorbell"    with a history that can be asked
"""

Show = Callable[[Hearing], None]

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8765
TOKEN = "ELSA_RT_TOKEN"
LABELS = 3


def add(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(commands, "serve", run, "show what is heard on a web page", MORE)
    add_sound_and_prompts(parser)
    parser.add_argument(
        "--host",
        default=DEFAULT_HOST,
        help=f"address to serve on (default: {DEFAULT_HOST}, this computer alone)",
    )
    parser.add_argument(
        "--port",
        type=int,
        default=DEFAULT_PORT,
        metavar="N",
        help=f"port, 0 for a free one (default: {DEFAULT_PORT})",
    )
    add_settings(parser, SIGNAL, MODEL, ALERTS, MEMORY)


def run(arguments: argparse.Namespace) -> int:
    """Listen and serve until stopped."""
    refuse_prompts(arguments)
    if not 0 <= arguments.port <= 65535:
        raise UsageError(f"--port {arguments.port}: 0..65535 is needed")
    _need_web()
    from elsa_rt.screens.web.guard import token_for
    from elsa_rt.screens.web.hub import Hub
    from elsa_rt.screens.web.server import WebServer

    config, file = load_config(arguments, remembers=True)
    source, prompts = source_and_prompts(arguments)
    source = file.source if file is not None and source is None else source
    token = token_for(arguments.host, os.environ.get(TOKEN))
    config = _for_watching(config, arguments, source)
    notices, hub = Notices(), Hub()
    with (
        GracefulStop(loading=True) as stop,
        WebServer(arguments.host, arguments.port, hub) as server,
    ):
        say_loading()
        from elsa_rt.listener import Listener
        from elsa_rt.outputs.clip_shelf import ClipShelf
        from elsa_rt.screens.rule_book import RuleBook
        from elsa_rt.screens.web.app import page_app
        from elsa_rt.screens.web.live import LivePage

        listener = Listener(None if file else prompts or None, config=config, on_notice=notices)
        book = RuleBook(listener, file)
        stop.loaded()
        model = f"{listener.bundle.name} {listener.bundle.version}"
        name = "the built-in scene" if arguments.demo else _name(source)
        clips = ClipShelf(file.outputs if file else ())
        page = LivePage(listener, book, hub, {"source": name, "model": model}, clips)
        notices.hand_to(page.notice)
        server.start(page_app(page, hub, arguments.host, token))
        print(f"elsa-rt: open {_link(arguments.host, server.port, token)} (Ctrl-C ends)",
              file=sys.stderr, flush=True)  # fmt: skip
        live = source is None or not is_path(str(source))
        outputs = outputs_around(
            listener, file.outputs if file else (), notices, book.mutes, is_live=live
        )
        with (
            outputs as (controls, others),
            following(file, listener, arguments, notices, book),
        ):

            def show(hearing: Hearing) -> None:
                notices.pass_on()
                told = controls.filter(hearing)
                others.show(told)
                page.show(told)

            _listen(listener, source, show, stop, page, again=arguments.demo)
    return stop.exit_code


def _listen(
    listener: Listener,
    source: str | Path | None,
    show: Show,
    stop: GracefulStop,
    page: LivePage,
    *,
    again: bool,
) -> None:
    """Hear the source; the built-in scene ``again`` and again, a recording once."""
    from elsa_rt.sources.open import open_source

    while not stop.asked():
        with open_source(source, listener.config, listener.on_notice) as opened:
            run_until_stopped(listener, opened, show, stop)
        if not again:
            break
    page.over("the recording is over" if source is not None else "the microphone has ended")
    while not stop.asked():  # what was heard can still be looked at
        time.sleep(0.2)


def _for_watching(
    config: Config, arguments: argparse.Namespace, source: str | Path | None
) -> Config:
    """``config`` with known sounds and reasons told, and files played at their own speed."""
    changed: dict[str, Any] = {"why": True, "run": new_run()}
    if config.known_sounds is None:
        changed["known_sounds"] = LABELS
    if "realtime" not in settings(arguments) and source is not None and is_path(str(source)):
        changed["realtime"] = True
    return config.changed(**changed)


def _need_web() -> None:
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
        import websockets  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f"serving a page: {error}: install what it needs, pip install 'elsa-rt[web]'"
        ) from None


def _name(source: str | Path | None) -> str:
    if source is None:
        return "the default microphone"
    return Path(source).name if is_path(str(source)) else str(source)


def _link(host: str, port: int, token: str | None) -> str:
    """The address to open: an unspecified host by the name of this computer."""
    shown = socket.gethostname() if host in ("0.0.0.0", "::", "") else host  # nosec B104
    shown = f"[{shown}]" if ":" in shown else shown
    return f"http://{shown}:{port}/" + (f"?token={token}" if token else "")
