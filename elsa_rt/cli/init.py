"""``elsa-rt init``: a first rules file, from six questions or from options."""

from __future__ import annotations

import argparse
import json
import secrets
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from elsa_rt.audio.ambisonics import MOUNTS
from elsa_rt.cli.options import Commands, add_command
from elsa_rt.config import MAX_FALSE_ALARMS, MIN_FALSE_ALARMS
from elsa_rt.errors import UsageError

MORE = """\
On a terminal it asks six questions; an empty line takes what stands in brackets. Options answer
them in advance, and in a script the defaults answer the rest. The file is written with comments,
passes elsa-rt check, and is never written over another.

  elsa-rt init
  elsa-rt init home.yaml --prompt "a smoke alarm" --prompt "a doorbell" --mqtt homeassistant.local
  elsa-rt init --ntfy my-secret-topic && elsa-rt listen --config home.yaml
"""

PROMPTS = ("a smoke alarm", "glass breaking", "someone knocking on a door")

RATE = 0.1
"""False alarms an hour that a home can live with: one in ten hours for each rule."""


@dataclass(frozen=True)
class Answers:
    """What is known of the home."""

    prompts: tuple[str, ...] = PROMPTS
    source: str | None = None  # None is the default microphone
    microphone: str | None = None  # a profile
    mount: str = MOUNTS[0]
    rate: float = RATE  # false alarms an hour of each rule
    mqtt: str | None = None  # the broker's host
    ntfy: str | None = None  # the topic


def add(commands: Commands) -> None:
    parser = add_command(commands, "init", run, "write a first rules file", MORE)
    parser.add_argument(
        "path", nargs="?", default="home.yaml", metavar="FILE", help="(default: home.yaml)"
    )
    parser.add_argument("--prompt", action="append", metavar="TEXT", help="a sound to listen for")
    parser.add_argument("--source", metavar="SOURCE", help="as elsa-rt devices names it")
    parser.add_argument("--microphone", metavar="PROFILE", help="as elsa-rt microphones names it")
    parser.add_argument("--mount", choices=MOUNTS, help="how the microphone stands")
    parser.add_argument(
        "--false-alarms-per-hour", type=float, metavar="X", help=f"of each rule (default: {RATE})"
    )
    parser.add_argument("--mqtt", metavar="HOST", help="broker of Home Assistant or another one")
    parser.add_argument("--ntfy", metavar="TOPIC", help="topic of ntfy.sh for a phone")
    parser.add_argument("--defaults", action="store_true", help="ask nothing on a terminal either")


def run(arguments: argparse.Namespace) -> int:
    path = Path(arguments.path)
    if path.exists():
        raise UsageError(f"writing {path}: it is there already: name another file")
    if not path.parent.is_dir():
        raise UsageError(
            f"writing {path}: there is no directory {path.parent}: mkdir {path.parent}"
        )
    given = {
        "prompts": tuple(arguments.prompt) if arguments.prompt else None,
        "source": arguments.source,
        "microphone": arguments.microphone,
        "mount": arguments.mount,
        "rate": arguments.false_alarms_per_hour,
        "mqtt": arguments.mqtt,
        "ntfy": arguments.ntfy,
    }
    answers = replace(Answers(), **{name: v for name, v in given.items() if v is not None})
    if sys.stdin.isatty() and not arguments.defaults:
        answers = asked(answers, {name for name, value in given.items() if value is not None})
    write(path, answers)
    print(f"\n{path} is written. What now:\n")
    for command, about in next_steps(path, answers):
        print(f"  {command:44} {about}")
    return 0


def asked(answers: Answers, known: set[str], ask: Callable[[str], str] = input) -> Answers:
    """``answers`` with those of the questions whose answer is not in ``known``."""
    if "prompts" not in known:
        text = ask(f"What should it listen for, with commas? [{', '.join(answers.prompts)}]\n> ")
        found = tuple(part.strip() for part in text.split(",") if part.strip())
        answers = replace(answers, prompts=found or answers.prompts)
    if "source" not in known:
        print(_devices())
        text = ask("Which microphone, by number or part of its name? [the default one]\n> ")
        answers = replace(answers, source=text.strip() or None)
    if "microphone" not in known:
        text = ask("Its profile, if elsa-rt microphones lists it? [none: it gives AmbiX]\n> ")
        answers = replace(answers, microphone=text.strip() or None)
    if "mount" not in known:
        text = ask(f"How does it stand: {', '.join(MOUNTS)}? [{answers.mount}]\n> ")
        answers = replace(answers, mount=text.strip() or answers.mount)
    if "rate" not in known:
        text = ask(f"How many false alarms an hour may each sound raise? [{answers.rate:g}]\n> ")
        answers = replace(answers, rate=_number(text) if text.strip() else answers.rate)
    if not known & {"mqtt", "ntfy"}:
        words = ask(
            "Where should alerts go besides a file: mqtt HOST (Home Assistant), phone, nowhere? "
            "[nowhere]\n> "
        ).split()
        if words[:1] == ["mqtt"]:
            answers = replace(answers, mqtt=words[1] if words[1:] else "homeassistant.local")
        elif words[:1] == ["phone"]:
            answers = replace(answers, ntfy=f"elsa-{secrets.token_urlsafe(9)}")
        elif words and words[0] != "nowhere":
            raise UsageError(f"{words[0]!r}: say mqtt HOST, phone or nowhere")
    return answers


def write(path: Path, answers: Answers) -> None:
    """Write the rules file, or raise a UsageError that says what is wrong in the answers."""
    from elsa_rt.files import replacing
    from elsa_rt.rules_file.reader import read_rules
    from elsa_rt.user_files.problems import FileError

    if not MIN_FALSE_ALARMS <= answers.rate <= MAX_FALSE_ALARMS:
        raise UsageError(
            f"{answers.rate:g} false alarms an hour: "
            f"{MIN_FALSE_ALARMS:g}..{MAX_FALSE_ALARMS:g} are possible"
        )
    try:
        with replacing(path) as part:
            part.write_text("\n".join(lines(answers, path.name)) + "\n", encoding="utf-8")
            try:
                read_rules(part)
            except FileError as error:
                raise UsageError("; ".join(problem.what for problem in error.problems)) from None
    except OSError as error:
        raise UsageError(f"writing {path}: {error.strerror}: name a writable place") from None


def lines(answers: Answers, name: str) -> Iterator[str]:
    """The lines of the rules file."""
    text = json.dumps  # a JSON string is one of YAML as well
    yield "# What elsa-rt listens for. Saved while it runs, it is read again."
    yield "#"
    yield f"#   elsa-rt check {name}              find every mistake"
    yield f"#   elsa-rt listen --config {name}    listen"
    yield "#   elsa-rt guide rules                     all that may stand here"
    yield ""
    yield "microphone:"
    if answers.source is None:
        yield "  # source: 3                   # by number or part of its name: elsa-rt devices"
    else:
        yield f"  source: {text(answers.source)}"
    if answers.microphone is None:
        yield "  # profile: sennheiser-ambeo-vr    # elsa-rt microphones lists them"
    else:
        yield f"  profile: {text(answers.microphone)}"
    yield f"  mount: {answers.mount}"
    yield "  # yaw_deg: 30                 # the microphone is turned left by so much"
    yield ""
    yield "# What holds for every rule that says nothing else."
    yield "alerts:"
    yield f"  false_alarms_per_hour: {answers.rate:g}"
    yield "  cooldown_s: 5                 # after an alert, before the next of the same rule"
    yield "  # site: kitchen               # elsa-rt calibrate site kitchen learns what sounds here"
    yield ""
    yield "rules:"
    for prompt in answers.prompts:
        yield f"  - prompt: {text(prompt, ensure_ascii=False)}"
    yield "  # - prompt: a glass breaking behind me"
    yield "  #   but_not: a bottle being put down"
    yield "  #   schedule: mon-fri 22:00-06:00"
    yield ""
    yield "# Where alerts go: elsa-rt guide outputs"
    yield "outputs:"
    yield "  - {type: jsonl, path: alerts.jsonl, daily: true}"
    if answers.mqtt is not None:
        yield "  # Home Assistant finds the device by itself. Secrets stay out of this file:"
        yield "  #   export MQTT_PASSWORD=..."
        yield "  - type: mqtt"
        yield f"    host: {text(answers.mqtt)}"
        yield "    # username: elsa"
        yield "    # password_env: MQTT_PASSWORD"
    if answers.ntfy is not None:
        yield "  # On a phone: install the app ntfy and subscribe to this topic. Who knows it reads"
        yield "  # along, so treat it as a password."
        yield "  - type: webhook"
        yield f"    url: {text(f'https://ntfy.sh/{answers.ntfy}')}"
        yield "    format: ntfy"


def next_steps(path: Path, answers: Answers) -> Sequence[tuple[str, str]]:
    """Commands to try, and what they do."""
    steps = [
        (f"elsa-rt check {path}", "what the rules mean"),
        ("elsa-rt doctor", "whether the microphone is right"),
        (f"elsa-rt listen --config {path}", "listen"),
    ]
    if answers.mqtt is not None:
        steps.insert(0, ("pip install 'elsa-rt[mqtt]'", "what MQTT needs"))
    return steps


def _devices() -> str:
    from elsa_rt.errors import ElsaError
    from elsa_rt.sources.devices import devices

    try:
        found = devices()
    except ElsaError as error:
        return str(error)
    rows = [f"  {one.index:3}  {one.channels} channels  {one.name}" for one in found]
    return "\n".join(rows) or "  no microphone is plugged in now"


def _number(text: str) -> float:
    try:
        return float(text.replace(",", "."))
    except ValueError:
        raise UsageError(f"{text.strip()!r} is no number of false alarms an hour") from None
