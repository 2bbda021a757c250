"""``elsa-rt calibrate site``: learn what a place sounds like, so that it raises no alerts."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from elsa_rt.cli.notices import Notices, say_loading
from elsa_rt.cli.options import Commands, add_command, add_settings, settings
from elsa_rt.cli.stop import GracefulStop
from elsa_rt.config import MODEL, SIGNAL, Config
from elsa_rt.errors import UsageError

if TYPE_CHECKING:
    from elsa_rt.calibrate.site import SiteRecorder
    from elsa_rt.encoder.audio import AudioEncoder
    from elsa_rt.scoring.marks import Mark

MORE = """\
It listens for some minutes of ordinary life in which nothing sounds that you want to be told of.
Prompts then need higher scores for what this place sounds like. No sound is stored: of each
active step an embedding in 64 numbers of 8 bits, a direction and an activity.

  elsa-rt calibrate site hw:1 --minutes 10 --name kitchen
  elsa-rt listen hw:1 --site kitchen --prompt "a smoke alarm"

What was marked as a right alert of this site (elsa-rt feedback) is no background and is left out.
Ctrl-C ends it early and keeps what was heard. A site fits the model that it was learned with.
"""

MINUTES = 10.0


def add(commands: Commands) -> None:
    parser = add_command(commands, "site", run, "learn what a place sounds like", MORE)
    parser.add_argument(
        "source", nargs="?", metavar="SOURCE", help="a microphone, a file, or - as for listen"
    )
    parser.add_argument(
        "--minutes", type=float, default=MINUTES, metavar="X", help=f"(default: {MINUTES:g})"
    )
    parser.add_argument("--name", default="here", help="of the site (default: here)")
    parser.add_argument("--output", metavar="FILE.npz", help="where it goes instead")
    parser.add_argument("--json", action="store_true", help="the result as JSON")
    add_settings(parser, SIGNAL, MODEL)


def run(arguments: argparse.Namespace) -> int:
    if not arguments.minutes > 0:
        raise UsageError(f"--minutes {arguments.minutes:g}: more than 0 is needed")
    config = Config(**settings(arguments))
    path = _target(arguments)
    say_loading()
    from elsa_rt.calibrate.site import SiteRecorder, save_site
    from elsa_rt.encoder.audio import AudioEncoder
    from elsa_rt.encoder.bundle import ModelBundle
    from elsa_rt.scoring.site import fits_of
    from elsa_rt.scoring.statistics import Statistics

    notices = Notices()
    encoder = AudioEncoder(ModelBundle.load(config.bundle), config, notices)
    statistics = Statistics.of(encoder.bundle)
    ear = SiteRecorder(statistics, encoder.bundle.step_s)
    _learn(ear, encoder, config, notices, arguments)
    background = ear.background(_right_alerts(path, fits_of(encoder.bundle, statistics)))
    save_site(path, background, encoder.bundle, statistics)
    active = float((background.activity > 127).sum()) * encoder.bundle.step_s
    _tell(path, ear, active / ear.seconds, len(background.pieces), as_json=arguments.json)
    return 0


def _right_alerts(path: Path, fits: str) -> list[Mark]:
    """The alerts of this site that people called right: they are no background."""
    from elsa_rt.scoring.feedback import SUFFIX, FeedbackStore

    marks = FeedbackStore(path.with_suffix(SUFFIX)).marks
    return [mark for mark in marks if mark.verdict == "right" and mark.heard.fits == fits]


def _target(arguments: argparse.Namespace) -> Path:
    from elsa_rt.scoring.site import site_path

    if arguments.output is not None:
        from elsa_rt.files import check_target

        target = check_target(arguments.output)
        if target.suffix != ".npz":
            raise UsageError(f"--output {target}: a site is a .npz file")
        return target
    if not re.fullmatch("[A-Za-z0-9_-]+", arguments.name):
        raise UsageError(f"--name {arguments.name!r}: letters, digits and hyphens make a name")
    return site_path(arguments.name)


def _learn(
    ear: SiteRecorder,
    encoder: AudioEncoder,
    config: Config,
    notices: Notices,
    arguments: argparse.Namespace,
) -> None:
    """Listen until it is enough, the source ends, or somebody stops it."""
    from elsa_rt.listener import Listener
    from elsa_rt.prompts.bank import PromptBank
    from elsa_rt.sources.open import open_source

    nothing = PromptBank.empty(encoder.bundle)
    listener = Listener(nothing, config=config, encoder=encoder, on_notice=notices)
    with GracefulStop() as stop, open_source(arguments.source, config, notices) as source:
        for block in source:
            for hearing in listener.push(block):
                ear.add(hearing)
            if stop.asked() or ear.seconds >= 60 * arguments.minutes:
                break


def _tell(path: Path, ear: SiteRecorder, active: float, pieces: int, *, as_json: bool) -> None:
    seconds = ear.seconds
    if as_json:
        fields = {"type": "site", "path": str(path), "minutes": round(seconds / 60, 2),
                  "active_share": round(active, 3), "pieces": pieces,
                  "left_out_s": round(ear.left_out_s, 1)}  # fmt: skip
        print(json.dumps(fields))
        return
    print(
        f"{path}: {seconds / 60:.1f} minutes, something sounding in {100 * active:.0f} % of them; "
        f"use it with --site {path.stem if path.parent.name == 'sites' else path}"
    )
    if ear.left_out_s:
        print(f"{ear.left_out_s:.0f} s are left out: they sound like alerts that were marked right")
