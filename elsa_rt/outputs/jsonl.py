"""Hearings and alerts as JSON, one object a line: the contract with every program behind a pipe.

    {"type": "hearing", "time_s", "activity", "azimuth_deg", "elevation_deg", "distance_m",
     "scores": [{"prompt", "similarity", "score", "false_alarms_per_hour", "rule", "threshold"},
     ...], "labels": [{"name", "probability"}, ...], ...}
    {"type": "alert", "state": "start" | "update" | "end", "id", "prompt", "time_s", "score",
     "azimuth_deg", "elevation_deg", "words", ...}

Fields may be added, none is ever renamed. A number that does not exist is null, never NaN.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, Protocol

from elsa_rt.hearing import Alert, Angles, Hearing, Track


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

    def show(self, hearing: Hearing) -> None:
        if not self._alerts_only:
            self._write(hearing_fields(hearing))
        for alert in hearing.alerts:
            self._write(alert_fields(alert))

    def _write(self, fields: dict[str, Any]) -> None:
        fields |= self._common
        if self._began is not None:
            at = later(self._began, fields["time_s"])
            fields["at"] = at.isoformat(timespec="milliseconds")
        elif self._clock:
            now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
            fields["at"] = now.replace("+00:00", "Z")
        self._stream.write(json.dumps(fields, allow_nan=False) + "\n")
        self._stream.flush()


def later(began: datetime, seconds: float) -> datetime:
    """``seconds`` after ``began``, in its time zone: across a change of the clocks, too."""
    return datetime.fromtimestamp(began.timestamp() + seconds, began.tzinfo)


def hearing_fields(hearing: Hearing) -> dict[str, Any]:
    """The object of one step; the embedding is left to ``elsa-rt embed``."""
    return {
        "type": "hearing",
        "time_s": _number(hearing.time_s, 3),
        "activity": _number(hearing.activity, 4),
        "azimuth_deg": _number(hearing.azimuth_deg, 1),
        "elevation_deg": _number(hearing.elevation_deg, 1),
        "distance_m": _number(hearing.distance_m, 2),
        "scores": [
            {
                "prompt": score.prompt,
                "similarity": _number(score.similarity, 4),
                "score": _number(score.score, 4),
                "false_alarms_per_hour": _significant(score.false_alarms_per_hour),
                "rule": score.rule,
                "threshold": _number(score.threshold, 4),
            }
            for score in hearing.scores
        ],
        "words": hearing.words,
        "flow_azimuth_deg": _number(hearing.flow_azimuth_deg, 1),
        "flow_elevation_deg": _number(hearing.flow_elevation_deg, 1),
        "diffuseness": _number(hearing.diffuseness, 3),
        "level_dbfs": _number(hearing.level_dbfs, 1),
        "dropped": hearing.dropped,
        **_world("world", hearing.world),
        **_world("flow_world", hearing.flow_world),
        "tracks": [track_fields(track) for track in hearing.tracks],
        "labels": [
            {"name": label.name, "probability": _number(label.probability, 3)}
            for label in hearing.labels
        ],
    }


def track_fields(track: Track) -> dict[str, Any]:
    """The object of a track within a hearing."""
    return {
        "state": track.state,
        "id": track.id,
        "azimuth_deg": _number(track.azimuth_deg, 1),
        "elevation_deg": _number(track.elevation_deg, 1),
        "uncertainty_deg": _number(track.uncertainty_deg, 1),
        "speed_deg_s": _number(track.speed_deg_s, 1),
        "distance_m": _number(track.distance_m, 2),
        "first_s": _number(track.first_s, 3),
        "last_s": _number(track.last_s, 3),
        "words": track.words,
        **_world("world", track.world),
    }


def alert_fields(alert: Alert) -> dict[str, Any]:
    """The object of the start, an update or the end of an alert."""
    return {
        "type": "alert",
        "state": alert.state,
        "id": alert.id,
        "prompt": alert.prompt,
        "time_s": _number(alert.time_s, 3),
        "score": _number(alert.score, 4),
        "azimuth_deg": _number(alert.azimuth_deg, 1),
        "elevation_deg": _number(alert.elevation_deg, 1),
        "words": alert.words,
        **_world("world", alert.world),
        "rule": alert.rule,
        "event": alert.event,
        "track": alert.track,
        "uncertainty_deg": _number(alert.uncertainty_deg, 1),
        "speed_deg_s": _number(alert.speed_deg_s, 1),
        "distance_m": _number(alert.distance_m, 2),
        "peak": _number(alert.peak, 4),
        "mean": _number(alert.mean, 4),
        "false_alarms_per_hour": _significant(alert.false_alarms_per_hour),
        "onset_s": _number(alert.onset_s, 3),
        "latency_s": _number(alert.latency_s, 3),
        **({} if alert.duration_s is None else {"duration_s": _number(alert.duration_s, 3)}),
    }


def _world(name: str, angles: Angles | None) -> dict[str, Any]:
    """A direction in the world's axes; nothing where there is none."""
    if angles is None:
        return {}
    return {
        f"{name}_azimuth_deg": _number(angles.azimuth_deg, 1),
        f"{name}_elevation_deg": _number(angles.elevation_deg, 1),
    }


def _significant(value: float) -> float | None:
    return float(f"{value:.3g}") if math.isfinite(value) else None


def _number(value: float, digits: int) -> float | None:
    return round(float(value), digits) if math.isfinite(value) else None
