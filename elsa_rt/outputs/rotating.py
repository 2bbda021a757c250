"""A file of lines for months: a new one by size or with the day, and the oldest ones go."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import math
import os
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from elsa_rt.errors import UsageError
from elsa_rt.hearing import Hearing
from elsa_rt.notices import OnNotice
from elsa_rt.outputs.base import Surroundings
from elsa_rt.outputs.jsonl import JsonLines
from elsa_rt.outputs.settings import setting

OUTPUT_CONTENT = ("alerts", "all")

RETRY_S = 5.0
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
    statistics_h: float = setting(
        "hours of listening between two lines with the statistics of the rules; 0 for none",
        24.0,
        least=0,
        most=10_000,
    )

    def open(self, surroundings: Surroundings) -> JsonlOutput:
        return JsonlOutput(self, surroundings)


class JsonlOutput:
    """Writes JSON lines into a rotated file."""

    def __init__(self, settings: JsonlFile, surroundings: Surroundings) -> None:
        self._file = RotatingFile(settings, surroundings.on_notice)
        self._controls = surroundings.controls
        self._every_s = 3600 * settings.statistics_h or math.inf
        self._due_s = self._every_s
        self._lines = JsonLines(
            self._file,
            common={"model": surroundings.model} if surroundings.model else None,
            clock=surroundings.is_live,
            alerts_only=settings.what == "alerts",
        )

    def show(self, hearing: Hearing) -> None:
        self._lines.show(hearing)
        if hearing.time_s < self._due_s - self._every_s:  # another stream has begun
            self._due_s = hearing.time_s + self._every_s
        if hearing.time_s >= self._due_s:
            self._due_s += self._every_s
            self._lines.show_statistics(hearing.time_s, self._controls.statistics())

    def notice(self, text: str) -> None:
        """Nothing: notices are for people at the terminal."""

    def close(self) -> None:
        self._file.close()


class RotatingFile:
    """Takes whole lines; what cannot be written is counted and said, and listening goes on.

    A line is in the file whole or not at all: one that breaks off is taken back, and one that a
    loss of power tore is closed before the next. What was lost stands in the file itself, as
    ``{"type": "lost", "lines": n}``, as soon as there is room again. A file that was moved away
    or deleted is begun anew. Only one writer has a file at a time. Its owner alone may read it.

    Parameters
    ----------
    settings : JsonlFile
    on_notice : callable
        Hears of lines that could not be written, at most one notice each `RETRY_S`.
    clock : callable
        Unix time in seconds, for the change of the day alone.
    monotonic : callable
        Seconds that no change of the clock touches, for retries.

    Raises
    ------
    UsageError
        The file cannot be opened now, is no file, or another program writes to it.
    """

    def __init__(
        self,
        settings: JsonlFile,
        on_notice: OnNotice,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = Path(settings.path)
        self._settings, self._on_notice = settings, on_notice
        self._clock, self._monotonic = clock, monotonic
        self._lost = self._lost_in_all = 0
        self._again_s = -math.inf  # before it nothing is tried
        self._file: int | None = None
        self._identity = (0, 0)
        try:
            self._open()
        except OSError as error:
            raise UsageError(
                f"writing {self._path}: {error.strerror}: name a writable place in outputs"
            ) from None

    def write(self, line: str) -> None:
        """Add ``line``, in a new file if it is time for one."""
        if self._monotonic() < self._again_s:
            self._lost += 1
            return
        data = line.encode()
        try:
            self._follow()
            if self._is_due(len(data)):
                self._rotate()
            if self._lost:
                self._append(f'{{"type": "lost", "lines": {self._lost}}}\n'.encode())
                self._tell_lost("lost; it is written again")
            self._append(data)
        except (OSError, UsageError) as error:
            self._let_go()
            self._lost += 1
            self._again_s = self._monotonic() + RETRY_S
            reason = error.strerror if isinstance(error, OSError) else error
            self._on_notice(
                f"writing {self._path}: {reason}: lines lost so far: "
                f"{self._lost + self._lost_in_all}"
            )

    def flush(self) -> None:
        """Nothing to do: each line is written at once."""

    def close(self) -> None:
        """Close the file; what was lost until then is said, and written if it can be."""
        if self._lost:
            with contextlib.suppress(OSError, UsageError):
                self._follow()
                self._append(f'{{"type": "lost", "lines": {self._lost}}}\n'.encode())
            self._tell_lost("lost")
        self._let_go()

    def _tell_lost(self, how: str) -> None:
        self._lost_in_all += self._lost
        lines = "line" if self._lost == 1 else "lines"
        self._on_notice(f"writing {self._path}: {self._lost} {lines} {how}")
        self._lost = 0

    def _let_go(self) -> None:
        if self._file is not None:
            os.close(self._file)
        self._file = None

    def _open(self) -> None:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC
        kind = stat.S_IFMT(os.stat(self._path).st_mode) if self._path.exists() else stat.S_IFREG
        if kind not in (stat.S_IFREG, stat.S_IFCHR):
            raise UsageError(f"writing {self._path}: it is no regular file: name a file in outputs")
        self._file = os.open(self._path, flags, 0o600)
        status = os.fstat(self._file)
        self._identity = (status.st_dev, status.st_ino)
        self._day = _day(status.st_mtime if status.st_size else self._clock())
        if not stat.S_ISREG(status.st_mode):
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._let_go()
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                return self._without_lock(flags)
            raise UsageError(
                f"writing {self._path}: another program writes to it: give each output and each "
                "elsa-rt a file of its own"
            ) from None
        if status.st_size and os.pread(self._file, 1, status.st_size - 1) != b"\n":
            self._append(b"\n")  # a line that was torn: the next is not glued to it
        return

    def _without_lock(self, flags: int) -> None:
        """Go on where the file system knows no locks."""
        self._file = os.open(self._path, flags, 0o600)

    def _follow(self) -> None:
        """Open the file if need be; anew if it was moved away or deleted."""
        if self._file is not None:
            try:
                status = os.stat(self._path)
                if (status.st_dev, status.st_ino) == self._identity:
                    return
            except FileNotFoundError:
                pass
            self._let_go()
            self._on_notice(f"writing {self._path}: it was moved or deleted, a new one is begun")
        self._open()

    def _append(self, data: bytes) -> None:
        """Write all of ``data``, or none of it and raise."""
        assert self._file is not None
        before = os.fstat(self._file).st_size
        written = 0
        try:
            while written < len(data):
                count = os.write(self._file, data[written:])
                if count <= 0:
                    raise OSError(errno.EIO, os.strerror(errno.EIO))
                written += count
        except OSError:
            if written:
                with contextlib.suppress(OSError):
                    os.ftruncate(self._file, before)
            raise

    def _is_due(self, more: int) -> bool:
        assert self._file is not None
        size = os.fstat(self._file).st_size
        too_large = size + more > self._settings.max_mb * 1e6
        return size > 0 and (
            too_large or (self._settings.daily and _day(self._clock()) != self._day)
        )

    def _rotate(self) -> None:
        self._let_go()
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
