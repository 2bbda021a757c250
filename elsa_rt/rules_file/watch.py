"""A rules file that changes while it is listened by: taken whole, or refused whole."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from elsa_rt.config import CHANGEABLE, described
from elsa_rt.errors import ElsaError
from elsa_rt.notices import OnNotice
from elsa_rt.rules_file.keys import file_key
from elsa_rt.rules_file.reader import RulesFile, read_rules
from elsa_rt.wording import counted

LOOK_S = 1.0
"""Time between two looks; a change counts once it has rested for one of them."""

HANG_UP: signal.Signals | None = getattr(signal, "SIGHUP", None)
"""Windows has none."""

_Stamp = tuple[int, int, int]


class Watcher:
    """Looks at a rules file again and again in a thread of its own while it is entered.

    SIGHUP has it read at once, where this was entered by the main thread.

    Parameters
    ----------
    file : RulesFile
        What is listened by now.
    change : callable
        Takes the new file and returns whether that changed anything; an ElsaError refuses it, and
        the old one stays.
    on_notice : callable
        Hears what became of each change.
    """

    def __init__(
        self, file: RulesFile, change: Callable[[RulesFile], bool], on_notice: OnNotice
    ) -> None:
        self.file = file
        self._change, self._on_notice = change, on_notice
        self._read_at = self._seen = self._stamp()
        self._over = False
        self._asked = False
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rules", daemon=True)
        self._before: Any = None

    def __enter__(self) -> Watcher:
        if HANG_UP is not None and threading.current_thread() is threading.main_thread():
            self._before = signal.signal(HANG_UP, self._on_signal)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if HANG_UP is not None and self._before is not None:
            signal.signal(HANG_UP, self._before)
        self._over = True
        self._wake.set()
        self._thread.join()

    def look(self, *, now: bool = False) -> None:
        """Look once: read the file if it has changed and rests since the last look, or ``now``."""
        before, self._seen = self._seen, self._stamp()
        if now or (self._seen == before and self._seen != self._read_at):
            self._read_at = self._seen
            self._reload(now)

    def _run(self) -> None:
        while not self._over:
            self._wake.wait(LOOK_S)
            self._wake.clear()
            asked, self._asked = self._asked, False
            if not self._over:
                self.look(now=asked)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._asked = True
        self._wake.set()

    def _stamp(self) -> _Stamp | None:
        try:
            status = os.stat(self.file.path)
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino

    def _reload(self, now: bool) -> None:
        try:
            new = read_rules(self.file.path)
            if new.digest == self.file.digest and not now:
                return
            fixed = _fixed(self.file, new)
            if fixed:
                self._on_notice(
                    f"{new.path}: {', '.join(fixed)} cannot change while listening: start "
                    "elsa-rt again for that; the old rules go on"
                )
                return
            changed = self._change(new)
        except ElsaError as error:
            self._on_notice(f"{error}; the old rules go on")
            return
        if changed or now:
            self._on_notice(f"{new.path} was read again: {_difference(self.file, new)}")
        self.file = new


def _fixed(old: RulesFile, new: RulesFile) -> list[str]:
    """Differences that cannot be applied while listening."""
    names = [setting.name for setting in described() if setting.name not in CHANGEABLE]
    found = [file_key(n) for n in names if old.settings.get(n) != new.settings.get(n)]
    for name in ("source", "outputs"):
        if getattr(old, name) != getattr(new, name):
            found.append(name)
    return found


def _difference(old: RulesFile, new: RulesFile) -> str:
    before, after = ({rule.id: rule for rule in file.rules} for file in (old, new))
    changed = sum(before[id] != after[id] for id in before.keys() & after.keys())
    added, removed = len(after.keys() - before.keys()), len(before.keys() - after.keys())
    counts = [f"{counted(len(after), 'rule')} now"]
    counts += [f"{n} {what}" for n, what in
               ((added, "new"), (changed, "changed"), (removed, "removed")) if n]  # fmt: skip
    return ", ".join(counts)
