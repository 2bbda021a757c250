"""``elsa-rt explain``: meaning of a prompt, its nearest known sounds and expected errors."""

from __future__ import annotations

import argparse
import json
import math
import time
from typing import TYPE_CHECKING, Any

from elsa_rt.cli.notices import Notices, say_loading
from elsa_rt.cli.options import Commands, add_command, add_settings, settings, writable
from elsa_rt.config import ALERTS, MODEL, Config

if TYPE_CHECKING:
    from elsa_rt.rules.region import Region
    from elsa_rt.scoring.explain import Explanation
    from elsa_rt.scoring.marks import Mark

MORE = """\
It says which words are taken for a place and which for the sound, which names the model takes it
for (learnt in training, or known from the tagger it started from), which sounds that it was
measured with are the nearest, from which score on an alert starts, how often background alone
is expected to reach it, and what share of such sounds is missed, where that is known.

  elsa-rt explain "a glass breaking behind me"
  elsa-rt explain "a dog barking" --false-alarms-per-hour 0.1 --site kitchen
  elsa-rt explain "my kettle" --example kettle.wav
  elsa-rt explain "a cat" "a baby crying" "a kettle" --plot map.svg
"""

KINDS = {"label": "learnt", "tag": "tagger"}
"""Where the model has a name from: sounds of its training, or classes of the tagger."""

TOLD = 3  # names


def add(commands: Commands) -> None:
    parser = add_command(commands, "explain", run, "say what becomes of a sentence", MORE)
    parser.add_argument("texts", nargs="+", metavar="TEXT")
    parser.add_argument(
        "--example",
        action="append",
        default=[],
        metavar="FILE",
        help="a recording of the sound, for a single TEXT; any number of times",
    )
    parser.add_argument("--json", action="store_true", help="an object a line")
    parser.add_argument(
        "--plot", metavar="FILE", help="draw a map of the sentences among known sounds, SVG"
    )
    add_settings(parser, MODEL, ALERTS)


def run(arguments: argparse.Namespace) -> int:
    config = Config(**settings(arguments))
    if arguments.plot is not None:
        writable(arguments.plot)  # said before the work, not after it
    say_loading()
    from elsa_rt.cli.examples import rules_with
    from elsa_rt.encoder.bundle import ModelBundle
    from elsa_rt.prompts.bank import PromptBank
    from elsa_rt.scoring.explain import explain

    bundle = ModelBundle.load(config.bundle)
    bank = PromptBank.encode(bundle, rules_with(arguments.texts, arguments.example), config)
    notices = Notices()
    for notice in bank.notices:
        notices(notice)
    for index, found in enumerate(explain(bank, bundle, config)):
        if arguments.json:
            print(json.dumps(fields(found), ensure_ascii=False))
        else:
            print("\n" * (index > 0) + "\n".join(lines(found, config.feedback_half_life_days)))
    if arguments.plot is not None:
        from elsa_rt.files import replacing
        from elsa_rt.scoring.statistics import Statistics
        from elsa_rt.screens.plots.prompt_map import prompt_map

        with replacing(writable(arguments.plot)) as part:
            part.write_text(prompt_map(bank, Statistics.load(bundle)), encoding="utf-8")
    return 0


def fields(found: Explanation) -> dict[str, Any]:
    """The object of ``--json``; a number that does not exist is null."""
    first, *others = found.region.parts
    return {
        "type": "explanation",
        "prompt": found.rule.label,
        "what": list(found.what),
        "examples": list(found.rule.examples),
        "but_not": list(found.but_not),
        "region": _bounds(first) | ({"also": list(map(_bounds, others))} if others else {}),
        "nearest": [
            {"sound": label, "likeness": round(likeness, 3)} for label, likeness in found.nearest
        ],
        "known_as": [
            {"name": name.name, "kind": name.kind, "likeness": round(likeness, 3)}
            for name, likeness in found.known_as
        ],
        "means": list(found.means),
        "alert_start": round(found.start, 5),
        "alert_end": round(found.end, 5),
        "false_alarms_per_hour": _number(found.false_alarms_per_hour),
        "extrapolated": found.extrapolated,
        "scores": [
            {"false_alarms_per_hour": rate, "score": _number(score)} for rate, score in found.scores
        ],
        "missed_at_one_per_hour": _number(found.missed),
        "feedback": [
            {"alert": mark.heard.alert, "verdict": mark.verdict, "marked": mark.marked}
            for mark in found.marks
        ],
        "notices": list(found.notices),
    }


def mark_text(mark: Mark, half_life_days: float) -> str:
    """A verdict for people."""
    from elsa_rt.audio.direction_words import direction_words

    heard = mark.heard
    words = direction_words(heard.azimuth_deg, heard.elevation_deg)
    return (
        f"{heard.alert} at {heard.azimuth_deg:+.0f}° {words} was {mark.verdict}: counts "
        f"{mark.weight(time.time(), half_life_days):.0%}"
    )


def lines(found: Explanation, half_life_days: float) -> list[str]:
    """The explanation for people."""
    said = [found.rule.label]
    what = " / ".join(found.what) or "what sounds like " + ", ".join(found.rule.examples)
    said.append(f"  sound          {what}")
    if found.but_not:
        said.append(f"  but not        {' / '.join(found.but_not)}")
    said.append(f"  place          {found.region.words}")
    if found.known_as:
        parts = [f"{name.name} ({KINDS[name.kind]}) {like:.2f}" for name, like in found.known_as]
        said.append(f"  known as       {', '.join(parts[:TOLD])}")
    near = ", ".join(f"{label} {likeness:.2f}" for label, likeness in found.nearest)
    said.append(f"  nearest known  {near or 'this bundle names none'}")
    if found.means:
        said.append(f"  taken to mean  {', '.join(found.means)}: no false alarms of it")
    said.append(f"  alert from     score {found.start:.3f}, until below {found.end:.3f}")
    if math.isfinite(found.false_alarms_per_hour):
        how = ", extrapolated from less frequent ones" if found.extrapolated else ""
        said.append(f"  false alarms   {found.false_alarms_per_hour:.3g} an hour expected{how}")
        others = ", ".join(f"{rate:g} an hour from {score:.3f}" for rate, score in found.scores)
        said.append(f"                 {others}")
    if math.isfinite(found.missed):
        said.append(
            f"  misses         about {100 * found.missed:.0f} % of {found.nearest[0][0]}, in a "
            "handful of trials at 20 dB SNR and one false alarm an hour"
        )
    said += [f"  feedback       {mark_text(mark, half_life_days)}" for mark in found.marks]
    return [*said, *(f"  note           {notice}" for notice in found.notices)]


def _bounds(region: Region) -> dict[str, Any]:
    return {
        "azimuth_deg": list(region.azimuth_deg),
        "elevation_deg": list(region.elevation_deg),
        "distance_m": [_number(metres) for metres in region.distance_m],
    }


def _number(value: float) -> float | None:
    return float(f"{value:.4g}") if math.isfinite(value) else None
