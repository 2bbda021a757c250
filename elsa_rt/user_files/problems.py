"""Problems of a file: line, reason, cure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from elsa_rt.errors import UsageError

MAX_TOLD = 5

Report = Callable[[int, str], None]
"""Takes a line, counted from 1, and what is wrong there."""


class Problem(NamedTuple):
    """Problem in one line of a file, with its cure."""

    line: int  # counted from 1; 0 is the file as a whole
    what: str

    def at(self, path: Path) -> str:
        """The whole sentence, with the place."""
        return f"{path}, line {self.line}: {self.what}" if self.line else f"{path}: {self.what}"


class FileError(UsageError):
    """A file that cannot be used, with everything that is wrong in it.

    ``show_all`` is the command that prints all of it; without one the message tells of
    `MAX_TOLD`.
    """

    def __init__(self, path: Path, problems: Sequence[Problem], *, show_all: str = "") -> None:
        self.path = path
        self.problems = tuple(sorted(problems))
        told = [problem.at(path) for problem in self.problems[: 1 if show_all else MAX_TOLD]]
        more = len(self.problems) - len(told)
        command = f": {show_all} shows all" if show_all else ""
        super().__init__("; ".join(told) + (f" (and {more} more{command})" if more else ""))
