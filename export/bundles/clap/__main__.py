"""Turn the directory of a ClapModel into a windowed bundle: your own weights, heard in space.

python -m export clap clap-htsat-unfused -o my-clap --licence Apache-2.0 --background esc50.csv
elsa-rt listen --bundle my-clap --prompt "a kettle boiling behind me"
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from elsa_rt.encoder.window import BEAMS, WindowSettings
from elsa_rt.errors import ElsaError, UsageError
from export.bundles.clap.background import recorded, synthesised
from export.bundles.clap.bundle import Plan, write_bundle
from export.bundles.clap.graph import Clap

STEP_S = 1.0
WINDOWS = 300
MIN_WINDOWS = 20
UNKNOWN_LICENCE = "unknown: that of the CLAP weights"


def options() -> argparse.ArgumentParser:
    """What the command takes."""
    parser = argparse.ArgumentParser(
        prog="python -m export clap",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )

    def add(name: str, help: str, **how: object) -> None:
        default = "" if how.get("default") is None else " (default: %(default)s)"
        parser.add_argument(name, help=help + default, **how)  # type: ignore[arg-type]

    parser.add_argument(
        "directory", type=Path, help="of a ClapModel: weights, feature extractor, tokenizer"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, help="bundle to write")
    window = WindowSettings()
    add("--window-s", "seconds that are embedded; fewer do not cost less, CLAP repeats them",
        type=float, default=window.seconds, metavar="S")  # fmt: skip
    add("--hop-s", "seconds between two answers; half of them are twice the load",
        type=float, default=STEP_S, metavar="S")  # fmt: skip
    add("--beam", "pattern that is turned to where the sound comes from",
        choices=tuple(BEAMS), default=window.beam)  # fmt: skip
    add("--background", "manifest of clips to calibrate scores on; without it they are synthesised",
        type=Path, metavar="CSV")  # fmt: skip
    add("--windows", "of background", type=int, default=WINDOWS, metavar="N")
    add("--licence", "of the weights, for manifest and card", default=UNKNOWN_LICENCE)
    return parser


def run(args: argparse.Namespace) -> None:
    """Write the bundle that was asked for."""
    if args.windows < MIN_WINDOWS:
        raise UsageError(f"--windows {args.windows}: at least {MIN_WINDOWS} make statistics")
    window = WindowSettings(args.window_s, args.beam)
    clap = Clap.load(args.directory)
    plan = Plan.fit(clap.rate, clap.longest_s, window, args.hop_s)
    sounds = recorded(args.background, clap.rate) if args.background else synthesised(clap.rate)
    source = args.directory.resolve().name
    fit = write_bundle(clap, plan, sounds, args.windows, source, args.licence, args.output)
    if not fit.separates:
        print(
            "warning: this CLAP does not know the sounds of the background by their names: its "
            "scores will mean little",
            file=sys.stderr,
        )
    print(f"{args.output}: try elsa-rt listen --demo --bundle {args.output}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    args = options().parse_args(argv)
    try:
        run(args)
    except ElsaError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
