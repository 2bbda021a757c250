"""What people said of alerts: "that was false", "that was right", kept in a file of JSON lines.

A mark holds what was heard in an alert: up to `SOUNDS` of its steps, each an embedding in 64
numbers of 8 bits (`Statistics.compress`), and the direction. No sound is stored, and no words can
be made of it. The file only grows while it is used, so that a listener and ``elsa-rt feedback`` may
write to it at once:

    {"type": "heard", "alert", "rule", "prompt", "at", "azimuth_deg", ..., "sounds": base64}
    {"type": "mark", ...the same, "verdict": "false" | "right", "marked": Unix time}
    {"type": "undo", "alert"}

Marks come from people alone: nothing that a listener hears or suppresses makes, renews or
strengthens one.
"""

from __future__ import annotations

import base64
import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from elsa_rt.audio.ambisonics import direction_from_angles
from elsa_rt.config import Config
from elsa_rt.errors import ElsaError, UsageError
from elsa_rt.files import data_directory, replacing
from elsa_rt.scoring.site import site_path
from elsa_rt.scoring.statistics import COMPONENTS

try:
    import fcntl
except ImportError:  # Windows has none: there one process at a time should write
    fcntl = None  # type: ignore[assignment]

SOUNDS = 8
"""Steps of an alert that are kept, evenly spread over those that held its score."""

MAX_ALERTS = 100
"""Alerts that can still be judged, the latest ones."""

MAX_MARKS = 2_000
"""Marks that a file may have; beyond, the oldest give way."""

SAME_S = 1.0
"""Onsets of one alert, told at its start and at its end, differ by less."""

SUFFIX = ".feedback.jsonl"

Verdict = Literal["false", "right"]

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)

Sounds = NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class AlertSounds:
    """What was heard in one alert."""

    alert: str  # its id
    rule: str  # id of its rule
    prompt: str
    at: float  # Unix time of its onset
    azimuth_deg: float  # in the axes of the rule's region, or of the world once those are known
    elevation_deg: float
    score: float  # the highest
    duration_s: float  # 0 while it is open
    fits: str  # what compressed the sounds, see `elsa_rt.scoring.site.fits_of`
    sounds: Sounds  # (n, 64)
    margin: float = 0.0  # log odds by which its highest step passed the threshold

    @property
    def direction(self) -> NDArray[np.float64]:
        """Unit vector (3,)."""
        return direction_from_angles(self.azimuth_deg, self.elevation_deg)

    def as_dict(self) -> dict[str, Any]:
        """Its line in the file, but for ``type``."""
        return {
            "alert": self.alert,
            "rule": self.rule,
            "prompt": self.prompt,
            "at": round(self.at, 2),
            "azimuth_deg": round(self.azimuth_deg, 1),
            "elevation_deg": round(self.elevation_deg, 1),
            "score": round(self.score, 4),
            "duration_s": round(self.duration_s, 2),
            "margin": round(self.margin, 2),
            "fits": self.fits,
            "sounds": base64.b64encode(self.sounds.tobytes()).decode(),
        }


@dataclass(frozen=True, eq=False)
class Mark:
    """What somebody said of an alert."""

    heard: AlertSounds
    verdict: Verdict
    marked: float  # Unix time

    def weight(self, now: float, half_life_days: float) -> float:
        """How much it counts at ``now``, 0..1: half as much with every half-life."""
        days = max(0.0, now - self.marked) / 86_400
        return float(0.5 ** (days / half_life_days))


class FeedbackStore:
    """The alerts that can be judged, and the marks; any thread may use it.

    Parameters
    ----------
    path : Path, optional
        The file, made with the first line that is written, readable by its owner alone; without
        one everything is forgotten with the object.

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

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.version = self.bad_lines = 0
        self.keep = True
        self._lock = threading.RLock()
        self._alerts: dict[str, AlertSounds] = {}
        self._marks: dict[str, Mark] = {}
        self._read_to = self._lines = 0
        self._inode = 0
        self.refresh()

    @property
    def marks(self) -> tuple[Mark, ...]:
        """What counts, in the order in which it was said."""
        with self._lock:
            return tuple(self._marks.values())

    @property
    def alerts(self) -> tuple[AlertSounds, ...]:
        """The alerts that can be judged, the latest last."""
        with self._lock:
            return tuple(self._alerts.values())

    def add(self, heard: AlertSounds) -> None:
        """Take what was heard in an alert; a later one of the same id takes its place."""
        with self._lock:
            self._take_alert(heard)
            if self.keep:
                self._write({"type": "heard", **heard.as_dict()})

    def judge(self, alert: str, verdict: str, now: float | None = None) -> Mark:
        """Mark the alert of the id ``alert`` as "false" or "right"; the last word counts.

        Raises
        ------
        UsageError
            No such alert is known, or the verdict is neither of the two.
        """
        if verdict not in VERDICTS:
            raise UsageError(f"the verdict {verdict!r} is unknown: choose {' | '.join(VERDICTS)}")
        with self._lock:
            self.refresh()
            before = self._marks.get(alert)
            heard = self._alerts.get(alert) or (before.heard if before else None)
            if heard is None:
                raise UsageError(self._unknown(alert))
            mark = Mark(heard, verdict, time.time() if now is None else now)
            self._write(_mark_fields(mark))
            self._take_mark(mark)
            return mark

    def undo(self, alert: str) -> Mark:
        """Take back what was said of an alert; returns what it was.

        Raises
        ------
        UsageError
            Nothing was said of it.
        """
        with self._lock:
            self.refresh()
            if alert not in self._marks:
                known = ", ".join(list(self._marks)[-3:])
                told = f"the last marks are of {known}" if known else "there are no marks"
                raise UsageError(f"nothing was said of the alert {alert!r}: {told}")
            self._write({"type": "undo", "alert": alert})
            self.version += 1
            return self._marks.pop(alert)

    def refresh(self) -> None:
        """Read what others wrote since."""
        with self._lock:
            if self.path is None:
                return
            try:
                status = self.path.stat()
            except OSError:
                return
            if status.st_ino != self._inode or status.st_size < self._read_to:
                self._inode, self._read_to, self._lines = status.st_ino, 0, 0
                self._alerts, self._marks = {}, {}  # another file: all of it
                self.version += 1
            if status.st_size == self._read_to:
                return
            with _gate(self.path), self.path.open("rb") as file:
                file.seek(self._read_to)
                text = file.read()
            whole = text[: text.rfind(b"\n") + 1]  # somebody may be in the middle of a line
            self._read_to += len(whole)
            for line in whole.splitlines():
                self._take_line(line)

    def compact(self) -> None:
        """Write the file anew, whole or not at all, where most of its lines count no more."""
        with self._lock:
            self.refresh()
            if self.path is None or self._lines <= 2 * (len(self._alerts) + len(self._marks)) + 8:
                return
            with _gate(self.path), _locked(self.path):
                self.refresh()
                lines = [{"type": "heard", **one.as_dict()} for one in self._alerts.values()]
                lines += map(_mark_fields, self._marks.values())
                with replacing(self.path, private=True) as part:
                    part.write_bytes(b"".join(map(_line, lines)))
            self.refresh()

    def _unknown(self, alert: str) -> str:
        latest = ", ".join(list(self._alerts)[-3:])
        told = f"the latest are {latest}" if latest else "none was heard yet"
        where = f" in {self.path}" if self.path else ""
        return f"no alert {alert!r} is known{where}: {told}; the last {MAX_ALERTS} are kept"

    def _write(self, fields: Mapping[str, Any]) -> None:
        if self.path is None:
            return
        with _gate(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with _locked(self.path) as file:
                end = file.seek(0, os.SEEK_END)
                line = _line(fields)
                if end:
                    file.seek(end - 1)
                    line = line if file.read(1) == b"\n" else b"\n" + line
                file.write(line)
                if end == self._read_to:  # nobody else wrote: this need not be read again
                    self._read_to, self._lines = end + len(line), self._lines + 1
                    self._inode = os.fstat(file.fileno()).st_ino

    def _take_line(self, line: bytes) -> None:
        self._lines += 1
        try:
            fields = json.loads(line)
            kind = fields["type"]
            if kind == "undo":
                self._marks.pop(str(fields["alert"]), None)
                self.version += 1
            elif kind == "heard":
                self._take_alert(_alert_sounds(fields))
            elif kind == "mark" and fields["verdict"] in VERDICTS:
                marked = float(fields["marked"])
                self._take_mark(Mark(_alert_sounds(fields), fields["verdict"], marked))
        except (ValueError, TypeError, KeyError, RecursionError):
            self.bad_lines += 1  # the others count

    def _take_alert(self, heard: AlertSounds) -> None:
        self._alerts.pop(heard.alert, None)
        self._alerts[heard.alert] = heard
        while len(self._alerts) > MAX_ALERTS:
            del self._alerts[next(iter(self._alerts))]
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


def feedback_path(config: Config) -> Path | None:
    """Where feedback is kept: as ``config`` says, else beside its site; None for nowhere."""
    name = config.feedback
    if name is None:
        return None if config.site is None else site_path(config.site).with_suffix(SUFFIX)
    if name.endswith(".jsonl") or os.sep in name:
        return Path(name).expanduser()
    return data_directory() / "sites" / f"{name}{SUFFIX}"


def spread(sounds: list[Sounds]) -> Sounds:
    """At most `SOUNDS` of ``sounds``, evenly spread, as one array (n, 64)."""
    some = np.unique(np.linspace(0, len(sounds) - 1, min(SOUNDS, len(sounds))).round().astype(int))
    return np.stack([sounds[index] for index in some])


def _alert_sounds(fields: Mapping[str, Any]) -> AlertSounds:
    sounds = np.frombuffer(base64.b64decode(fields["sounds"], validate=True), np.int8)
    numbers = {
        name: float(fields[name])
        for name in ("at", "azimuth_deg", "elevation_deg", "score", "duration_s")
    }
    if not np.isfinite(list(numbers.values())).all() or not sounds.size or sounds.size % COMPONENTS:
        raise ValueError("it is damaged")
    return AlertSounds(
        alert=str(fields["alert"]),
        rule=str(fields["rule"]),
        prompt=str(fields["prompt"]),
        fits=str(fields["fits"]),
        sounds=sounds.reshape(-1, COMPONENTS),
        margin=float(np.nan_to_num(float(fields.get("margin", 0.0)))),
        **numbers,
    )


def _line(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def _mark_fields(mark: Mark) -> dict[str, Any]:
    fields = {"verdict": mark.verdict, "marked": round(mark.marked, 2)}
    return {"type": "mark", **mark.heard.as_dict(), **fields}


@contextmanager
def _locked(path: Path) -> Iterator[IO[bytes]]:
    """The file of ``path``, for its owner alone, while no other process writes to it."""
    while True:
        number = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        with os.fdopen(number, "r+b") as file:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX)
            if path.exists() and path.stat().st_ino != os.fstat(number).st_ino:
                continue  # another process put a new file in its place meanwhile
            yield file
            return


@contextmanager
def _gate(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ElsaError(
            f"the feedback file {path}: {error.strerror}: see that it can be read and written, "
            "or name another one with --feedback FILE.jsonl"
        ) from None
