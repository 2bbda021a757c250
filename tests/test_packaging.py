"""The wheel alone, in an environment of its own, is the whole of elsa-rt."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from elsa_rt.encoder.bundle import DEFAULT, REQUIRED
from elsa_rt.microphones.library import IN_CHECKOUT
from elsa_rt.version import __version__

ROOT = Path(__file__).parents[1]
LARGEST_WHEEL = 40_000_000
LIMIT_S = 600


def run(*argv: str | Path, cwd: Path) -> str:
    # an environment of its own: nothing of this checkout may help
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(arg) for arg in argv],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    assert done.returncode == 0, f"{argv}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--wheel", "--outdir", out, ROOT, cwd=out)
    (path,) = out.glob("*.whl")
    return path


def test_the_wheel_holds_elsa_rt_and_nothing_else(wheel: Path) -> None:
    assert wheel.name == f"elsa_rt-{__version__}-py3-none-any.whl"
    assert wheel.stat().st_size <= LARGEST_WHEEL
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {
        "elsa_rt", f"elsa_rt-{__version__}.dist-info"
    }  # fmt: skip
    bundle = DEFAULT.relative_to(ROOT).as_posix()
    needed = [f"{bundle}/{name}" for name in ("model.yaml", "MODEL_CARD.md", *REQUIRED)]
    needed += ["elsa_rt/demo/scene.flac", "elsa_rt/demo/scene.yaml", "elsa_rt/py.typed"]
    needed += ["elsa_rt/rules_file/schema.json", "elsa_rt/guide/images/live-view.svg"]
    needed += [f"elsa_rt/guide/{path.name}" for path in (ROOT / "elsa_rt/guide").glob("*.md")]
    needed += [f"elsa_rt/microphones/profiles/{path.name}" for path in IN_CHECKOUT.glob("*.yaml")]
    assert set(needed) <= set(names)
    assert not [name for name in names if name.endswith((".pyc", ".part"))]


def test_the_installed_wheel_hears_the_demo(wheel: Path, tmp_path: Path) -> None:
    fresh = tmp_path / "fresh"
    run(sys.executable, "-m", "venv", fresh, cwd=tmp_path)
    bin = fresh / "bin"
    run(bin / "python", "-m", "pip", "install", "--quiet", wheel, cwd=tmp_path)

    assert run(bin / "elsa-rt", "--version", cwd=tmp_path) == f"elsa-rt {__version__}\n"
    assert "CPUExecutionProvider" in run(bin / "elsa-rt", "info", cwd=tmp_path)
    assert "respeaker-4-mic" in run(bin / "elsa-rt", "microphones", cwd=tmp_path)
    out = run(bin / "elsa-rt", "listen", "--demo", "--json", cwd=tmp_path)
    lines = [json.loads(line) for line in out.splitlines()]
    assert {line["type"] for line in lines} == {"hearing", "alert"}
    assert sum(line["type"] == "hearing" for line in lines) > 150

    installed = run(bin / "python", "-m", "pip", "list", "--format", "freeze", cwd=tmp_path)
    packages = {line.split("==")[0].lower() for line in installed.splitlines()}
    assert packages.isdisjoint({"torch", "transformers", "onnx", "matplotlib"})
