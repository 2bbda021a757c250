"""``elsa-rt replay``: run a rules file over a recording."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime
from typing import TYPE_CHECKING, TextIO

from elsa_rt.cli.notices import Notices, say_loading
from elsa_rt.cli.options import Commands, add_command, add_settings
from elsa_rt.cli.rules import add_config, load_rules_config
from elsa_rt.cli.stop import GracefulStop, run_until_stopped
from elsa_rt.config import ALERTS, MODEL, SIGNAL
from elsa_rt.errors import UsageError
from elsa_rt.hearing import Alert, Hearing
from elsa_rt.outputs.jsonl import JsonLines, later
from elsa_rt.screens.plain import clock

if TYPE_CHECKING:
    from elsa_rt.rules_file.reader import RulesFile

MORE = """\
The same alerts at the same times as listen would have given live. On a terminal it is a table, in a
pipe JSON lines. Rules with a schedule need to know when the recording began.

  elsa-rt replay room.flac --config rules.yaml
  elsa-rt replay night.flac --config rules.yaml --at 2026-01-31T22:00
  elsa-rt replay room.flac --config rules.yaml --why      what came near, and why it did not alert
  elsa-rt replay night.flac --config rules.yaml | jq 'select(.state == "start")'
"""


def add(commands: Commands) -> None:
    parser = add_command(commands, "replay", run, "try a rules file on a recording", MORE)
    parser.add_argument("recording", metavar="RECORDING", help="a sound file of four channels")
    add_config(parser, required=True)
    parser.add_argument(
        "--at",
        metavar="TIME",
        help="when it began, e.g. 2026-01-31T22:00, in the time zone of the rules file",
    )
    parser.add_argument("--json", action="store_true", help="JSON lines on a terminal too")
    parser.add_argument("--hearings", action="store_true", help="JSON lines of hearings as well")
    add_settings(parser, SIGNAL, MODEL, ALERTS)


def run(arguments: argparse.Namespace) -> int:
    config, file = load_rules_config(arguments)
    began = _began(arguments.at, file)
    notices = Notices()
    with GracefulStop(loading=True) as stop:
        say_loading()
        from elsa_rt.listener import Listener
        from elsa_rt.sources.files import FileSource

        with FileSource(arguments.recording, config, notices) as opened:
            began_s = None if began is None else began.timestamp()
            listener = Listener(config=config, on_notice=notices, began_s=began_s)
            stop.loaded()
            listener.store.keep = "feedback" in vars(arguments)  # a trial is no alert to judge
            why = None
            if arguments.json or arguments.hearings or not sys.stdout.isatty():
                model = f"{listener.bundle.name} {listener.bundle.version}"
                show = JsonLines(
                    sys.stdout,
                    common={"model": model},
                    began=began,
                    alerts_only=not arguments.hearings,
                ).show
            elif config.why:
                from elsa_rt.screens.why import WhyLines

                ids = [rule.id for rule in listener.config.rules]
                why = WhyLines(sys.stdout, ids, lambda time_s: time_text(time_s, began))
                show = why.show
            else:
                show = AlertTable(sys.stdout, began).show
            run_until_stopped(listener, opened, show, stop)
            if why is not None:
                why.draw()
    return stop.exit_code


def _began(text: str | None, file: RulesFile) -> datetime | None:
    """Start time of the recording, with its time zone."""
    if text is None:
        timed = [rule.id for rule in file.rules if rule.schedule is not None]
        if timed:
            raise UsageError(
                f"rule {timed[0]} has a schedule: say when the recording began, "
                "e.g. --at 2026-01-31T22:00"
            )
        return None
    return recording_start(text, file.time_zone)


def recording_start(text: str, zone: str | None) -> datetime:
    """The time that ``--at`` gives, in its own time zone or in ``zone``."""
    from elsa_rt.memory.moments import iso_time
    from elsa_rt.rules.schedule import time_zone

    try:
        began = iso_time(text)
    except ValueError:
        raise UsageError(
            f"--at {text}: give date and time, e.g. 2026-01-31T22:00 or 2026-01-31T22:00+01:00"
        ) from None
    if began.tzinfo is None:
        began = began.replace(tzinfo=time_zone(zone))
    return began.astimezone(began.tzinfo)


class AlertTable:
    """A row for each alert, written when it ends."""

    def __init__(self, stream: TextIO, began: datetime | None) -> None:
        self._stream, self._began = stream, began
        self._starts: dict[str, Alert] = {}
        self._empty = True

    def show(self, hearing: Hearing) -> None:
        for alert in hearing.alerts:
            if alert.state == "start":
                self._starts[alert.id] = alert
            elif alert.state == "end" and alert.id in self._starts:
                self._row(self._starts.pop(alert.id), alert)

    def _row(self, start: Alert, end: Alert) -> None:
        if self._empty:
            self._write("begins", "lasts", "score", "where", "rule")
            self._empty = False
        lasts = f"{end.time_s - start.time_s:.1f} s"
        where = f"{start.azimuth_deg:+.0f}° {start.words}"
        begins = time_text(start.time_s, self._began)
        self._write(begins, lasts, f"{end.score:.2f}", where, start.rule)

    def _write(self, *cells: str) -> None:
        begins, lasts, score, where, rule = cells
        print(f"{begins:>19}  {lasts:>8}  {score:>5}  {where:24}  {rule}", file=self._stream)


def time_text(time_s: float, began: datetime | None) -> str:
    """A time of the recording: of the day, where its beginning is known."""
    return clock(time_s) if began is None else f"{later(began, time_s):%Y-%m-%d %H:%M:%S}"
