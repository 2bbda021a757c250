"""``elsa-rt feedback``: mark an alert as false or right, list and undo marks."""

from __future__ import annotations

import argparse
import json
import sys
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

from elsa_rt.cli.options import Commands, add_command
from elsa_rt.cli.rules import add_config
from elsa_rt.errors import UsageError

if TYPE_CHECKING:
    from elsa_rt.config import Config
    from elsa_rt.scoring.feedback import FeedbackStore
    from elsa_rt.scoring.marks import AlertSounds, Mark

MORE = """\
What was heard in a false alert becomes a counter-example of its rule at its place: from then on its
like hardly alerts, while the same sound from elsewhere and other sounds of the rule still do. A
running listener takes it within a second. Each verdict counts half as much after
--feedback-half-life-days of listen, and can be taken back. ID "last" is the latest alert. An alert
can be judged for --feedback-keep-days of listen. Where alerts are grouped, what is said of one is
said of all rules that joined it, unless --rule names one of them.

  elsa-rt feedback glass-breaking-000017 false --config home.yaml
  elsa-rt feedback last right --site kitchen
  elsa-rt feedback glass-breaking-000017 undo --site kitchen
  elsa-rt feedback last false --rule door-bell --config home.yaml
  elsa-rt feedback list --site kitchen

Alerts are kept for it where listen has a --site, or --feedback NAME (in a rules file: alerts:
{feedback: NAME}). No sound is stored: of up to eight steps of an alert an embedding in 64 numbers
of 8 bits, and its direction, in a file that its owner alone can read.
"""

WHAT = ("false", "right", "undo")
SHOWN = 20


def add(commands: Commands) -> None:
    parser = add_command(commands, "feedback", run, "say which alerts were false", MORE)
    parser.add_argument("alert", metavar="ID|last|list", help="the id of an alert, or list")
    parser.add_argument("verdict", nargs="?", choices=WHAT, help="what it was")
    add_config(parser)
    parser.add_argument("--site", metavar="NAME", help="the site whose alerts are meant")
    parser.add_argument("--feedback", metavar="NAME", help="where listen keeps its alerts")
    parser.add_argument("--rule", metavar="ID", help="of grouped alerts only that of this rule")
    parser.add_argument("--json", action="store_true", help="an object a line")


def run(arguments: argparse.Namespace) -> int:
    from elsa_rt.scoring.feedback import FeedbackStore

    listed = arguments.alert == "list"
    if listed is (arguments.verdict is not None):
        raise UsageError("feedback needs an alert and what it was: elsa-rt feedback last false")
    config = _config(arguments)
    store, half_life_days = FeedbackStore.of(config), config.feedback_half_life_days
    if listed:
        if arguments.rule is not None:
            raise UsageError("list shows all rules: leave out --rule")
        _list(store, half_life_days, as_json=arguments.json)
        return 0
    alert = arguments.alert
    if alert == "last":
        told = [one.alert for one in store.alerts if not one.joined]
        if not told:
            raise UsageError(f"no alert was heard yet in {store.path}: see elsa-rt feedback list")
        alert = told[-1]
    undo = arguments.verdict == "undo"
    if undo:
        marks = store.undo(alert, arguments.rule)
    else:
        marks = store.judge(alert, arguments.verdict, rule=arguments.rule)
    for mark in marks:
        if arguments.json:
            print(json.dumps(fields(mark.heard, None if undo else mark, half_life_days)))
        else:
            said = "nothing is said of it any more" if undo else arguments.verdict
            print(f"{_name(mark.heard)} ({mark.heard.prompt!r}, {_where(mark.heard)}): {said}")
    return 0


def _config(arguments: argparse.Namespace) -> Config:
    """The settings of the rules file, with a place where the alerts are."""
    from elsa_rt.cli.rules import load_config
    from elsa_rt.files import data_directory
    from elsa_rt.scoring.feedback import SUFFIX, feedback_path

    config, _ = load_config(argparse.Namespace(config=arguments.config))
    config = config.changed(
        site=arguments.site or config.site, feedback=arguments.feedback or config.feedback
    )
    path = feedback_path(config)
    if path is None and arguments.config is not None:
        raise UsageError(
            f"{arguments.config} keeps no alerts: give it a place for them, "
            "alerts: {feedback: home}, and start listen again"
        )
    if path is None:
        found = sorted((data_directory() / "sites").glob(f"*{SUFFIX}"))
        if len(found) != 1:
            names = ", ".join(one.name.removesuffix(SUFFIX) for one in found)
            there = f"there are {names}" if names else "none was kept yet"
            raise UsageError(
                f"whose alerts are meant was not said, and {there}: give --config RULES, "
                "--site NAME or --feedback NAME as for listen"
            )
        config = config.changed(feedback=str(found[0]))
    return config


def fields(heard: AlertSounds, mark: Mark | None, half_life_days: float) -> dict[str, Any]:
    """The object of ``--json``."""
    found = {name: value for name, value in heard.as_dict().items() if name != "sounds"}
    weight = None if mark is None else round(mark.weight(time.time(), half_life_days), 3)
    return {
        "type": "feedback",
        **found,
        "verdict": None if mark is None else mark.verdict,
        "marked": None if mark is None else mark.marked,
        "weight": weight,
    }


def _list(store: FeedbackStore, half_life_days: float, *, as_json: bool) -> None:
    """The verdicts, and the latest alerts that have none yet."""
    marks = {mark.heard.alert: mark for mark in store.marks}
    open_ones = [one for one in store.alerts if one.alert not in marks][-SHOWN:]
    rows = [(mark.heard, mark) for mark in marks.values()] + [(one, None) for one in open_ones]
    if as_json:
        for heard, mark in rows:
            print(json.dumps(fields(heard, mark, half_life_days)))
        return
    if not rows:
        print(f"no alert was heard yet in {store.path}", file=sys.stderr)
        return
    now = time.time()
    table = [("alert", "heard", "where", "score", "verdict", "counts")]
    for heard, mark in rows:
        table.append(
            (
                _name(heard),
                f"{datetime.fromtimestamp(heard.at):%Y-%m-%d %H:%M:%S}",
                _where(heard),
                f"{heard.score:.2f}",
                "-" if mark is None else mark.verdict,
                "" if mark is None else f"{mark.weight(now, half_life_days):.0%}",
            )
        )
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        cells = (f"{cell:{width}}" for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())


def _name(heard: AlertSounds) -> str:
    """The id of an alert, and of the one that was told in its place."""
    return f"{heard.alert}, joined {heard.joined}" if heard.joined else heard.alert


def _where(heard: AlertSounds) -> str:
    from elsa_rt.audio.direction_words import direction_words

    return f"{heard.azimuth_deg:+.0f}° {direction_words(heard.azimuth_deg, heard.elevation_deg)}"
