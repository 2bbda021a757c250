"""The store of what people said of alerts: "that was false", "that was right".

A mark holds what was heard in an alert: up to `elsa_rt.scoring.marks.SOUNDS` of its steps, each an
embedding in 64 numbers of 8 bits (`Statistics.compress`), and the direction. No sound is stored,
and no words can be made of it. The file only grows while it is used, so that a listener and
``elsa-rt feedback`` may write to it at once:

    {"type": "heard", "alert", "rule", "prompt", "at", "azimuth_deg", ..., "sounds": base64}
    {"type": "mark", ...the same, "verdict": "false" | "right", "marked": Unix time}
    {"type": "undo", "alert"}

Marks come from people alone: nothing that a listener hears or suppresses makes, renews or
strengthens one.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from math import inf
from pathlib import Path
from typing import Any

from elsa_rt.config import Config
from elsa_rt.errors import UsageError
from elsa_rt.files import data_directory, expanded
from elsa_rt.scoring.feedback_file import FeedbackFile
from elsa_rt.scoring.marks import VERDICTS, AlertSounds, Mark
from elsa_rt.scoring.site import site_path

MAX_ALERTS = 2_000
"""Alerts that can still be judged, the latest ones: a megabyte and a half of file."""

MAX_MARKS = 2_000
"""Marks that a file may have; beyond, the oldest give way."""

SAME_S = 1.0
"""Onsets of one alert, told at its start and at its end, differ by less."""

SUFFIX = ".feedback.jsonl"

DAY_S = 86_400.0


class FeedbackStore:
    """The alerts that can be judged, and the marks; any thread may use it.

    Parameters
    ----------
    path : Path, optional
        The file, made with the first line that is written, readable by its owner alone; without
        one everything is forgotten with the object.
    keep_days : float
        How long an alert can be judged; `MAX_ALERTS` at most can. Marks stay.
    clock : callable
        Gives the Unix time.

    Attributes
    ----------
    version : int
        Rises with every change of the marks.
    keep : bool
        Whether alerts are written into the file; verdicts always are.
    bad_lines : int
        Lines of the file that were left out, torn or not of this program.

    Raises
    ------
    ElsaError
        The file cannot be read.
    """

    def __init__(
        self,
        path: Path | None = None,
        keep_days: float = inf,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path, self._keep_days, self._clock = path, keep_days, clock
        self.version = self.bad_lines = 0
        self.keep = True
        self._lock = threading.RLock()
        self._file = None if path is None else FeedbackFile(path)
        self._alerts: dict[str, AlertSounds] = {}
        self._marks: dict[str, Mark] = {}
        self.refresh()

    @classmethod
    def of(cls, config: Config) -> FeedbackStore:
        """The one that ``config`` names; without a name one that forgets."""
        return cls(feedback_path(config), config.feedback_keep_days)

    @property
    def marks(self) -> tuple[Mark, ...]:
        """What counts, in the order in which it was said."""
        with self._lock:
            return tuple(self._marks.values())

    @property
    def alerts(self) -> tuple[AlertSounds, ...]:
        """The alerts that can be judged, the latest last."""
        with self._lock:
            self._forget()
            return tuple(self._alerts.values())

    def add(self, heard: AlertSounds) -> None:
        """Take what was heard in an alert; a later one of the same id takes its place."""
        with self._lock:
            heard = replace(heard, kept=self._clock())
            self._take_alert(heard)
            self._forget()
            if self.keep:
                self._write({"type": "heard", **heard.as_dict()})

    def judge(
        self, alert: str, verdict: str, now: float | None = None, rule: str | None = None
    ) -> tuple[Mark, ...]:
        """Mark the alert of the id ``alert`` as "false" or "right"; the last word counts.

        Alerts of other rules that joined it, where alerts are grouped, are marked with it, unless
        ``rule`` says of which one of the rules it is said.

        Raises
        ------
        UsageError
            No such alert is known, the verdict is neither of the two, or ``rule`` had no part.
        """
        if verdict not in VERDICTS:
            raise UsageError(f"the verdict {verdict!r} is unknown: choose {' | '.join(VERDICTS)}")
        with self._lock:
            self.refresh()
            known = {mark.heard.alert: mark.heard for mark in self._marks.values()} | self._alerts
            if alert not in known:
                raise UsageError(self._unknown(alert))
            parts = _parts(alert, list(known.values()), rule)
            marked = self._clock() if now is None else now
            marks = tuple(Mark(heard, verdict, marked) for heard in parts)
            for mark in marks:
                self._write({"type": "mark", **mark.as_dict()})
                self._take_mark(mark)
            return marks

    def undo(self, alert: str, rule: str | None = None) -> tuple[Mark, ...]:
        """Take back what was said of an alert, and of those that joined it; returns what it was.

        Raises
        ------
        UsageError
            Nothing was said of it.
        """
        with self._lock:
            self.refresh()
            about = [mark.heard for mark in self._marks.values()]
            if not any(alert in (heard.alert, heard.joined) for heard in about):
                known = ", ".join(list(self._marks)[-3:])
                told = f"the last marks are of {known}" if known else "there are no marks"
                raise UsageError(f"nothing was said of the alert {alert!r}: {told}")
            undone = []
            for heard in _parts(alert, about, rule):
                self._write({"type": "undo", "alert": heard.alert})
                self.version += 1
                undone.append(self._marks.pop(heard.alert))
            return tuple(undone)

    def refresh(self) -> None:
        """Read what others wrote since."""
        with self._lock:
            if self._file is None:
                return
            lines, anew = self._file.read()
            if anew:
                self._alerts, self._marks = {}, {}
                self.version += 1
            for line in lines:
                self._take_line(line)
            self._forget()

    def compact(self) -> None:
        """Write the file anew, whole or not at all, where most of its lines count no more."""
        with self._lock:
            self.refresh()
            file = self._file
            if file is None or file.lines <= 2 * (len(self._alerts) + len(self._marks)) + 8:
                return
            with file.alone():
                self.refresh()
                alerts = [{"type": "heard", **one.as_dict()} for one in self._alerts.values()]
                marks = [{"type": "mark", **mark.as_dict()} for mark in self._marks.values()]
                file.rewrite([*alerts, *marks])
            self.refresh()

    def _unknown(self, alert: str) -> str:
        where = f" in {self.path}" if self.path else ""
        days = "" if self._keep_days == inf else f"of the last {self._keep_days:g} days, "
        kept = f"alerts {days}{MAX_ALERTS:,} at most, can be judged"
        if not self._alerts:
            return f"no alert {alert!r} is known{where}: none was heard yet; {kept}"
        first = datetime.fromtimestamp(next(iter(self._alerts.values())).kept)
        latest = ", ".join(list(self._alerts)[-3:])
        return (
            f"no alert {alert!r} is known{where}: {kept}, and the first that is left is of "
            f"{first:%Y-%m-%d %H:%M}; the latest are {latest}"
        )

    def _write(self, fields: Mapping[str, Any]) -> None:
        if self._file is not None:
            self._file.append(fields)

    def _take_line(self, line: bytes) -> None:
        try:
            fields = json.loads(line)
            kind = fields["type"]
            if kind == "undo":
                self._marks.pop(str(fields["alert"]), None)
                self.version += 1
            elif kind == "heard":
                self._take_alert(AlertSounds.of(fields))
            elif kind == "mark" and fields["verdict"] in VERDICTS:
                marked = float(fields["marked"])
                self._take_mark(Mark(AlertSounds.of(fields), fields["verdict"], marked))
        except (ValueError, TypeError, KeyError, RecursionError):
            self.bad_lines += 1  # the others count

    def _take_alert(self, heard: AlertSounds) -> None:
        self._alerts.pop(heard.alert, None)
        self._alerts[heard.alert] = heard
        mark = self._marks.get(heard.alert)
        # judged while it was open, all of it is known now; after a restart an id may come again
        if mark is not None and abs(mark.heard.at - heard.at) < SAME_S:
            self._marks[heard.alert] = replace(mark, heard=heard)
            self.version += 1

    def _take_mark(self, mark: Mark) -> None:
        self._marks.pop(mark.heard.alert, None)
        self._marks[mark.heard.alert] = mark
        while len(self._marks) > MAX_MARKS:
            del self._marks[next(iter(self._marks))]
        self.version += 1

    def _forget(self) -> None:
        """Drop the alerts that are too old to be judged, or too many."""
        oldest = self._clock() - DAY_S * self._keep_days
        over = len(self._alerts) - MAX_ALERTS
        gone = []
        for index, (alert, heard) in enumerate(self._alerts.items()):
            if index >= over and heard.kept >= oldest:
                break
            gone.append(alert)
        for alert in gone:
            del self._alerts[alert]


def feedback_path(config: Config) -> Path | None:
    """Where feedback is kept: as ``config`` says, else beside its site; None for nowhere."""
    name = config.feedback
    if name is None:
        return None if config.site is None else site_path(config.site).with_suffix(SUFFIX)
    if name.endswith(".jsonl") or os.sep in name:
        return expanded(name)
    return data_directory() / "sites" / f"{name}{SUFFIX}"


def _parts(alert: str, known: list[AlertSounds], rule: str | None) -> list[AlertSounds]:
    """The alert of an id and those that joined it; only that of ``rule`` where one is given."""
    found = [one for one in known if one.alert == alert]
    found += [one for one in known if one.joined == alert]
    if rule is None:
        return found
    mine = [one for one in found if one.rule == rule]
    if not mine:
        rules = ", ".join(one.rule for one in found)
        raise UsageError(f"the rule {rule!r} had no part in the alert {alert!r}: {rules} had")
    return mine
