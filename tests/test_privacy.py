"""Privacy: no command opens a network connection or writes a file that the guide does not list."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import soundfile

import elsa_rt.guide
from calibration.trials import RATE, make
from elsa_rt.cli import parser
from elsa_rt.demo import demo_path

needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")

SCENE = str(demo_path())
CALLS: dict[str, list[list[str]]] = {
    "listen": [
        [SCENE, "--prompt", "a dog", "--alerts-only", "--remember", "past"],
        [SCENE, "--config", "rules.yaml", "--site", "here"],
    ],
    "init": [["home.yaml", "--defaults"]],
    "serve": [["--demo", "--port", "0"]],
    "remember": [[SCENE, "--store", "past"]],
    "recall": [["glass breaking", "--store", "past", "--picture", "times.svg"]],
    "forget": [["--before", "30 days ago", "--store", "past"]],
    "memory": [
        ["info", "--store", "past"],
        ["merge", "past", "--store", "house"],
        ["export", "past.parquet", "--store", "past"],
    ],
    "check": [["rules.yaml"]],
    "replay": [[SCENE, "--config", "rules.yaml"]],
    "report": [[SCENE, "--prompt", "a dog", "-o", "page.html"]],
    "feedback": [["list", "--site", "here"]],
    "tune": [[SCENE, "labels.csv", "--config", "rules.yaml", "-o", "tune.html", "--write"]],
    "explain": [["a dog barking"]],
    "embed": [[SCENE, "-o", "sound.npz"]],
    "embed-text": [["a dog", "-o", "text.npz"]],
    "devices": [[]],
    "microphones": [[], ["sennheiser-ambeo-vr"]],
    "calibrate microphone": [["--noise", "noise.wav", "--claps", "claps.wav", "--name", "mine"]],
    "calibrate site": [["minute.wav", "--name", "kitchen"]],
    "doctor": [[SCENE]],
    "support": [["-o", "report.tar.gz"]],
    "bench": [["--steps", "20", "--prompts", "3", "--json", "figures.jsonl"]],
    "compile": [["--engine", "tensorrt-rtx", "--target", "8.9", "-o", "plans"], []],
    "warmup": [[]],
    "info": [[]],
    "guide": [["privacy"]],
}  # fmt: skip
"""Of each command a call that does its work, in the order in which the calls are made."""

ASKED_FOR = {
    "listen": {"past", "heard.jsonl"}, "init": {"home.yaml"},
    "remember": {"past"}, "recall": {"times.svg", "past"}, "forget": {"past"},
    "memory": {"past", "house", "past.parquet"}, "report": {"page.html"},
    "tune": {"tune.html", "rules.yaml"}, "embed": {"sound.npz"}, "embed-text": {"text.npz"},
    "support": {"report.tar.gz"}, "bench": {"figures.jsonl"}, "compile": {"plans"},
}  # fmt: skip
"""Files and directories of the working directory that a command may write: its call names them."""

NOTHING_HEARD = {
    "home.yaml", "rules.yaml", "mine.yaml", "text.npz", "figures.jsonl", "plans", ".cache",
}  # fmt: skip
"""Files and directories that others may read: nothing in them was heard."""

MAY_FAIL = {("compile", 1), ("bench", 1)}
"""Where there is no TensorRT, and where the computer is too slow."""

PROGRAM = """
import elsa_rt, onnxruntime
from elsa_rt.demo import demo_path
listener = elsa_rt.Listener(["a dog"], str(demo_path()))
for _, hearing in zip(range(50), listener):
    hearing.as_dict()
"""


class Trace(NamedTuple):
    """What strace saw of one process and its children."""

    returncode: int
    said: str
    network: list[str]  # system calls with addresses of a network
    written: set[Path]  # files that were made, opened for writing, renamed to or linked


def commands(top: argparse.ArgumentParser) -> Iterator[str]:
    """Every command that has none below it, as "calibrate site"."""
    below = [action for action in top._actions if isinstance(action, argparse._SubParsersAction)]
    for action in below:
        for name, sub in action.choices.items():
            yield from (f"{name} {rest}".strip() for rest in commands(sub))
    if not below:
        yield ""


def test_every_command_has_a_call() -> None:
    assert set(commands(parser())) == set(CALLS)


CALLED = (
    "%network,open,openat,openat2,creat,truncate,rename,renameat,renameat2,link,linkat,symlink,"
    "symlinkat,io_uring_setup"  # calls through io_uring would not be seen
)
NETWORK = re.compile("AF_INET|AF_PACKET|AF_BLUETOOTH|<(?:TCP|UDP)|sin6?_port|io_uring_setup")
OPENED = re.compile(
    r'(?:openat2?|open|creat|truncate)\((?:\w+<(?P<cwd>[^>]*)>, )?"(?P<path>[^"]*)", (?P<how>.*)'
)
FOR_WRITING = re.compile("(?!.*O_TMPFILE).*(O_WRONLY|O_RDWR|O_CREAT)|[0-9]")  # or truncate()
MADE = re.compile(r"(?:rename|renameat2?|link|linkat|symlink|symlinkat)\((?P<rest>.*)\) += 0")
QUOTED = re.compile(r'(?:\w+<(?P<cwd>[^>]*)>, )?"(?P<path>[^"]*)"')
NOWHERE = re.compile("/dev/(null|tty|pts/|shm/)|/proc/")
"""Paths that are no files that stay."""


def written(trace: str, directory: Path) -> Iterator[Path]:
    """Files that the calls of ``trace`` made or opened for writing.

    Calls that failed are left out, and files without a name, which are never seen again.
    """
    for line in trace.splitlines():
        if re.search(r" = -1 [A-Z]+ ", line):
            continue
        opened = OPENED.search(line)
        if opened and FOR_WRITING.match(opened["how"]):
            yield Path(opened["cwd"] or directory, opened["path"])
        made = MADE.search(line)
        if made:
            *_, last = QUOTED.finditer(made["rest"])
            yield Path(last["cwd"] or directory, last["path"])


def traced(command: list[str], place: Path) -> Trace:
    """Run ``command`` in ``place / "work"``, at home in ``place / "home"``, under strace."""
    file = place / "trace"
    tracer = ["strace", "-f", "--seccomp-bpf", "-y", "-qq", "-s", "4096", "-e", f"trace={CALLED}"]
    process = subprocess.run(
        [*tracer, "-o", str(file), *command], cwd=place / "work", env=environment(place),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    trace = file.read_text(errors="replace")
    network = [line for line in trace.splitlines() if NETWORK.search(line)]
    return Trace(process.returncode, process.stdout, network, set(written(trace, place / "work")))


def environment(place: Path) -> dict[str, str]:
    """That of a user who has set nothing; Python's own ``.pyc`` files are left out."""
    kept = {
        key: value for key, value in os.environ.items()
        if not key.startswith(("XDG_", "ORT_", "ELSA_RT"))
    }  # fmt: skip
    return kept | {
        "HOME": str(place / "home"),
        "PYTHONPATH": os.pathsep.join(sys.path),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def listed_in_the_guide() -> tuple[str, ...]:
    """Directories of the home that the page *privacy* says are written to."""
    page = Path(elsa_rt.guide.__file__).with_name("privacy.md").read_text("utf-8")
    rows = [line.split("|")[2] for line in page.splitlines() if line.startswith("| ")]
    return tuple(path for row in rows for path in re.findall(r"`~/([^`]+)`", row))


def assert_private(trace: Trace, place: Path, asked_for: set[str]) -> None:
    """Nothing left the computer, and nothing was written but what was asked for or is listed."""
    allowed = [place / "home" / path for path in listed_in_the_guide()]
    allowed += [place / "work" / path for path in asked_for]
    strange = {
        str(path)
        for path in trace.written
        if not NOWHERE.match(str(path))
        and not any(path.is_relative_to(good) for good in allowed)
        and not any(str(path).startswith(f"{good}.") for good in allowed)  # while it is written
        and not any(str(path).startswith(f"{good}-") for good in allowed)  # SQLite's journal
    }
    assert strange == set()
    readable = {
        str(path)
        for path in trace.written
        if path.is_file() and path.is_relative_to(place) and path.stat().st_mode & 0o077
        and not NOTHING_HEARD & set(path.relative_to(place).parts)
    }  # fmt: skip
    assert readable == set()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which kernels were compiled, and a directory with what the calls need."""
    place = tmp_path_factory.mktemp("private")
    work = place / "work"
    work.mkdir()
    (place / "home").mkdir()
    samples, rate = soundfile.read(SCENE, always_2d=True)
    soundfile.write(work / "minute.wav", np.tile(samples, (4, 1)), rate)
    trial = make(3)
    for name, sound in (("claps", trial.claps), ("noise", trial.noise)):
        soundfile.write(work / f"{name}.wav", sound.T, RATE, subtype="PCM_24")
    (work / "rules.yaml").write_text(
        "rules: [{prompt: glass breaking}]\noutputs: [{type: jsonl, path: heard.jsonl}]\n"
    )
    (work / "labels.csv").write_text("start_s,end_s,rule\n1,2,glass-breaking\n")
    for argv in (
        ["calibrate", "site", "minute.wav", "--name", "here"],
        ["remember", SCENE, "--store", "past"],
    ):
        command = [sys.executable, "-m", "elsa_rt", *argv]
        subprocess.run(command, cwd=work, env=environment(place), check=True)
    return place


@needs_strace
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "call"),
    [(name, call) for name, calls in CALLS.items() for call in calls if name != "serve"],
    ids=lambda value: value if isinstance(value, str) else " ".join(value)[:20],
)
def test_a_command_keeps_to_itself(name: str, call: list[str], place: Path) -> None:
    trace = traced([sys.executable, "-m", "elsa_rt", *name.split(), *call], place)
    assert trace.returncode == 0 or (name, trace.returncode) in MAY_FAIL, trace.said
    assert trace.network == []
    assert_private(trace, place, ASKED_FOR.get(name, set()))


@needs_strace
@pytest.mark.slow
def test_the_page_is_there_for_this_computer_alone(place: Path) -> None:
    pytest.importorskip("uvicorn", reason="pip install 'elsa-rt[web]'")
    serve = [sys.executable, "-m", "elsa_rt", "serve", *CALLS["serve"][0]]
    trace = traced(["timeout", "--preserve-status", "6", *serve], place)
    assert trace.returncode == 143, trace.said
    used = [line for line in trace.network if " socket(" not in line]
    assert any("bind(" in line for line in used), trace.said
    assert all(re.search(r"127\.0\.0\.1|setsockopt|listen\(", line) for line in used)
    assert not any(" connect(" in line for line in used)
    assert_private(trace, place, set())


@needs_strace
@pytest.mark.slow
def test_a_program_that_imports_elsa_rt_first_is_private(place: Path) -> None:
    trace = traced([sys.executable, "-c", PROGRAM], place)
    assert (trace.returncode, trace.network) == (0, []), trace.said
    assert_private(trace, place, set())


@needs_strace
@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "seen"),
    [
        ("import socket; socket.socket().connect_ex(('127.0.0.1', 9))", "network"),
        ("open('diary.txt', 'w').write('x')", "diary.txt"),
        ("import os; os.mkdir('d'); open('d/a', 'w'); os.rename('d/a', 'd/b')", "d/b"),
    ],
)
def test_what_is_not_private_is_seen(program: str, seen: str, place: Path) -> None:
    trace = traced([sys.executable, "-c", program], place)
    if seen == "network":
        assert any("connect(" in line for line in trace.network)
    else:
        assert place / "work" / seen in trace.written
        with pytest.raises(AssertionError):
            assert_private(trace, place, set())


def test_a_program_that_imported_the_runtime_first_is_told() -> None:
    without = {key: value for key, value in os.environ.items() if not key.startswith("ORT_")}
    without |= {"PYTHONPATH": os.pathsep.join(sys.path)}
    program = (
        "import sys, types; sys.modules['onnxruntime'] = types.ModuleType('x'); import elsa_rt"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=without, capture_output=True, text=True
    )
    assert "onnxruntime was imported before elsa_rt" in done.stderr
