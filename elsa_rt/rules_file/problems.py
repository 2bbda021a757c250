"""What is wrong in a rules file: line, reason, cure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from elsa_rt.errors import UsageError

Report = Callable[[int, str], None]
"""Takes a line, counted from 1, and what is wrong there."""


class Problem(NamedTuple):
    """What is wrong in one line, with its cure."""

    line: int  # counted from 1; 0 is the file as a whole
    what: str

    def at(self, path: Path) -> str:
        """The whole sentence, with the place."""
        return f"{path}, line {self.line}: {self.what}" if self.line else f"{path}: {self.what}"


class RulesError(UsageError):
    """A rules file that cannot be used, with everything that is wrong in it."""

    def __init__(self, path: Path, mistakes: Sequence[Problem]) -> None:
        self.path = path
        self.mistakes = tuple(sorted(mistakes))
        more = len(self.mistakes) - 1
        rest = f" (and {more} more: elsa-rt check {path} shows all)" if more else ""
        super().__init__(self.mistakes[0].at(path) + rest)
