"""How a row lies in the tables of a store: whole numbers of small units, names in two bytes.

times           milliseconds            levels        tenths of a dB
angles          tenths of a degree      activities    255ths
distances       centimetres             shares        65535ths, each after the number of a name
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Sequence
from typing import Any

import numpy as np

from elsa_rt.errors import StoreError
from elsa_rt.hearing import Label
from elsa_rt.memory.row import KINDS, Event, RaisedAlert, RuleScore
from elsa_rt.memory.vector_code import VectorCode

FIELDS = (
    "model, kind, at, time, duration, azimuth, elevation, uncertainty, distance, "
    "level, activity, track, labels, scores, vector"
)
"""Columns of `events` that a row is made of."""

MAX_NAMES = 65_535

_PAIR = np.dtype([("name", "<u2"), ("share", "<u2")])


class Names:
    """The names of sounds and rules, and their numbers in one database."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._db = database
        self._numbers: dict[str, int] = {}

    def forget(self) -> None:
        """Read them anew: some may have been undone."""
        self._numbers = {}

    def pack(self, pairs: Sequence[tuple[str, float]]) -> bytes | None:
        """Names and their shares, 0..1; new names are added to the database."""
        if not pairs:
            return None
        packed = np.zeros(len(pairs), _PAIR)
        packed["name"] = [self._number(name) for name, _ in pairs]
        packed["share"] = [round(share * 65535) for _, share in pairs]
        return packed.tobytes()

    def unpack(self, packed: bytes | None) -> tuple[tuple[str, float], ...]:
        """What `pack` has packed."""
        if packed is None:
            return ()
        found = np.frombuffer(packed, _PAIR)
        if not set(self._numbers.values()) >= set(found["name"].tolist()):
            self._read()
        names = {number: name for name, number in self._numbers.items()}
        return tuple((names[pair["name"]], float(pair["share"]) / 65535) for pair in found)

    def _number(self, name: str) -> int:
        if name not in self._numbers:
            self._db.execute("INSERT OR IGNORE INTO names (name) VALUES (?)", (name,))
            self._read()
        if self._numbers[name] > MAX_NAMES:
            raise StoreError(f"storing {name!r}: more than {MAX_NAMES:,} names of sounds and rules")
        return self._numbers[name]

    def _read(self) -> None:
        self._numbers = dict(self._db.execute("SELECT name, id FROM names"))


def values_of(event: Event, code: VectorCode, names: Names) -> tuple[Any, ...]:
    """The values of `FIELDS` of ``event``, without that of its model."""
    return (
        KINDS.index(event.kind),
        None if event.at_s is None else round(event.at_s * 1000),
        round(event.time_s * 1000),
        round(event.duration_s * 1000),
        _scaled(event.azimuth_deg, 10),
        _scaled(event.elevation_deg, 10),
        _scaled(event.uncertainty_deg, 10),
        _scaled(event.distance_m, 100),
        round(event.level_dbfs * 10),
        round(event.activity * 255),
        event.track,
        names.pack(event.labels),
        names.pack(event.scores),
        code.encode(event.embedding, fine=event.kind != "minute"),
    )


def event_of(
    values: Sequence[Any], code: VectorCode, names: Names, alerts: Sequence[Sequence[Any]]
) -> Event:
    """The event of what `values_of` made of it, and of its rows of the table `alerts`."""
    (kind, at, time, duration, azimuth, elevation, uncertainty, distance, level, activity, track,
     labels, scores, vector) = values  # fmt: skip
    return Event(
        kind=KINDS[kind],
        time_s=time / 1000,
        duration_s=duration / 1000,
        at_s=None if at is None else at / 1000,
        azimuth_deg=_unscaled(azimuth, 10),
        elevation_deg=_unscaled(elevation, 10),
        uncertainty_deg=_unscaled(uncertainty, 10),
        distance_m=_unscaled(distance, 100),
        level_dbfs=level / 10,
        activity=activity / 255,
        embedding=code.decode([vector])[0],
        track=track,
        labels=tuple(Label(*pair) for pair in names.unpack(labels)),
        scores=tuple(RuleScore(*pair) for pair in names.unpack(scores)),
        alerts=tuple(RaisedAlert(*alert) for alert in alerts),
    )


def _scaled(value: float, factor: int) -> int | None:
    return round(value * factor) if math.isfinite(value) else None


def _unscaled(value: int | None, factor: int) -> float:
    return math.nan if value is None else value / factor
