"""The extras for outputs can be met by every Python and machine: floors alone, and those are kept.

``make test-extras`` resolves them with pip for Python 3.10 to 3.13 on x86-64 and ARM.
"""

from __future__ import annotations

from importlib.metadata import version

import pytest
from packaging.requirements import Requirement

from elsa_rt.outputs.registry import OUTPUTS
from tests.extras.__main__ import EXTRAS, requirements


@pytest.mark.parametrize("extra", EXTRAS)
def test_floors_alone_and_what_is_installed_meets_them(extra: str) -> None:
    for text in requirements(extra):
        found = Requirement(text)
        assert [one.operator for one in found.specifier] == [">="], f"{text}: no pins, no ceilings"
        assert found.specifier.contains(version(found.name))


def test_every_output_names_an_extra_that_there_is() -> None:
    named = {output.needs[1] for output in OUTPUTS.values() if output.needs is not None}
    assert named == set(EXTRAS)
