"""Fuzzing of what users bring: mutated files through the code that reads them.

    python -m tests.fuzz --minutes 10

A case is wrong if anything but an ElsaError comes out of it, if it takes more than ten seconds, or
if memory grows beyond a gigabyte. What was wrong is kept in ``build/fuzz``. Exits with 1 then.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import numpy as np
import soundfile

from elsa_rt.cli import main as main_of_elsa_rt
from elsa_rt.cli import parser
from elsa_rt.config import Config
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.encoder.tensorrt.plans import PlanKey, find_plan, keep_plan
from elsa_rt.errors import ElsaError
from elsa_rt.microphones.profile_file import read_profile
from elsa_rt.prompts.checks import read_prompts
from elsa_rt.rules_file.reader import read_rules
from elsa_rt.scoring.site import load_site
from elsa_rt.scoring.statistics import Statistics
from elsa_rt.sources.files import FileSource
from elsa_rt.sources.pipe import PipeSource
from elsa_rt.tuning.labels import read_labels
from tests.support.tiny_bundle import make_bundle

LIMIT_S = 10
LIMIT_BYTES = 6 << 30  # of addresses; a gigabyte of it is ours before we begin
ROOT = Path(__file__).parents[1]
COMMANDS = ("listen", "replay", "check", "explain", "embed-text", "info", "microphones", "doctor",
            "embed", "report", "feedback", "recall", "memory", "forget")  # fmt: skip
"""What is called with hostile words; all of them end by themselves on a recording of 50 ms."""

WORDS = [
    b"!!bool maybe", b"2020-99-99", b"[" * 200, b"&a [*a]", b"\0", b"\xff\xfe", b".inf", b"1e999",
    b"9" * 400, b"~nouser/x", b"../../x", b"/dev/zero", b"-1", b"0x", b"\x80\x00\x00\x00",
]  # fmt: skip
CONTAINERS = (
    ("WAV", "PCM_16"), ("WAV", "FLOAT"), ("FLAC", "PCM_16"), ("AIFF", "PCM_24"), ("AU", "PCM_16"),
    ("CAF", "PCM_16"), ("W64", "PCM_16"), ("RF64", "PCM_16"), ("OGG", "VORBIS"),
)  # fmt: skip


def mutated(seed: bytes, dice: random.Random) -> bytes:
    """``seed`` with some bytes flipped, cut, doubled or replaced."""
    data = bytearray(seed)
    for _ in range(dice.choice((1, 1, 2, 4, 16))):
        at = dice.randrange(len(data) + 1)
        match dice.randrange(5):
            case 0 if data:
                data[at % len(data)] = dice.randrange(256)
            case 1:
                del data[at : at + dice.randrange(64)]
            case 2:
                data[at:at] = data[max(0, at - dice.randrange(64)) : at]
            case 3:
                data[at:at] = dice.choice(WORDS)
            case _:
                data[at : at + 4] = dice.randbytes(4)
    return bytes(data)


def sounds() -> list[bytes]:
    """Small sound files of every container."""
    wave = np.random.default_rng(0).normal(0, 0.1, (800, 4))
    made = []
    for kind, subtype in CONTAINERS:
        file = io.BytesIO()
        soundfile.write(file, wave, 16_000, subtype, format=kind)
        made.append(file.getvalue())
    return made


def ignore(notice: str) -> None:
    """Take a notice."""


def read_sound(path: Path) -> None:
    """A file to its end."""
    with FileSource(path, Config(), ignore) as source:
        for _ in source:
            pass


def read_pipe(path: Path) -> None:
    """The same on a pipe."""
    with path.open("rb") as stream, PipeSource(stream, Config(), ignore) as source:
        for _ in source:
            pass


def read_manifest(place: Path) -> Callable[[Path], object]:
    """Load the bundle at ``place`` with the manifest of a case."""

    def read(path: Path) -> object:
        (place / "model.yaml").write_bytes(path.read_bytes())
        return Statistics.load(ModelBundle.load(place))

    return read


def read_sidecar(place: Path) -> tuple[bytes, Callable[[Path], object]]:
    """A sidecar, and what looks for its plan with that of a case."""
    key = PlanKey("tiny", "0" * 64, "tensorrt-rtx", "fp16", 1, "1.4", "8.9", "GPU", "580", "13")
    plan = keep_plan(key, b"plan", place)
    sidecar = plan.with_suffix(".json")
    seed = sidecar.read_bytes()

    def read(path: Path) -> object:
        sidecar.write_bytes(path.read_bytes())
        return find_plan(key, place)

    return seed, read


def run_command(place: Path) -> Callable[[Path], object]:
    """Run the command line that stands in a case, a word a line, within ``place``."""
    soundfile.write(place / "a.wav", np.zeros((800, 4)), 16_000)
    (place / "a.yaml").write_text("rules: [{prompt: a hum}]\n")
    make_bundle(place / "bundle")
    os.chdir(place)

    def run(path: Path) -> object:
        words = path.read_bytes().decode("utf-8", "surrogateescape").split("\n")
        said = io.StringIO()
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            try:
                code = main_of_elsa_rt(words)
            except SystemExit as ended:  # --help and --version
                code = int(ended.code or 0)
        if "internal error" in said.getvalue() or code not in (0, 1, 2):
            raise AssertionError(f"code {code}: {said.getvalue()[-300:]}")
        return code

    return run


def command_lines() -> list[bytes]:
    """One of each command, and its options with a value."""
    made = []
    for action in parser()._actions:
        if not isinstance(action, argparse._SubParsersAction):
            continue
        for name in COMMANDS:
            command = action.choices[name]
            for option in command._actions:
                words = [name, "a.yaml" if name == "check" else "a.wav"]
                words += ["--bundle", "bundle"] if name in ("listen", "embed", "report") else []
                if option.option_strings:
                    words += [option.option_strings[-1]]
                    words += [str(option.default or "1")] if option.nargs != 0 else []
                made.append("\n".join(words).encode())
    return made


def targets(directory: Path) -> dict[str, tuple[list[bytes], Callable[[Path], object], str]]:
    """By name: seeds, what reads them, and the suffix of the file."""
    bundle = ModelBundle.load()
    statistics = Statistics.load(bundle)
    site = io.BytesIO()
    np.savez(site, schema=1, fits="x", sounds=np.zeros((4, 64), np.int8), activity=np.zeros(4),
             direction=np.zeros((4, 3)), distance=np.zeros(4), pieces=np.array([0, 2]),
             piece_s=np.zeros((2, 2)), piece_labels=np.zeros((2, 1)), hours=1.0)  # fmt: skip
    profiles = [p.read_bytes() for p in sorted((ROOT / "calibration/microphones").glob("*.yaml"))]
    rules = (ROOT / "examples/rules.yaml").read_bytes()
    for name in ("manifest", "sidecar", "command"):
        (directory / name).mkdir()
    tiny = make_bundle(directory / "manifest/tiny")
    seed, sidecar = read_sidecar(directory / "sidecar")
    return {
        "manifest": ([(tiny / "model.yaml").read_bytes()], read_manifest(tiny), ".yaml"),
        "sidecar": ([seed], sidecar, ".json"),
        "command": (command_lines(), run_command(directory / "command"), ".txt"),
        "rules": ([rules], read_rules, ".yaml"),
        "profile": (profiles, read_profile, ".yaml"),
        "prompts": ([b"a dog\nglass breaking # x\n\xc3\xa9\n"], read_prompts, ".txt"),
        "labels": ([b"start_s,end_s,rule\n1,2,a\n"], lambda p: read_labels(p, ()), ".csv"),
        "site": ([site.getvalue()], lambda p: load_site(str(p), bundle, statistics), ".npz"),
        "sound": (sounds(), read_sound, ".wav"),
        "pipe": (sounds(), read_pipe, ".wav"),
    }


class Hang(Exception):
    """A case took too long."""


def _alarm(number: int, frame: FrameType | None) -> None:
    raise Hang


def main() -> int:
    """Fuzz for some minutes; print the counts."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    dice = random.Random(arguments.seed)
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT_BYTES, LIMIT_BYTES))
    signal.signal(signal.SIGALRM, _alarm)
    tried: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    until = time.monotonic() + 60 * arguments.minutes
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        os.environ.update(HOME=name, ELSA_RT_CACHE=f"{name}/cache")  # nothing of the user's own
        all_targets = targets(directory)
        while time.monotonic() < until:
            target = dice.choice(list(all_targets))
            seeds, read, suffix = all_targets[target]
            data = mutated(dice.choice(seeds), dice)
            path = directory / f"case{suffix}"
            path.write_bytes(data)
            tried[target] += 1
            signal.alarm(LIMIT_S)
            try:
                read(path)
            except ElsaError:
                pass
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt):
                    raise
                wrong[target] += 1
                kept = ROOT / "build/fuzz" / f"{target}-{wrong[target]}{suffix}"
                kept.parent.mkdir(parents=True, exist_ok=True)
                kept.write_bytes(data)
                print(f"{target}: {type(error).__name__}: {error}"[:200], "->", kept)
                if wrong[target] == 1:
                    traceback.print_exc()
            finally:
                signal.alarm(0)
            os.unlink(path)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    for target, count in sorted(tried.items()):
        print(f"{target:8s} {count:8,d} tried {wrong[target]:5d} wrong")
    print(f"peak {peak:.0f} MB")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
