"""``elsa-rt calibrate``: what is measured at the user's own place."""

from __future__ import annotations

from elsa_rt.cli import calibrate_microphone, calibrate_site
from elsa_rt.cli.options import Commands, Help

MORE = """\
Measure what no model can know.

  elsa-rt calibrate microphone hw:1 --name mine
  elsa-rt calibrate site hw:1 --name kitchen
"""


def add(commands: Commands) -> None:
    group = commands.add_parser(
        "calibrate",
        help="measure your own microphone, learn what a place sounds like",
        description=MORE,
        formatter_class=Help,
    )
    kinds = group.add_subparsers(metavar="WHAT", required=True)
    for kind in (calibrate_microphone, calibrate_site):
        kind.add(kinds)
