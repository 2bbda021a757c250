"""Live messages of the page: an output that turns hearings and alerts into JSON.

Messages are JSON objects with a ``type``:

    hello     everything a page needs to start: rules, alerts, health, past columns
    hearing   one step: what the page draws of it (`moment`), and ``column``
    alert     the fields of its JSON line, ``at`` in Unix seconds, ``clip`` once there is one
    heard     a known sound that begins or ends
    rules     the rules, after a change, and whether all are muted
    health    once a second
    notice    a sentence for the user
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elsa_rt.hearing import Hearing
from elsa_rt.outputs.clip_shelf import ClipShelf
from elsa_rt.screens.heard import HeardLog
from elsa_rt.screens.load import LoadMeter
from elsa_rt.screens.plain import surest_last
from elsa_rt.screens.rule_book import RuleBook
from elsa_rt.screens.web.expectation import place_of, sectors
from elsa_rt.screens.web.hub import LATEST, Hub
from elsa_rt.screens.web.spectrum import DirectionSpectrum, as_text
from elsa_rt.version import __version__

if TYPE_CHECKING:
    from elsa_rt.features.intensity import Frames
    from elsa_rt.hearing import Alert
    from elsa_rt.listener import Listener

ALERTS_KEPT = 300
HEARD_KEPT = 100
NOTICES_KEPT = 50
COLUMNS_KEPT = 400
"""Columns of the spectrogram that a new page gets: half a minute."""

HEALTH_S = 1.0

CLIPS_AWAITED = 20
"""Latest alerts whose clips may still be written."""


class LivePage:
    """Takes hearings on the listening thread and publishes them to the viewers of ``hub``.

    Parameters
    ----------
    listener : Listener
        Its ``on_frames`` is taken for the spectrogram.
    book : RuleBook
    hub : Hub
    about : mapping
        What the page says of itself: ``source`` and ``model``.
    clips : ClipShelf, optional
        Where clips of alerts are.
    """

    def __init__(
        self,
        listener: Listener,
        book: RuleBook,
        hub: Hub,
        about: Mapping[str, Any],
        clips: ClipShelf | None = None,
    ) -> None:
        self.listener, self.book, self.hub = listener, book, hub
        self._clips = ClipShelf() if clips is None else clips
        self.alerts: dict[str, dict[str, Any]] = {}  # by id, what was told last; oldest first
        bundle, known = listener.bundle, listener.known
        told_from = 1.0 if known is None else known.told_from
        self._about = dict(about) | {
            "step_s": bundle.step_s,
            "engine": listener.engine,
            "told_from": told_from,
            "remembers": listener.config.remember is not None,
            "told_error": None if known is None else _finite(known.told_error),
        }
        self._spectrum = DirectionSpectrum(bundle.features, bundle.step_frames)
        self._columns: deque[str] = deque(maxlen=COLUMNS_KEPT)
        self._fresh: deque[bytes] = deque(maxlen=COLUMNS_KEPT)
        self._heard_log = HeardLog(told_from)
        self._heard: deque[dict[str, Any]] = deque(maxlen=HEARD_KEPT)
        self._notices: deque[dict[str, Any]] = deque(maxlen=NOTICES_KEPT)
        self._load, self._health_due = LoadMeter(), 0.0
        self._last: dict[str, Any] = {}  # of the health: the level, and what has ended
        self._started = time.monotonic()
        self._steps = 0
        self._rules_stale = True
        self._lock = threading.Lock()  # of what `hello` reads on the server's thread
        listener.on_frames = self._take_frames
        book.on_change = self.rules_changed

    def rules_changed(self) -> None:
        """Publish the rules now, and with the next hearing: their thresholds are in force then.

        Whoever changed them gets them before the reply, so that a page never opens a former rule.
        """
        with self._lock:
            self._publish("rules", self._rules())
            self._rules_stale = True

    def show(self, hearing: Hearing) -> None:
        """Take one step."""
        at = time.time()
        self._steps += 1
        self._load.step(hearing.time_s)
        with self._lock:
            column = as_text(self._fresh.popleft()) if self._fresh else None
            if column is not None:
                self._columns.append(column)
            for alert in surest_last(hearing.alerts):
                self._take_alert(alert, at)
            for heard in self._heard_log.step(hearing):
                self._take_heard(asdict(heard), at)
            if self._rules_stale:
                self._rules_stale = False
                self._publish("rules", self._rules())
            if time.monotonic() >= self._health_due:
                self._take_health(hearing)
        if self.hub.watched:
            self._publish(LATEST, moment(hearing) | {"step": self._steps, "column": column})

    def notice(self, message: str) -> None:
        """Show a sentence."""
        told = {"text": message, "at": time.time()}
        with self._lock:
            self._notices.append(told)
        self._publish("notice", told)

    def over(self, what: str) -> None:
        """The source has ended: say so, with what the page shows instead of a state."""
        with self._lock:
            self._spectrum.reset()
            self._fresh.clear()
            for heard in self._heard_log.finish():
                self._take_heard(asdict(heard), time.time())
            self._last["over"] = what
            self._publish("health", self._health())

    def judged(self, alert_id: str, verdict: str) -> None:
        """Remember what was said of an alert, and tell every viewer."""
        with self._lock:
            if alert_id in self.alerts:
                self.alerts[alert_id]["verdict"] = None if verdict == "undo" else verdict
                self._publish("alert", self.alerts[alert_id])

    def hello(self) -> str:
        """Everything that a page needs to start, as a message."""
        with self._lock:
            self._look_for_clips()
            return _text(
                "hello",
                self._about
                | {
                    "version": __version__,
                    **self._rules(),
                    "alerts": list(self.alerts.values()),
                    "heard": list(self._heard),
                    "notices": list(self._notices),
                    "columns": list(self._columns),
                    "bands": self._spectrum.bands,
                    "health": self._health(),
                    "file": str(self.book.file.path) if self.book.file else None,
                    "at": time.time(),
                },
            )

    def clip_of(self, alert_id: str) -> Path | None:
        """The clip of an alert that the page shows, if there is one."""
        alert = self.alerts.get(alert_id)
        return None if alert is None else self._clips.find(alert["rule"], alert_id)

    def _take_frames(self, frames: Frames) -> None:
        self._fresh.extend(self._spectrum.step(frames))

    def _take_alert(self, alert: Alert, at: float) -> None:
        fields = alert.as_dict()
        del fields["type"]
        before = self.alerts.get(alert.id, {})
        begun = before.get("begun", at)
        fields |= {"at": at, "begun": begun, "verdict": before.get("verdict"), "clip": False}
        self.alerts[alert.id] = fields
        while len(self.alerts) > ALERTS_KEPT:
            del self.alerts[next(iter(self.alerts))]
        self._publish("alert", fields)

    def _take_heard(self, fields: dict[str, Any], at: float) -> None:
        fields["at"] = at
        self._heard.append(fields)
        self._publish("heard", fields)

    def pulse(self) -> str:
        """The health at this moment as a message, for when no hearing comes."""
        with self._lock:
            return _text("health", self._health())

    def _take_health(self, hearing: Hearing) -> None:
        self._health_due = time.monotonic() + HEALTH_S
        self._last["level_dbfs"] = round(hearing.level_dbfs, 1)
        if self.hub.watched:
            self._publish("health", self._health())
            self._look_for_clips()

    def _look_for_clips(self) -> None:
        """Tell of clips that were written since the last look."""
        for fields in list(self.alerts.values())[-CLIPS_AWAITED:]:
            if not fields["clip"] and self.clip_of(fields["id"]) is not None:
                fields["clip"] = True
                self._publish("alert", fields)

    def _health(self) -> dict[str, Any]:
        health = self.listener.health
        return {
            "state": health.state,
            "deaf": health.deaf,
            "reasons": list(health.reasons),
            "lost": health.lost_samples,
            "lag_s": round(health.lag_s, 3),
            "load": _finite(self._load.load),
            "latency_s": round(self.listener.latency_s, 3),
            "listening_s": round(time.monotonic() - self._started),
            "viewers": len(self.hub.viewers),
            "statistics": {one.rule: one.as_dict() for one in self.listener.statistics},
            **self._last,
        }

    def _rules(self) -> dict[str, Any]:
        # not strict: the rules may change between the two, and are published again then
        active = {
            rule.id: (round(float(start), 4), round(float(end), 4))
            for rule, start, end in zip(
                self.listener.config.rules, *self.listener.thresholds, strict=False
            )
        }
        told = []
        for rule in self.book.rules:
            start, end = active.get(rule.id, (None, None))
            region = self.book.region_of(rule)
            told.append(
                {
                    "id": rule.id,
                    "label": rule.label,
                    "prompts": list(rule.prompts),
                    "but_not": list(rule.but_not),
                    "examples": len(rule.examples),
                    "region": None if rule.region is None else sectors(rule.region),
                    "sectors": sectors(region),
                    "place": place_of(region),
                    "false_alarms_per_hour": self.book.rate_of(rule),
                    "scored": rule.alert_start is not None,
                    "level_dbfs": rule.level_dbfs,
                    "start": start,
                    "end": end,
                    "muted": rule.id in self.book.mutes.rules,
                }
            )
        return {"rules": told, "all_muted": self.book.mutes.all}

    def _publish(self, kind: str, fields: Mapping[str, Any]) -> None:
        if self.hub.watched:
            self.hub.publish(kind, _text(kind, fields))


def moment(hearing: Hearing) -> dict[str, Any]:
    """What the page draws of a step; ``scores`` and ``reasons`` by rule."""
    return {
        "time_s": round(hearing.time_s, 2),
        "activity": round(hearing.activity, 2),
        "azimuth_deg": round(hearing.azimuth_deg),
        "words": hearing.words,
        "level_dbfs": round(hearing.level_dbfs),
        "scores": {score.rule: round(score.score, 3) for score in hearing.scores},
        "reasons": {reason.rule: reason.text for reason in hearing.reasons},
        "labels": [
            {"name": label.name, "probability": round(label.probability, 2)}
            for label in hearing.labels
        ],
        "tracks": [
            {
                "id": track.id,
                "state": track.state,
                "azimuth_deg": round(track.azimuth_deg, 1),
                "elevation_deg": round(track.elevation_deg, 1),
                "uncertainty_deg": _finite(track.uncertainty_deg),
                "last_s": round(track.last_s, 2),
            }
            for track in hearing.tracks
        ],
    }


def _text(kind: str, fields: Mapping[str, Any]) -> str:
    return json.dumps({"type": kind, **fields}, allow_nan=False, separators=(",", ":"))


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, 4)
