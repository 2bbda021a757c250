"""From the rows that a search found to a `Recollection`: the best of them, and when and where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, tzinfo
from math import isnan, nan
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.audio.direction_words import direction_words
from elsa_rt.memory.bounds import inside
from elsa_rt.memory.question import Question
from elsa_rt.memory.recollection import Recollection, count_directions, count_hours
from elsa_rt.memory.row import RaisedAlert, Remembered
from elsa_rt.memory.search import Found, Searchable
from elsa_rt.memory.store import StoredRow
from elsa_rt.rules.region import Region
from elsa_rt.rules.schedule import time_zone

HEARD = 0.5
"""Score from which on a row counts as heard in first, last and the histogram: where alerts start by
default."""


class Judged(NamedTuple):
    """Rows that were found, the best first in ``order``, with score and similarity (n,) of each."""

    found: Found
    order: NDArray[np.intp]
    score: NDArray[np.floating]
    similarity: NDArray[np.floating]

    @classmethod
    def by(
        cls,
        question: Question,
        found: Found,
        products: NDArray[np.float32],
        place: Region,
        like: int | None,
    ) -> Judged:
        """The rows of ``found`` that lie in ``place``, but for ``like``; the later one of equals
        comes first.
        """
        logit, similarity = question.judge(products, found.direction)
        chosen = inside(found, place) & (found.id != like) & np.isfinite(logit)
        found, logit = found.take(chosen), logit[chosen]
        order = np.lexsort((-found.id, -logit))
        return cls(found, order, question.score(logit), similarity[chosen])

    @classmethod
    def without_score(cls, found: Found, order: NDArray[np.intp]) -> Judged:
        """Rows that nothing was asked of."""
        unknown = np.full(len(found.id), nan)
        return cls(found, order, unknown, unknown)


class Answers:
    """Makes the answers of one store."""

    def __init__(self, search: Searchable, names: Mapping[int, str]) -> None:
        self._search, self._names = search, names

    def of(self, judged: Judged, top: int, every: bool, zone: tzinfo | None) -> Recollection:
        """The first ``top`` rows, and a summary of those that count as heard.

        A row of a sound that another row told of already is left out, unless ``every`` is asked
        for.
        """
        found, order, score, _ = judged
        heard = order[~(score[order] < HEARD)]  # without a score all are
        timed = heard[found.at_s[heard] > 0]
        by_time = timed[np.argsort(found.at_s[timed], kind="stable")]
        ends = self._rows(
            judged._replace(order=by_time[[0, -1]] if by_time.size else by_time), 2, every=True
        )
        zone = zone or time_zone(None)
        return Recollection(
            rows=self._rows(judged, top, every),
            looked_at=len(found.id),
            heard=len(heard),
            first=ends[0] if ends else None,
            last=ends[-1] if ends else None,
            by_hour=count_hours([datetime.fromtimestamp(at, zone) for at in found.at_s[timed]]),
            by_direction=count_directions(found.direction[heard]),
        )

    def _rows(self, judged: Judged, top: int, every: bool) -> tuple[Remembered, ...]:
        found, order, score, similarity = judged
        chosen: list[tuple[Remembered, int]] = []  # rows and the numbers of their sources
        for begin in range(0, len(order), max(2 * top, 16)):
            some = order[begin : begin + max(2 * top, 16)]
            place = {int(found.id[k]): int(k) for k in some}
            for row in self._search.fetch(list(place)):
                if every or not _is_repeated(row, chosen):
                    k = place[row.id]
                    told = self._remembered(row, float(score[k]), float(similarity[k]))
                    chosen.append((told, row.source))
                if len(chosen) == top:
                    return tuple(told for told, _ in chosen)
        return tuple(told for told, _ in chosen)

    def _remembered(self, row: StoredRow, score: float, similarity: float) -> Remembered:
        azimuth, elevation = row.event.azimuth_deg, row.event.elevation_deg
        return Remembered.of(
            replace(row.event, alerts=tuple(map(_with_clip, row.event.alerts))),
            id=row.id,
            source=self._names[row.source],
            model=self._search.models()[row.model].name,
            score=score,
            similarity=similarity,
            words="" if isnan(azimuth) else direction_words(azimuth, elevation),
        )


def _with_clip(alert: RaisedAlert) -> RaisedAlert:
    """``alert`` without its clip where that was not kept, or is gone since."""
    kept = alert.clip is not None and Path(alert.clip).is_file()
    return alert if kept else alert._replace(clip=None)


def _is_repeated(row: StoredRow, chosen: Sequence[tuple[Remembered, int]]) -> bool:
    """Whether ``chosen`` has the sound of ``row`` already: its track, or a sound in its minute."""
    event = row.event
    for other, source in chosen:
        if source != row.source:
            continue
        if event.track is not None and event.track == other.track:
            return True
        both = min(event.time_s + event.duration_s, other.time_s + other.duration_s)
        overlap = both - max(event.time_s, other.time_s)
        if "minute" in (event.kind, other.kind) and overlap > 0:
            return True
    return False
