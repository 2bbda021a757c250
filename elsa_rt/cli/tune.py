"""``elsa-rt tune``: alert thresholds proposed from a labelled recording."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

from elsa_rt.cli.notices import Notices, say_loading
from elsa_rt.cli.options import Commands, add_command, add_settings
from elsa_rt.cli.replay import recording_start
from elsa_rt.cli.rules import add_config, load_rules_config
from elsa_rt.config import ALERTS, MODEL, SIGNAL
from elsa_rt.errors import UsageError
from elsa_rt.files import replacing
from elsa_rt.wording import counted

if TYPE_CHECKING:
    from elsa_rt.rules_file.reader import RulesFile
    from elsa_rt.tuning.page import Tuned

MORE = """\
LABELS say what really sounds: CSV with the columns start_s,end_s,rule, or a .txt that Audacity
exported. The recording is heard once. An HTML page shows, for every rule, how many of its sounds
each threshold would miss and how many false alarms an hour it would raise; proposed is the one that
misses the fewest while it keeps the false alarms that the rule allows.

  elsa-rt tune day.flac day.csv --config rules.yaml
  elsa-rt tune day.flac day.txt --config rules.yaml --write
  elsa-rt tune night.flac --at 2026-01-31T22:00 --config rules.yaml

Without LABELS the verdicts of elsa-rt feedback on alerts of that night are the labels: right ones
are sounds of the rule, false ones are not, and what nobody judged is left out.
"""


def add(commands: Commands) -> None:
    parser = add_command(commands, "tune", run, "find thresholds from a labelled recording", MORE)
    parser.add_argument("recording", metavar="RECORDING", help="a sound file of four channels")
    parser.add_argument(
        "labels",
        nargs="?",
        metavar="LABELS",
        help="what sounds in it, CSV or .txt (default: what people said of its alerts)",
    )
    parser.add_argument(
        "--at", metavar="TIME", help="without LABELS: when it began, e.g. 2026-01-31T22:00"
    )
    add_config(parser, required=True)
    parser.add_argument(
        "-o",
        "--output",
        metavar="PAGE",
        help="the HTML page (default: the recording's name with -tuning.html, here)",
    )
    parser.add_argument(
        "--write",
        action="store_true",
        help="put the proposed scores into the rules file; its comments stay",
    )
    add_settings(parser, SIGNAL, MODEL, ALERTS)


def run(arguments: argparse.Namespace) -> int:
    config, file = load_rules_config(arguments)
    from elsa_rt.scoring.feedback import FeedbackStore
    from elsa_rt.sources.files import FileSource, shown
    from elsa_rt.tuning.labels import labels_of_feedback, read_labels

    if (arguments.labels is None) is (arguments.at is None):
        raise UsageError(
            "tune needs LABELS, or --at TIME for what people said of its alerts: one of the two"
        )
    began = None if arguments.at is None else recording_start(arguments.at, file.time_zone)
    labels = () if arguments.labels is None else read_labels(arguments.labels, file.rules)
    target = Path(arguments.output or f"{Path(arguments.recording).stem}-tuning.html")
    if not target.parent.is_dir():
        raise UsageError(f"writing {target}: there is no directory {target.parent}: make it first")
    notices = Notices()
    with FileSource(arguments.recording, config, notices) as source:
        say_loading()
        from elsa_rt.listener import Listener
        from elsa_rt.tuning.page import page
        from elsa_rt.tuning.run import record, tuned, without

        began_s = None if began is None else began.timestamp()
        listener = Listener(config=config, on_notice=notices, began_s=began_s)
        listener.store.keep = False
        recorded = record(listener, source)
    if began is not None:
        judged = labels_of_feedback(
            FeedbackStore.of(config), began.timestamp(), recorded.length_s, file.rules
        )
        labels, recorded = judged.labels, without(recorded, judged.unknown, file.rules)
    late = [label for label in labels if label.start_s >= recorded.length_s]
    if late:
        raise UsageError(
            f"{arguments.labels}: a label begins at {late[0].start_s:g} s and the recording ends "
            f"at {recorded.length_s:.2f} s: are these the labels of {arguments.recording}?"
        )
    found = tuned(listener, recorded, labels)
    name = shown(Path(arguments.recording).name)
    html = page(name, file.path.name, recorded.time_s, found)
    try:
        with replacing(target, private=True) as part:
            part.write_text(html, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"writing {target}: {error.strerror}: name another with -o") from None
    _tell(found, target)
    if arguments.write:
        _write(file, found)
    return 0


def _tell(found: list[Tuned], target: Path) -> None:
    from elsa_rt.tuning.page import sentence

    for one in found:
        print(f"{one.tradeoff.rule}: {sentence(one)}")
    print(f"\n{target} shows it")


def _write(file: RulesFile, found: list[Tuned]) -> None:
    from elsa_rt.rules_file.edit import with_starts
    from elsa_rt.rules_file.reader import read_rules
    from elsa_rt.user_files.yaml_lines import read_text

    places = {rule.id: index for index, rule in enumerate(file.rules)}
    starts = {
        places[one.tradeoff.rule]: one.proposal.threshold
        for one in found
        if one.proposal is not None and math.isfinite(one.proposal.threshold)
    }
    if not starts:
        print(f"{file.path} stays as it is")
        return
    edited = with_starts(file.path, read_text(file.path), starts)
    path = file.path.resolve()
    try:
        with replacing(path) as part:
            part.write_text(edited, encoding="utf-8")
            read_rules(part)
    except OSError as error:
        raise UsageError(f"writing {path}: {error.strerror}: see that it is writable") from None
    print(f"{file.path}: alert_start of {counted(len(starts), 'rule')} is written")
