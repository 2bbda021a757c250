"""What a process says on standard error, apart from waiting that a busy machine causes."""

from __future__ import annotations

from typing import IO

WAITED = (
    "no sound has come for",
    "nothing has come for",
    "listening stood still for",
    "has taken no line for",
    "standard output is read again",
)
"""Notices that tell how long somebody waited: true, and nothing that a test can foretell."""


def besides_waiting(written: bytes) -> list[str]:
    """The lines of ``written`` that are about something else."""
    return [line for line in written.decode().splitlines() if not _of_waiting(line)]


def next_besides_waiting(stream: IO[bytes]) -> str:
    """The next such line of ``stream``; "" at its end."""
    while line := stream.readline().decode():
        if not _of_waiting(line):
            return line
    return ""


def _of_waiting(line: str) -> bool:
    return any(part in line for part in WAITED)
