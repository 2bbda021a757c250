"""A file of lines for months: a new one by size or with the day, and the oldest ones go."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, ClassVar

from elsa_rt.errors import UsageError
from elsa_rt.hearing import Hearing
from elsa_rt.notices import OnNotice
from elsa_rt.outputs.base import Surroundings
from elsa_rt.outputs.jsonl import JsonLines
from elsa_rt.outputs.settings import setting

OUTPUT_CONTENT = ("alerts", "all")

RETRY_S = 60.0
"""So long nothing is tried after a failure, such as a full disk."""


@dataclass(frozen=True)
class JsonlFile:
    """JSON lines that go into a file."""

    type: ClassVar[str] = "jsonl"
    about: ClassVar[str] = "JSON lines into a file that is rotated"
    needs: ClassVar[tuple[str, str] | None] = None

    path: str = setting("the file; a relative one starts at this file", is_path=True)
    what: str = setting("alerts alone, or hearings as well", "alerts", choices=OUTPUT_CONTENT)
    max_mb: float = setting(
        "a new file is begun before this one grows larger", 10.0, least=0.001, most=1e6
    )
    daily: bool = setting("a new file is begun each day", False)
    keep: int = setting("old files that stay, path.1 being the latest", 7, least=1, most=10_000)

    def open(self, surroundings: Surroundings) -> JsonlOutput:
        return JsonlOutput(self, surroundings)


class JsonlOutput:
    """Writes JSON lines into a rotated file."""

    def __init__(self, settings: JsonlFile, surroundings: Surroundings) -> None:
        self._file = RotatingFile(settings, surroundings.on_notice)
        self._lines = JsonLines(
            self._file,
            common={"model": surroundings.model} if surroundings.model else None,
            clock=surroundings.is_live,
            alerts_only=settings.what == "alerts",
        )

    def show(self, hearing: Hearing) -> None:
        self._lines.show(hearing)

    def notice(self, text: str) -> None:
        """Nothing: notices are for people at the terminal."""

    def close(self) -> None:
        self._file.close()


class RotatingFile:
    """Takes whole lines; what cannot be written is said, and listening goes on.

    Parameters
    ----------
    settings : JsonlFile
    on_notice : callable
        Hears of lines that could not be written, at most one notice each `RETRY_S`.
    clock : callable
        Unix time in seconds.

    Raises
    ------
    UsageError
        The file cannot be opened now.
    """

    def __init__(
        self, settings: JsonlFile, on_notice: OnNotice, clock: Callable[[], float] = time.time
    ) -> None:
        self._path = Path(settings.path)
        self._settings, self._on_notice, self._clock = settings, on_notice, clock
        self._lost = 0
        self._again_s = 0.0  # before it nothing is tried
        self._file: IO[bytes] | None = None
        try:
            self._open()
        except OSError as error:
            raise UsageError(
                f"writing {self._path}: {error.strerror}: name a writable place in outputs"
            ) from None

    def write(self, line: str) -> None:
        """Add ``line``, in a new file if it is time for one."""
        if self._clock() < self._again_s:
            self._lost += 1
            return
        data = line.encode()
        try:
            if self._file is None:
                self._open()
            if self._is_due(len(data)):
                self._rotate()
            assert self._file is not None
            self._file.write(data)
        except OSError as error:
            self.close()
            self._lost += 1
            self._again_s = self._clock() + RETRY_S
            self._on_notice(
                f"writing {self._path}: {error.strerror}: {self._lost} lines are lost so far"
            )

    def flush(self) -> None:
        """Nothing to do: each line is written at once."""

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
        self._file = None

    def _open(self) -> None:
        self._file = self._path.open("ab", buffering=0)
        status = os.fstat(self._file.fileno())
        self._day = _day(status.st_mtime if status.st_size else self._clock())

    def _is_due(self, more: int) -> bool:
        assert self._file is not None
        size = self._file.tell()
        too_large = size + more > self._settings.max_mb * 1e6
        return size > 0 and (
            too_large or (self._settings.daily and _day(self._clock()) != self._day)
        )

    def _rotate(self) -> None:
        self.close()
        for number in range(self._settings.keep - 1, 0, -1):
            if self._numbered(number).exists():
                self._numbered(number).replace(self._numbered(number + 1))
        self._path.replace(self._numbered(1))
        self._open()

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")


def _day(at_s: float) -> tuple[int, int]:
    local = time.localtime(at_s)
    return local.tm_year, local.tm_yday
