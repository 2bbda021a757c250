"""Hearings and alerts as JSON, one object a line: the contract with every program behind a pipe.

    {"type": "hearing", "time_s", "activity", "azimuth_deg", "elevation_deg", "distance_m",
     "scores": [{"prompt", "similarity", "score", "false_alarms_per_hour", "rule", "threshold"},
     ...], "labels": [{"name", "probability"}, ...], ...}
    {"type": "alert", "state": "start" | "update" | "end", "id", "prompt", "time_s", "score",
     "azimuth_deg", "elevation_deg", "words", ...}
    {"type": "health", "event": "deaf" | "hearing" | "state", "time_s", "state", "reasons",
     "lost_samples", ...}
    {"type": "near_miss", "rule", "cause", "text", ...}     with ``why`` alone
    {"type": "statistics", "time_s", "rules": [{"rule", "hours", "alerts", "near_misses",
     "asked_per_hour", "expected_per_hour", "counted_per_hour", ...}, ...]}   in files, once a day

Fields may be added, none is ever renamed. A number that does not exist is null, never NaN. The
objects are those of ``Hearing.as_dict()`` and ``Alert.as_dict()``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, Protocol

from elsa_rt.hearing import Hearing, RuleStatistics
from elsa_rt.outputs.score_text import ScoreText


class LineSink(Protocol):
    """Takes text, a whole line at a time."""

    def write(self, line: str, /) -> object: ...

    def flush(self) -> object: ...


class JsonLines:
    """Writes each hearing, followed by its alerts, and flushes after each line.

    Parameters
    ----------
    stream
        Where the lines go.
    common
        Fields that every line carries at its end, e.g. the model's name.
    clock
        Every line says the time of day: as ``at``, ISO 8601 in UTC. Only of use for live sound.
    began
        When the first sample was recorded: ``at`` is counted from there, in its time zone.
    alerts_only
        Hearings are left out.
    """

    def __init__(
        self,
        stream: LineSink,
        *,
        common: Mapping[str, Any] | None = None,
        clock: bool = False,
        began: datetime | None = None,
        alerts_only: bool = False,
    ) -> None:
        self._stream = stream
        self._common = dict(common or {})
        self._clock = clock
        self._began = began
        self._alerts_only = alerts_only
        self._scores = ScoreText()

    def show(self, hearing: Hearing) -> None:
        if not self._alerts_only:
            self._write(hearing.fields([]), self._scores.text(hearing.scores))
        for alert in hearing.alerts:
            self._write(alert.as_dict())
        if hearing.health is not None:
            self._write(hearing.health.as_dict())
        for near_miss in hearing.near_misses:
            self._write(near_miss.as_dict())

    def show_statistics(self, time_s: float, rules: Sequence[RuleStatistics]) -> None:
        """Write what became of each rule up to ``time_s``."""
        told = [rule.as_dict() for rule in rules]
        self._write({"type": "statistics", "time_s": round(time_s, 3), "rules": told})

    def _write(self, fields: dict[str, Any], scores: str = "") -> None:
        fields |= self._common
        if self._began is not None:
            at = later(self._began, fields["time_s"])
            fields["at"] = at.isoformat(timespec="milliseconds")
        elif self._clock:
            fields["at"] = utc_now()
        text = json.dumps(fields, allow_nan=False)
        if scores:  # all that stands before them is numbers
            text = text.replace('"scores": []', f'"scores": [{scores}]', 1)
        self._stream.write(text + "\n")
        self._stream.flush()


def utc_now() -> str:
    """The time of the day as ISO 8601 in UTC, with milliseconds."""
    now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    return now.replace("+00:00", "Z")


def later(began: datetime, seconds: float) -> datetime:
    """``seconds`` after ``began``, in its time zone: across a change of the clocks, too."""
    return datetime.fromtimestamp(began.timestamp() + seconds, began.tzinfo)
