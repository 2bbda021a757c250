"""Machine code that comes with elsa-rt: a first start compiles nothing.

``python -m export kernels`` writes it, for each kind of processors a file.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from functools import cache as once
from pathlib import Path
from typing import NamedTuple

import numpy as np

from elsa_rt.jit.object_file import ObjectFile
from elsa_rt.jit.processor import flags

FOLDER = Path(__file__).parent / "machine_code"


class Target(NamedTuple):
    """A kind of processors."""

    machine: str  # as the system names it
    processor: str  # for LLVM
    features: str  # for LLVM
    needs: frozenset[str]  # what the system must say that the processor can do
    lanes: int  # floats that kernels hold side by side


_V3_FEATURES = "+avx,+avx2,+bmi,+bmi2,+f16c,+fma,+lzcnt,+movbe,+popcnt,+sse4.2"
_V3_NEEDS = frozenset(
    ("abm", "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe", "popcnt", "sse4_2")
)
_AVX_512 = frozenset(("avx512bw", "avx512cd", "avx512dq", "avx512f", "avx512vl"))

TARGETS: Mapping[str, Target] = {
    "x86-64-v4": Target(
        "x86_64",
        "x86-64-v4",
        ",".join([_V3_FEATURES, *sorted(f"+{name}" for name in _AVX_512)]),
        _V3_NEEDS | _AVX_512,
        16,
    ),
    "x86-64-v3": Target("x86_64", "x86-64-v3", _V3_FEATURES, _V3_NEEDS, 8),
    # every one has NEON; an emulator shows the flags of the processor that it runs on
    "aarch64": Target("aarch64", "generic", "+fp-armv8,+neon", frozenset(), 8),
}
"""The best of a machine first."""

WIDTH = "ELSA_RT_LANES"
"""Environment variable: `Target.lanes` of the machine code that runs, in place of the widest."""

NARROW = 8
"""Lanes of kernels that are compiled for other processors."""


def file_of(target: str) -> Path:
    """Where the machine code of a ``target`` of `TARGETS` lies."""
    return FOLDER / f"{target}.npz"


def target_of(machine: str) -> str | None:
    """The best of `TARGETS` that this processor can run; None where it can none.

    Raises
    ------
    OSError
        The system does not tell what its processor can do.
    """
    width = os.environ.get(WIDTH)
    for name, target in TARGETS.items():
        fits = target.machine == machine and target.needs <= flags()
        if fits and width in (None, str(target.lanes)):
            return name
    return None


def find(digest: str, machine: str = platform.machine()) -> ObjectFile | None:
    """A function by the digest of its sources; None where none was made of them for this machine.

    Raises
    ------
    OSError
        The system does not tell what its processor can do.
    """
    target = target_of(machine)
    if target is None:
        return None
    try:
        with np.load(file_of(target), allow_pickle=False) as kept:
            return ObjectFile(kept[f"{digest}.code"].tobytes(), str(kept[f"{digest}.name"]))
    except (FileNotFoundError, KeyError):
        return None


@once
def lanes() -> int:
    """Floats that the kernels of this process hold side by side."""
    if WIDTH in os.environ:
        return int(os.environ[WIDTH])
    try:
        target = target_of(platform.machine())
    except OSError:
        return NARROW
    return NARROW if target is None else TARGETS[target].lanes
