"""The public face of the package: documented, complete, cheap to import."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys

import pytest

import elsa_rt

HEAVY = ("numba", "onnxruntime", "sounddevice", "soundfile", "soxr", "tokenizers", "torch", "rich")


def test_docstring_and_all_agree() -> None:
    documented = re.findall(r"^    (\w+)  ", elsa_rt.__doc__ or "", re.MULTILINE)
    assert sorted([*documented, "__version__"]) == sorted(elsa_rt.__all__)
    assert elsa_rt.__all__ == sorted(elsa_rt.__all__)


def test_every_name_is_there() -> None:
    for name in elsa_rt.__all__:
        assert inspect.getdoc(getattr(elsa_rt, name))
        assert name in dir(elsa_rt)
        if name != "__version__":
            assert getattr(elsa_rt, name).__name__ == name


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Lissener'"):
        _ = elsa_rt.Lissener


@pytest.mark.parametrize(
    "modules",
    [
        "elsa_rt",
        "elsa_rt.config, elsa_rt.errors, elsa_rt.hearing, elsa_rt.audio.block, elsa_rt.notices",
        "elsa_rt.audio.ambisonics, elsa_rt.audio.direction_words, elsa_rt.prompts.bank",
        "elsa_rt.memory.memory",
    ],
)
def test_importing_is_cheap(modules: str) -> None:
    code = f"import sys, {modules}; print(*[m for m in {HEAVY} if m in sys.modules])"
    loaded = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    assert loaded.stdout.split() == []
