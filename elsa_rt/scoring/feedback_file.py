"""A file of JSON lines that several processes append to, readable by its owner alone."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

from elsa_rt.errors import ElsaError
from elsa_rt.files import replacing

try:
    import fcntl
except ImportError:  # Windows has none: there one process at a time should write
    fcntl = None  # type: ignore[assignment]


class NewLines(NamedTuple):
    """What came into a file since it was read last."""

    lines: list[bytes]
    anew: bool  # it is another file than before: these are all that there are


class FeedbackFile:
    """The lines of ``path``; it is made with the first of them.

    Attributes
    ----------
    lines : int
        How many have been read or written.

    Raises
    ------
    ElsaError
        From each method: the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = self._read_to = self._inode = 0

    def read(self) -> NewLines:
        """What others wrote since; a line that somebody is in the middle of comes later."""
        try:
            status = self.path.stat()
        except OSError:
            return NewLines([], False)
        anew = status.st_ino != self._inode or status.st_size < self._read_to
        if anew:
            self._inode, self._read_to, self.lines = status.st_ino, 0, 0
        if status.st_size == self._read_to:
            return NewLines([], anew)
        with self._gate(), self.path.open("rb") as file:
            file.seek(self._read_to)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._read_to += len(whole)
        found = whole.splitlines()
        self.lines += len(found)
        return NewLines(found, anew)

    def append(self, fields: Mapping[str, Any]) -> None:
        """Write one line."""
        with self._gate():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._locked() as file:
                end = file.seek(0, os.SEEK_END)
                line = _line(fields)
                if end:
                    file.seek(end - 1)
                    line = line if file.read(1) == b"\n" else b"\n" + line  # after a torn one
                file.write(line)
                if end == self._read_to:  # nobody else wrote: this need not be read again
                    self._read_to, self.lines = end + len(line), self.lines + 1
                    self._inode = os.fstat(file.fileno()).st_ino

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else writes meanwhile."""
        with self._gate(), self._locked():
            yield

    def rewrite(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Put ``lines`` in the place of all that there are, or leave it: never half of them."""
        with self._gate(), replacing(self.path, private=True) as part:
            part.write_bytes(b"".join(map(_line, lines)))

    @contextmanager
    def _locked(self) -> Iterator[IO[bytes]]:
        while True:
            number = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
            with os.fdopen(number, "r+b") as file:
                if fcntl is not None:
                    fcntl.flock(file, fcntl.LOCK_EX)
                if self.path.exists() and self.path.stat().st_ino != os.fstat(number).st_ino:
                    continue  # another process put a new file in its place meanwhile
                yield file
                return

    @contextmanager
    def _gate(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ElsaError(
                f"the feedback file {self.path}: {error.strerror}: see that it can be read and "
                "written, or name another one with --feedback FILE.jsonl"
            ) from None


def _line(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields, allow_nan=False, separators=(",", ":")).encode() + b"\n"
