"""Resolve elsa-rt and its extras for outputs from wheels alone.

For Python 3.10 to 3.13, on x86-64 and on ARM.

    python -m tests.extras            all, and the locked requirements of the service; ends with 1
                                      if one does not resolve
    python -m tests.extras mqtt ros2  some

cyclonedds, the other way to ROS 2, is tried as well and expected to fail on ARM: it has no wheel
there, and its source needs CycloneDDS in C.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

if sys.version_info >= (3, 11):
    import tomllib
else:
    import pip._vendor.tomli as tomllib

ROOT = Path(__file__).parents[2]

EXTRAS = ("mqtt", "osc", "prometheus", "mcap", "ros2", "web")

ITSELF = "elsa-rt"
"""What elsa-rt asks for without any extra."""

PYTHONS = ("3.10", "3.11", "3.12", "3.13")

PLATFORMS = {"x86_64": "x86-64", "aarch64": "ARM"}

GLIBC = ("2_28", "2_27", "2_24", "2_17")
"""Versions of the C library whose wheels may be taken: Debian 10 and Ubuntu 20.04 have 2.28."""


def project() -> dict[str, Any]:
    """The table ``project`` of pyproject.toml."""
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return found


def dependencies() -> list[str]:
    """What elsa-rt asks for."""
    return list(project()["dependencies"])


def requirements(extra: str) -> list[str]:
    """What ``extra`` asks for."""
    return list(project()["optional-dependencies"][extra])


def install_command(python: str, machine: str, folder: str) -> list[str]:
    """Command of pip that puts wheels for another Python and machine into ``folder``."""
    platforms = [f"manylinux_{version}_{machine}" for version in GLIBC]
    platforms.append(f"manylinux2014_{machine}")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", folder]
    command += ["--only-binary", ":all:", "--python-version", python]
    return command + [word for name in platforms for word in ("--platform", name)]


def resolves(names: list[str], python: str, machine: str) -> tuple[bool, str]:
    """Whether pip finds wheels of ``names`` and all that they need; and its last words if not."""
    command = [*install_command(python, machine, "unused"), "--dry-run", "--ignore-installed"]
    done = subprocess.run([*command, *names], capture_output=True, text=True)
    lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
    return done.returncode == 0, lines[-1] if lines else ""


def locked(path: Path, python: str, machine: str) -> list[str]:
    """Lines "name==1 --hash=..." of a locked file that ``python`` on ``machine`` takes."""
    text = path.read_text("utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    here = {"python_version": python, "python_full_version": f"{python}.9",
            "platform_machine": machine, "sys_platform": "linux"}  # fmt: skip
    taken = []
    for line in lines:
        found = Requirement(line.partition("--hash")[0])
        if found.marker is None or found.marker.evaluate(here):
            taken.append(f"{found.name}{found.specifier} --hash{line.partition('--hash')[2]}")
    return taken


def lock_resolves(path: Path, python: str, machine: str) -> tuple[bool, str]:
    """Whether each locked package has a wheel with one of its hashes."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(locked(path, python, machine)))
        file.flush()
        # pip would ask the Python that runs it; that the lock is for ``python`` its markers say
        only = ["--no-deps", "--require-hashes", "--ignore-requires-python"]
        return resolves([*only, "-r", file.name], python, machine)


def main(extras: list[str]) -> int:
    """Print a line for each extra, Python and machine."""
    failed = 0
    for extra in extras or (ITSELF, *EXTRAS):
        names = dependencies() if extra == ITSELF else requirements(extra)
        for name in names:
            Requirement(name)
        for machine, called in PLATFORMS.items():
            for python in PYTHONS:
                done, said = resolves(names, python, machine)
                failed += not done
                print(f"{extra:12} {called:7} Python {python}  {'resolves' if done else said}")
    if not extras:
        for path in sorted((ROOT / "examples/service").glob("requirements*.txt")):
            for machine, called in PLATFORMS.items():
                for python in PYTHONS:
                    done, said = lock_resolves(path, python, machine)
                    failed += not done
                    print(f"{path.name:12} {called:7} Python {python}  "
                          f"{'resolves' if done else said}")  # fmt: skip
        for machine, called in PLATFORMS.items():
            done, _ = resolves(["cyclonedds"], "3.12", machine)
            print(f"{'(cyclonedds)':12} {called:7} Python 3.12  "
                  f"{'resolves' if done else 'has no wheel: not an extra of elsa-rt'}")  # fmt: skip
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
