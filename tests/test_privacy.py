"""Privacy: no command opens a network connection or writes anything that it should not."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from elsa_rt.demo import demo_path

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")

SCENE = str(demo_path())
COMMANDS = (
    ["listen", SCENE, "--prompt", "a dog", "--alerts-only"],
    ["doctor", SCENE],
    ["info"],
    ["devices"],
    ["microphones"],
    ["warmup"],
    ["check", "rules.yaml"],
    ["explain", "a dog barking"],
    ["embed-text", "a dog", "-o", "text.npz"],
    ["embed", SCENE, "-o", "sound.npz"],
    ["replay", SCENE, "--config", "rules.yaml"],
    ["support", "-o", "report.tar.gz"],
    ["guide"],
)
PROGRAM = """
import onnxruntime, elsa_rt
from elsa_rt.demo import demo_path
next(iter(elsa_rt.Listener(["a dog"], str(demo_path()))))
"""


def traced(command: list[str], directory: Path, **more: str) -> tuple[str, set[str]]:
    """What strace saw of ``command``, and the files that it left in its home."""
    home = directory / "home"
    home.mkdir()
    trace = directory / "trace"
    environment = {
        key: value for key, value in os.environ.items()
        if not key.startswith(("XDG_", "ORT_", "ELSA_RT"))
    }  # fmt: skip
    environment |= {"HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path), **more}
    subprocess.run(
        ["strace", "-f", "-qq", "-o", str(trace), "-e", "trace=socket,connect,sendto", *command],
        cwd=directory, env=environment, capture_output=True, timeout=300,
    )  # fmt: skip
    left = {
        str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()
    }  # fmt: skip
    return trace.read_text(errors="replace"), left


def assert_private(trace: str, left: set[str]) -> None:
    assert re.findall(r"socket\((AF_INET6?|AF_PACKET)", trace) == []
    assert not re.search(r"events\.data\.microsoft|sin_port", trace)
    allowed = re.compile(r"\.cache/elsa-rt/|\.(nbi|nbc)$|\.cache/fontconfig")
    assert {path for path in left if not allowed.search(path)} == set()


@pytest.mark.slow
@pytest.mark.parametrize("argv", COMMANDS, ids=lambda argv: argv[0])
def test_a_command_keeps_to_itself(argv: list[str], tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text("rules: [{prompt: a dog barking}]\n")
    assert_private(*traced([sys.executable, "-m", "elsa_rt", *argv], tmp_path))


@pytest.mark.slow
def test_a_program_that_imports_elsa_rt_first_is_private(tmp_path: Path) -> None:
    program = PROGRAM.replace("import onnxruntime, elsa_rt", "import elsa_rt, onnxruntime")
    assert_private(*traced([sys.executable, "-c", program], tmp_path))


def test_a_program_that_imported_the_runtime_first_is_told() -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ORT_")}
    environment |= {"PYTHONPATH": os.pathsep.join(sys.path)}
    program = (
        "import sys, types; sys.modules['onnxruntime'] = types.ModuleType('x'); import elsa_rt"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True
    )
    assert "onnxruntime was imported before elsa_rt" in done.stderr
