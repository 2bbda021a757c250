"""Ctrl-C while the program loads ends it without a traceback, whatever is being loaded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

INTERRUPTING = """\
import os, signal, sys

signal.signal(signal.SIGINT, signal.default_int_handler)  # as a terminal's shell leaves it


class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == os.environ["CTRL_C_AT"]:
            print("interrupted at", name, file=sys.stderr, flush=True)
            os.kill(os.getpid(), signal.SIGINT)


sys.meta_path.insert(0, Interrupting())
"""
"""Sends Ctrl-C to its own process at the import of a module."""

LOADED = ("elsa_rt.telemetry", "elsa_rt.version", "elsa_rt.cli", "numpy", "elsa_rt.cli.guide")


@pytest.fixture
def interrupting(tmp_path: Path) -> dict[str, str]:
    """Environment of a Python that `INTERRUPTING` runs in before anything else."""
    (tmp_path / "sitecustomize.py").write_text(INTERRUPTING, "utf-8")
    paths = [str(tmp_path), str(Path(__file__).parents[2])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def run(argv: list[str], at: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv, env={**environment, "CTRL_C_AT": at}, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize("at", LOADED)
def test_as_a_module(interrupting: dict[str, str], at: str) -> None:
    ended = run([sys.executable, "-m", "elsa_rt", "guide"], at, interrupting)
    assert ended.stderr == f"interrupted at {at}\n"
    assert ended.returncode == -2  # of the signal: 130 in a shell
    assert ended.stdout == ""


@pytest.mark.parametrize("at", LOADED)
def test_as_the_program(interrupting: dict[str, str], tmp_path: Path, at: str) -> None:
    script = tmp_path / "elsa-rt"
    script.write_text("import sys\nfrom elsa_rt.__main__ import start\nsys.exit(start())\n")
    ended = run([sys.executable, str(script), "guide"], at, interrupting)
    assert ended.stderr == f"interrupted at {at}\n"
    assert ended.returncode == -2


def test_a_users_program_keeps_its_own_way(interrupting: dict[str, str], tmp_path: Path) -> None:
    program = tmp_path / "robot.py"
    program.write_text(
        "try:\n    import elsa_rt\nexcept KeyboardInterrupt:\n    print('the robot stops')\n"
    )
    ended = run([sys.executable, str(program)], "elsa_rt.version", interrupting)
    assert ended.stdout == "the robot stops\n"
    assert ended.returncode == 0


def test_a_program_that_cannot_be_loaded_says_so_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class TooLittle:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'numpy':\n"
        "            raise ImportError('a long page\\nnumpy.so: failed to map segment\\n')\n"
        "sys.meta_path.insert(0, TooLittle())\n"
    )
    paths = [str(tmp_path), str(Path(__file__).parents[2])]
    ended = subprocess.run(
        [sys.executable, "-m", "elsa_rt", "info"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith("elsa-rt: loading the program: numpy.so: failed to map segment: if")


def test_a_system_without_timers_and_hang_ups_listens_as_well(tmp_path: Path) -> None:
    """What the module ``signal`` lacks on Windows is taken out of it."""
    program = tmp_path / "other_system.py"
    program.write_text(
        "import signal, sys\n"
        "for name in ('SIGALRM', 'setitimer', 'getitimer', 'ITIMER_REAL', 'SIGHUP', 'SIGPIPE'):\n"
        "    delattr(signal, name)\n"
        "from elsa_rt.cli import main\n"
        "sys.exit(main(['listen', '--demo', '--alerts-only', '--prompt', 'glass breaking']))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    ended = subprocess.run(
        [sys.executable, str(program)], env=environment, capture_output=True, text=True, timeout=240
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert '"state": "end"' in ended.stdout.splitlines()[-1]
