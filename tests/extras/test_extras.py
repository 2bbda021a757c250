"""The extras for outputs can be met by every Python and machine: floors alone, and those are kept.

``make test-extras`` resolves them with pip for Python 3.10 to 3.13 on x86-64 and ARM.
"""

from __future__ import annotations

from importlib.metadata import version

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from elsa_rt.outputs.registry import OUTPUTS
from tests.extras.__main__ import (
    EXTRAS,
    PLATFORMS,
    PYTHONS,
    ROOT,
    dependencies,
    locked,
    requirements,
)


@pytest.mark.parametrize("extra", EXTRAS)
def test_floors_alone_and_what_is_installed_meets_them(extra: str) -> None:
    for text in requirements(extra):
        found = Requirement(text)
        assert [one.operator for one in found.specifier] == [">="], f"{text}: no pins, no ceilings"
        assert found.specifier.contains(version(found.name))


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-outputs.txt"])
@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("machine", PLATFORMS)
def test_the_service_has_every_package_locked_by_hashes(
    name: str, python: str, machine: str
) -> None:
    lines = locked(ROOT / "examples/service" / name, python, machine)
    versions = {}
    for line in lines:
        assert line.count("--hash=sha256:") >= 1, line
        found = Requirement(line.partition(" --hash")[0])
        assert found.name not in versions, f"{found.name}: two of them on Python {python}"
        versions[canonicalize_name(found.name)] = str(found.specifier).removeprefix("==")
    wanted = dependencies()
    if name == "requirements-outputs.txt":
        wanted += [one for extra in EXTRAS if extra != "ros2" for one in requirements(extra)]
    for text in wanted:
        asked = Requirement(text)
        assert asked.specifier.contains(versions[canonicalize_name(asked.name)]), text


def test_every_output_names_an_extra_that_there_is() -> None:
    named = {output.needs[1] for output in OUTPUTS.values() if output.needs is not None}
    assert named == set(EXTRAS)
