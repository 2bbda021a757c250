"""Machine code that comes with elsa-rt: a first start compiles nothing.

``python -m export kernels`` writes it, for each kind of processors a file.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from elsa_rt.jit.object_file import ObjectFile
from elsa_rt.jit.processor import flags

FOLDER = Path(__file__).parent / "machine_code"


class Target(NamedTuple):
    """A kind of processors."""

    name: str  # for LLVM
    features: str  # for LLVM
    needs: frozenset[str]  # what the system must say that the processor can do


TARGETS: Mapping[str, Target] = {
    "x86_64": Target(
        "x86-64-v3",
        "+avx,+avx2,+bmi,+bmi2,+f16c,+fma,+lzcnt,+movbe,+popcnt,+sse4.2",
        frozenset(
            ("abm", "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe", "popcnt", "sse4_2")
        ),
    ),
    # every one has NEON; an emulator shows the flags of the processor that it runs on
    "aarch64": Target("generic", "+fp-armv8,+neon", frozenset()),
}
"""By the name that the system has for the machine."""


def file_of(machine: str) -> Path:
    """Where the machine code for a ``machine`` of `TARGETS` lies."""
    return FOLDER / f"{machine}.npz"


def find(digest: str, machine: str = platform.machine()) -> ObjectFile | None:
    """A function by the digest of its sources; None where none was made of them for this machine.

    Raises
    ------
    OSError
        The system does not tell what its processor can do.
    """
    target = TARGETS.get(machine)
    if target is None or not target.needs <= flags():
        return None
    try:
        with np.load(file_of(machine), allow_pickle=False) as kept:
            return ObjectFile(kept[f"{digest}.code"].tobytes(), str(kept[f"{digest}.name"]))
    except (FileNotFoundError, KeyError):
        return None
