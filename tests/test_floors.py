"""Imports point down: the floors of the house, and that nothing reaches up or across."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

FLOORS = (
    "errors version notices memo health telemetry interrupts demo parallel quantiles wording",
    "hearing hints",
    "audio files guide muting",
    "cache",
    "jit",
    "rules features user_files",
    "settings",
    "config",
    "encoder microphones outputs",
    "prompts reference_frame sources",
    "scoring diagnostics recordings testing",
    "tracking calibrate rules_file",
    "alerting memory",
    "listening",
    "listener",
    "listeners",
    "screens tuning",
    "cli",
    "__main__",
)
"""Rooms of `elsa_rt`, from the ground up: each may import from the floors below alone."""

WORKSHOP_FLOORS = (
    "elsa_rt",
    "calibration",
    "export.settings export.data export.synthesis export.kernels",
    "export.captions export.acoustics export.towers",
    "export.scenes export.prepare",
    "export.teacher",
    "export.student",
    "export.bundles",
    "export.slots",
    "export.evaluate",
    "export.__main__",
)


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Dotted names that the file imports, and their lines; imports inside functions too."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)


def upward(package: Path, floors: dict[str, int], depth: int) -> list[str]:
    """Imports from ``package`` that do not point down, as "file:line room -> room"."""

    def room(name: str) -> str:
        parts = name.split(".")
        return ".".join(parts[:depth]) if parts[0] == package.name else parts[0]

    found = []
    for path in sorted(package.rglob("*.py")):
        here = room(".".join(path.relative_to(package.parent).with_suffix("").parts))
        if here.endswith("__init__"):
            continue  # the door of the package names every room
        for name, line in imports(path):
            there = room(name)
            if there == here or there not in floors:
                continue
            if floors[there] >= floors[here]:
                found.append(f"{path.relative_to(package.parent)}:{line} {here} -> {there}")
    return found


def levels(floors: tuple[str, ...], prefix: str = "") -> dict[str, int]:
    return {prefix + room: level for level, names in enumerate(floors) for room in names.split()}


@pytest.mark.parametrize(
    ("package", "floors"),
    [
        ("elsa_rt", levels(FLOORS, "elsa_rt.")),
        ("export", levels(WORKSHOP_FLOORS)),
        ("calibration", levels(WORKSHOP_FLOORS)),
    ],
)
def test_imports_point_down(package: str, floors: dict[str, int]) -> None:
    assert upward(ROOT / package, floors, depth=1 if package == "calibration" else 2) == []


def test_every_room_has_a_floor_and_says_what_lives_there() -> None:
    rooms = {path.stem for path in (ROOT / "elsa_rt").glob("*.py")} - {"__init__"}
    packages = [path.parent for path in (ROOT / "elsa_rt").glob("*/__init__.py")]
    assert rooms | {path.name for path in packages} == {
        r for floor in FLOORS for r in floor.split()
    }
    packages += [path.parent for path in (ROOT / "export").rglob("__init__.py")]
    for package in packages:
        text = (package / "__init__.py").read_text("utf-8")
        assert ast.get_docstring(ast.parse(text)), f"{package} does not say what lives there"


def test_an_upward_import_is_found(tmp_path: Path) -> None:
    package = tmp_path / "elsa_rt"
    (package / "audio").mkdir(parents=True)
    (package / "audio" / "block.py").write_text("def f():\n    from elsa_rt.cli import main\n")
    assert upward(package, levels(FLOORS, "elsa_rt."), 2) == [
        "elsa_rt/audio/block.py:2 elsa_rt.audio -> elsa_rt.cli"
    ]
