"""``elsa-rt calibrate microphone``: from claps and noise to a profile of one's own."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elsa_rt.cli.notices import Notices
from elsa_rt.cli.options import Commands, add_command, add_settings, settings
from elsa_rt.config import SIGNAL, Config
from elsa_rt.errors import ElsaError, SourceError, UsageError

if TYPE_CHECKING:
    from elsa_rt.calibrate.calibration import Calibration, Take
    from elsa_rt.calibrate.recording import Samples
    from elsa_rt.diagnostics.channel_faults import Fault
    from elsa_rt.microphones.profile import Profile

MORE = """\
It finds which channel is which capsule, which are inverted, their gains and delays, how far the
microphone is turned, and how wrong directions still are; the profile is for --microphone.
A conversation leads through it: noise from everywhere, then claps from five places.

  elsa-rt calibrate microphone hw:1 --microphone tetrahedron --name mine
  elsa-rt listen hw:1 --microphone mine --prompt "a dog barking"

From recordings: one of noise, and one with claps from front, left, behind, right and above, as
many from each, in this order; or a file for each direction:

  elsa-rt calibrate microphone --noise noise.wav --claps claps.wav --name mine
  elsa-rt calibrate microphone --clap front=f.wav --clap left=l.wav --clap=-45,30=x.wav ...
"""

BASE = "tetrahedron"
"""What a microphone is taken for unless told."""

EACH, NOISE_S, CHECK_S = 3, 10.0, 5.0


def add(commands: Commands) -> None:
    parser = add_command(commands, "microphone", run, "measure your own microphone", MORE)
    parser.add_argument(
        "source", nargs="?", metavar="SOURCE", help="a microphone by number or part of its name"
    )
    parser.add_argument("--name", default="mine", help="of the new profile (default: mine)")
    parser.add_argument(
        "--output", metavar="FILE.yaml", help="where it goes (default: among your own profiles)"
    )
    parser.add_argument("--noise", metavar="FILE", help="a recording of noise from everywhere")
    parser.add_argument("--claps", metavar="FILE", help="a recording of claps, in order")
    parser.add_argument(
        "--directions",
        metavar="'D D ...'",
        help="the order of --claps or of the conversation: front, left, behind, right, above, "
        "below or azimuth,elevation (default: 'front left behind right above')",
    )
    parser.add_argument(
        "--clap",
        action="append",
        default=[],
        metavar="DIRECTION=FILE",
        help="a recording of claps from one direction; any number of times",
    )
    for option, default, metavar, about in (
        ("--each", EACH, "N", "claps at each place"),
        ("--noise-s", NOISE_S, "X", "seconds of noise, 0 to leave it out"),
        ("--check-s", CHECK_S, "X", "seconds of the first step, the channels"),
    ):
        about += f" (default: {default:g})"
        parser.add_argument(
            option, type=type(default), default=default, metavar=metavar, help=about
        )
    parser.add_argument("--json", action="store_true", help="the result as JSON")
    unused = ("yaw_deg", "pitch_deg", "roll_deg", "realtime")
    add_settings(parser, SIGNAL, without=unused)


def run(arguments: argparse.Namespace) -> int:
    from elsa_rt.calibrate.calibration import calibrate
    from elsa_rt.microphones.library import profile_of

    config = _config(arguments)
    base = profile_of(config)
    target = _target(arguments)
    recorded = bool(arguments.claps or arguments.clap)
    if recorded:
        takes, noise, rate, numbers = _from_files(arguments, config, base)
        said = "elsa-rt calibrate microphone, from recordings"
    else:
        takes, noise, rate, numbers, device = _from_a_person(arguments, config, base)
        base = replace(base, device=(device,))
        said = f"elsa-rt calibrate microphone, {device} at {rate} Hz"
    said += f", {sum(len(take.onsets) for take in takes)} claps"
    found = calibrate(takes, noise, base, rate, numbers, said)
    profile = replace(
        found.profile,
        name=target.stem,
        title=f"{base.title}, calibrated",
        about=f"Measured: {said}.",
    )
    found = replace(found, profile=profile)
    kept = found.verdict != "not to be trusted"
    if kept:
        from elsa_rt.microphones.profile_file import write_profile

        write_profile(profile, target)
    if arguments.json:
        print(json.dumps(_fields(found, target if kept else None), ensure_ascii=False))
    else:
        from elsa_rt.screens.calibration import show

        show(found, target)
    if not kept:
        raise ElsaError(
            f"the claps are {found.residual_deg:.0f} degrees off on average, nothing was written: "
            "see that they came from where they were announced, away from walls, and that "
            "--microphone or --format is what the microphone is"
        )
    return 0


def _config(arguments: argparse.Namespace) -> Config:
    given = settings(arguments)
    if arguments.each < 1 or arguments.noise_s < 0 or arguments.check_s <= 0:
        raise UsageError(
            f"--each {arguments.each}, --noise-s {arguments.noise_s:g}, --check-s "
            f"{arguments.check_s:g}: positive numbers are needed"
        )
    if not {"microphone", "format"} & given.keys():
        given["microphone"] = BASE
    return Config(**given)


def _target(arguments: argparse.Namespace) -> Path:
    from elsa_rt.microphones.library import own_directory

    if arguments.output is not None:
        from elsa_rt.files import check_target

        target = check_target(arguments.output)
        if target.suffix not in (".yaml", ".yml"):
            raise UsageError(f"--output {target}: a profile is a .yaml file")
        return target
    name = arguments.name
    if not name or any(sign in name for sign in "/\\. "):
        raise UsageError(f"--name {name!r}: letters, digits and hyphens make a name")
    return own_directory() / f"{name}.yaml"


def _from_files(
    arguments: argparse.Namespace, config: Config, base: Profile
) -> tuple[list[Take], Samples | None, int, tuple[int, ...]]:
    from elsa_rt.calibrate.calibration import Take, hears_no_height, split_claps
    from elsa_rt.calibrate.claps import find_claps
    from elsa_rt.calibrate.directions import announced, check_spread
    from elsa_rt.calibrate.recording import read_recording

    if arguments.source is not None:
        raise UsageError(
            f"{arguments.source}: a calibration is either live or from recordings: leave out "
            "SOURCE, or --claps and --clap"
        )
    notices = Notices()
    files: list[tuple[str, list[Any]]] = []
    if arguments.claps:
        files.append((arguments.claps, _places(arguments, base)))
    for text in arguments.clap:
        direction, equals, path = text.partition("=")
        if not equals:
            raise UsageError(f"--clap {text}: DIRECTION=FILE is needed, e.g. --clap left=l.wav")
        files.append((path, [announced(direction)]))
    check_spread([one for _, places in files for one in places], horizontal=hears_no_height(base))
    takes: list[Take] = []
    rates: set[int] = set()
    numbers: tuple[int, ...] = ()
    for path, places in files:
        samples, rate, numbers = read_recording(path, config, notices)
        rates.add(rate)
        _stop_at(_faults(samples, rate, numbers, base), path, notices)
        if len(places) > 1:
            takes += split_claps(samples, rate, places)
        elif onsets := find_claps(samples, rate):
            takes.append(Take(places[0], samples, tuple(onsets)))
        else:
            raise SourceError(f"{path}: no clap stands out of the noise: record it again, louder")
    noise = None
    if arguments.noise:
        noise, rate, numbers = read_recording(arguments.noise, config, notices)
        rates.add(rate)
        _stop_at(_faults(noise, rate, numbers, base), arguments.noise, notices)
    if len(rates) > 1:
        told = ", ".join(map(str, sorted(rates)))
        raise SourceError(f"the recordings have different rates ({told} Hz): record all at one")
    return takes, noise, rates.pop(), numbers


def _from_a_person(
    arguments: argparse.Namespace, config: Config, base: Profile
) -> tuple[list[Take], Samples | None, int, tuple[int, ...], str]:
    from rich.console import Console

    from elsa_rt.calibrate.calibration import hears_no_height
    from elsa_rt.calibrate.directions import check_spread
    from elsa_rt.calibrate.recording import FourChannelReader
    from elsa_rt.screens.guide import Guide
    from elsa_rt.sources.device_names import bare_name
    from elsa_rt.sources.open import open_source

    if arguments.noise:
        raise UsageError("--noise is for recordings: give --claps or --clap, too")
    places = _places(arguments, base)
    check_spread(places, horizontal=hears_no_height(base))
    console = Console(stderr=arguments.json)
    with open_source(arguments.source, config, Notices()) as source:
        ear = FourChannelReader(source, config)
        console.print(
            f"Calibrating {ear.name}, {source.channels} channels at {ear.rate} Hz, taken for: "
            f"{base.title} ({base.format}).",
            soft_wrap=True,
        )
        guide = Guide(ear, console)
        faults = guide.check(arguments.check_s, base.silent)
        if any(fault.fatal for fault in faults):
            raise SourceError(f"{ear.name} cannot be calibrated so: put that right and try again")
        noise = guide.noise(arguments.noise_s) if arguments.noise_s else None
        takes = guide.claps(places, arguments.each)
        if ear.dropped:
            console.print(
                f"{ear.dropped:,} samples were lost meanwhile, of all channels alike: if the "
                "result is poor, close other programs and try again",
                style="yellow",
                soft_wrap=True,
            )
    return takes, noise, ear.rate, ear.numbers, bare_name(ear.name)


def _places(arguments: argparse.Namespace, base: Profile) -> list[Any]:
    from elsa_rt.calibrate.calibration import hears_no_height
    from elsa_rt.calibrate.directions import GUIDED, GUIDED_FLAT, announced

    if arguments.directions is None:
        return [announced(name) for name in (GUIDED_FLAT if hears_no_height(base) else GUIDED)]
    return [announced(text) for text in arguments.directions.split()]


def _faults(samples: Samples, rate: int, numbers: tuple[int, ...], base: Profile) -> list[Fault]:
    from elsa_rt.diagnostics.channel_faults import find_faults

    return find_faults(samples, rate, numbers, base.silent)


def _stop_at(faults: list[Fault], path: str, notices: Notices) -> None:
    for fault in faults:
        if fault.fatal:
            raise SourceError(f"{path}: {fault.text}")
        notices(f"{path}: {fault.text}")


def _fields(found: Calibration, target: Path | None) -> dict[str, Any]:
    from elsa_rt.cli.microphones import fields

    return {
        "type": "calibration",
        "verdict": found.verdict,
        "residual_deg": round(found.residual_deg, 2),
        "directions": [
            {
                "direction": angle.name,
                "claps": angle.claps,
                "before_deg": round(angle.before_deg, 1),
                "after_deg": round(angle.after_deg, 1),
            }
            for angle in found.angles
        ],
        "doubts": list(found.doubts),
        "profile": fields(found.profile),
        "path": None if target is None else str(target),
    }
