"""What is asked of remembering recordings, what came of it, and when recordings began."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import tzinfo
from pathlib import Path

from elsa_rt.config import SIGNAL, Config, described
from elsa_rt.errors import UsageError
from elsa_rt.memory.moments import iso_time
from elsa_rt.memory.store import Origin
from elsa_rt.recordings.pieces import Recording
from elsa_rt.sources.files import shown

OnProgress = Callable[[float], None]
"""Hears of seconds of sound that are done."""

BEGINS = ("unknown", "name", "mtime")
"""Where the time of day of a recording may be read from, beside a time itself."""

_NAMED = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)[T_ -]?(\d\d)[:h-]?(\d\d)(?:[:m-]?(\d\d))?")


@dataclass
class Report:
    """What became of the recordings."""

    recordings: int = 0  # that are complete now and were not before
    already: int = 0  # that were complete
    pieces: int = 0
    rows: int = 0
    seconds: float = 0.0  # of sound, heard now
    failed: list[str] = field(default_factory=list)  # paths


@dataclass(frozen=True)
class Job:
    """How recordings are heard."""

    config: Config
    jobs: int = 0  # processes; 0: one a core
    began: str = "unknown"  # of `BEGINS`, or a time
    zone: tzinfo | None = None  # of that time and of names


def origin_of(recording: Recording, job: Job) -> Origin:
    """``recording`` as a source of rows."""
    signal_settings = {
        setting.name: getattr(job.config, setting.name)
        for setting in described()
        if setting.metadata["group"] == SIGNAL
        and getattr(job.config, setting.name) != setting.default
    }
    return Origin(
        uid=recording.uid,
        name=shown(Path(recording.path).name),
        live=False,
        path=shown(recording.path),
        began_s=began_of(recording, job.began, job.zone),
        seconds=recording.seconds,
        settings=json.dumps(signal_settings) if signal_settings else "",
        pieces=recording.pieces,
    )


def began_of(recording: Recording, began: str, zone: tzinfo | None) -> float | None:
    """Unix time of the first sample: as ``began`` says, from the file's name, or its date."""
    path = Path(recording.path)
    if began == "unknown":
        return None
    if began == "mtime":
        return path.stat().st_mtime - recording.seconds
    if began == "name":
        match = _NAMED.search(path.stem)
        if match is None:
            return None
        text = "{}-{}-{}T{}:{}:{}".format(*match.groups("00"))
    else:
        text = began
    try:
        at = iso_time(text)
    except ValueError:
        if began == "name":
            return None
        raise UsageError(
            f"--began {began}: give {', '.join(BEGINS)}, or a time such as 2026-01-31T22:00"
        ) from None
    return (at if at.tzinfo else at.replace(tzinfo=zone)).timestamp()
