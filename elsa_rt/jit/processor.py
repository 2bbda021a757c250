"""The processor, as far as machine code depends on it."""

from __future__ import annotations

from functools import cache as once
from pathlib import Path

_TRAITS = {
    "vendor_id", "cpu family", "model", "model name", "flags",
    "CPU implementer", "CPU architecture", "CPU variant", "CPU part", "Features",
}  # fmt: skip
"""Lines of /proc/cpuinfo that say what code a processor can run, of x86 and of ARM."""


def description() -> str:
    """What the system says of this processor, the same at each start."""
    return "\n".join(sorted({f"{name}: {value}" for name, value in _lines() if name in _TRAITS}))


@once
def flags() -> frozenset[str]:
    """What every core of this processor can do, as the system names it."""
    rows = [frozenset(value.split()) for name, value in _lines() if name in ("flags", "Features")]
    return frozenset.intersection(*rows) if rows else frozenset()


def _lines() -> list[tuple[str, str]]:
    found = []
    for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").split("\n"):
        name, _, value = line.partition(":")
        found.append((name.strip(), value.strip()))
    return found
