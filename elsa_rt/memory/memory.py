"""The past of a place, to be asked: by words, by an example, by another row; for what is rare."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, tzinfo
from math import isnan, nan
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from elsa_rt.audio.ambisonics import wrapped_deg
from elsa_rt.audio.direction_words import direction_words
from elsa_rt.config import Config
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.errors import StoreError, UsageError
from elsa_rt.memory.coarse_index import END_S, Filter
from elsa_rt.memory.given import check_given
from elsa_rt.memory.moments import parse_moment
from elsa_rt.memory.question import Question, ask_vector, ask_words
from elsa_rt.memory.rarity import MOST_PAST, rarity, reason_of
from elsa_rt.memory.recollection import Recollection, count_directions, count_hours
from elsa_rt.memory.row import SOUNDS, Kind, Remembered
from elsa_rt.memory.search import Found, LocalSearch, Searchable
from elsa_rt.memory.store import Store, StoredRow, is_archive
from elsa_rt.notices import OnNotice, log_notice
from elsa_rt.rules.region import EDGE_DEG, Region, RegionGate
from elsa_rt.rules.schedule import time_zone
from elsa_rt.scoring.logits import sigmoid

HEARD = 0.5
"""Score from which on a row counts as heard in first, last and the histogram."""

COUNTED = 100_000
"""Rows that are looked at for a histogram."""

ROUNDING_DEG = 0.5
"""Elevations of the index are whole degrees."""

MOST_UNUSUAL = 5_000
"""Rows of the time asked for that are compared with the past; the most active ones."""

When = str | datetime | None


class Memory:
    """A store to be asked; made by `open`, to be closed, or used in a ``with``."""

    def __init__(self, search: Searchable, bundle: str | Path | None, on_notice: OnNotice) -> None:
        self._search = search
        self._bundle_path = bundle
        self._bundle: ModelBundle | None = None
        self._say = on_notice
        self._names = search.sources()

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        bundle: str | Path | None = None,
        on_notice: OnNotice = log_notice,
    ) -> Memory:
        """Open the store ``path`` for reading: a directory, or the URI of a Lance dataset.

        Parameters
        ----------
        path : str or Path
        bundle : str or Path, optional
            The model that questions in words are put to; by default the one inside elsa-rt.
        on_notice : callable
            Takes what the user should know though nothing failed; by default it is logged.

        Raises
        ------
        UsageError
            There is no store.
        StoreError
            It is damaged, or of a later version.
        """
        if not isinstance(path, (str, PathLike)):
            raise UsageError(f"opening a store: {path!r:.60} is no path: name a directory")
        if is_archive(path):
            from elsa_rt.memory.archive.lance_search import LanceSearch

            return cls(LanceSearch.open(str(path)), bundle, on_notice)
        return cls(LocalSearch(Store.open(path)), bundle, on_notice)

    def close(self) -> None:
        """Close the store."""
        self._search.close()

    def __enter__(self) -> Memory:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def recall(
        self,
        text: str | None = None,
        *,
        example: str | Path | None = None,
        like: int | None = None,
        since: When = None,
        until: When = None,
        azimuth_deg: tuple[float, float] | None = None,
        elevation_deg: tuple[float, float] | None = None,
        source: str | None = None,
        kinds: tuple[Kind, ...] = SOUNDS,
        top: int = 20,
        every: bool = False,
        exact: bool = False,
        histogram: bool = False,
        config: Config | None = None,
        zone: tzinfo | None = None,
    ) -> Recollection:
        """Find the rows that fit a question best; without any, the latest ones.

        Parameters
        ----------
        text : str, optional
            A sentence, as a prompt has it: "a dog barking behind me".
        example : path, optional
            A recording of the sound, alone or beside ``text``.
        like : int, optional
            ``id`` of a row: what sounds like it.
        since, until : str or datetime, optional
            "yesterday", "2 hours ago", "2026-01-31T22:00"; rows without a time of day are left
            out where one is given.
        azimuth_deg : (float, float), degrees -180..180, optional
            From the first angle counter-clockwise to the second, (120, -120) lies behind.
        elevation_deg : (float, float), degrees -90..90, optional
        source : str, optional
            Part of the name of a recording or microphone.
        kinds : tuple of "sound", "alert", "minute"
            Minutes are left out unless they are named.
        top : int
            How many rows.
        every : bool
            All rows of a long sound, not the best of them alone.
        exact : bool
            Compare every row in full, which is slower.
        histogram : bool
            Look at up to 100,000 rows, so that ``heard``, ``first``, ``last`` and the histogram are
            not of the best few thousand alone; slower, too.
        config : Config, optional
        zone : tzinfo, optional
            Of ``since``, ``until`` and the hours of the histogram; that of the computer by default.

        Raises
        ------
        UsageError
            A time, angle, sentence or recording that cannot mean anything.
        StoreError
            All rows were made by another model.
        """
        check_given(
            "recalling",
            {
                "text": text, "example": example, "like": like, "since": since, "until": until,
                "azimuth_deg": azimuth_deg, "elevation_deg": elevation_deg, "source": source,
                "kinds": kinds, "top": top, "every": every, "exact": exact,
                "histogram": histogram, "config": config, "zone": zone,
            },
        )  # fmt: skip
        if like is not None and (text is not None or example is not None):
            raise UsageError("recalling: ask for what is like a row, or in words: not both")
        place = Region()
        if azimuth_deg is not None:
            place = replace(place, azimuth_deg=azimuth_deg)
        if elevation_deg is not None:
            place = replace(place, elevation_deg=elevation_deg)
        wanted = self._times(since, until, zone)
        wanted = replace(wanted, kinds=tuple(kinds), sources=self._sources(source))
        if text is None and example is None and like is None:
            found = self._search.matching(_widened(wanted, place))
            found = found.take(self._inside(found, place))
            order = np.lexsort((found.id, found.at_s))[::-1]
            return self._answer(found, order, None, None, top, every, zone)
        question, number = self._question(text, example, like, config or Config())
        if not number:
            return Recollection((), 0)
        wanted = replace(wanted, models=(number,))
        wanted = _widened(wanted, question.region if place == Region() else place)
        found, cosines = self._search.nearest(
            question.vectors,
            len(question.sounds),
            number,
            wanted,
            COUNTED if histogram else 4 * top,
            exact=exact,
        )
        level, similarity = question.judge(cosines, found.direction)
        inside = self._inside(found, place) & (found.id != like) & np.isfinite(level)
        found, similarity = found.take(inside), similarity[inside]
        score = sigmoid(level[inside])
        order = np.argsort(-level[inside], kind="stable")
        return self._answer(found, order, score, similarity, top, every, zone)

    def unusual(
        self,
        *,
        since: When = None,
        until: When = None,
        source: str | None = None,
        top: int = 20,
        zone: tzinfo | None = None,
    ) -> Recollection:
        """Find the sounds whose like was heard least often in all of the store's past.

        Parameters
        ----------
        since, until : str or datetime, optional
            When they were heard; they are compared with all that was heard before ``until``.
        source, top, zone
            As in `recall`.
        """
        check_given(
            "recalling what is unusual",
            {"since": since, "until": until, "source": source, "top": top, "zone": zone},
        )
        wanted = replace(
            self._times(since, until, zone), kinds=("sound",), sources=self._sources(source)
        )
        newest = max(self._search.models(), default=0)
        wanted = replace(wanted, models=(newest,))
        mine = self._search.matching(wanted)
        mine = mine.take(mine.at_s > 0)
        if not len(mine.id):
            return Recollection((), 0)
        past = self._search.matching(replace(wanted, since_s=1.0))
        every = max(1, -(-len(past.id) // MOST_PAST))
        past = past.take(np.arange(0, len(past.id), every))
        mine = mine.take(np.arange(len(mine.id))[-MOST_UNUSUAL:])
        vectors, others = (self._search.coordinates(rows, newest) for rows in (mine, past))
        rare = rarity(mine, vectors, past, others, every)
        order = np.argsort(rare.rate, kind="stable")
        answer = self._answer(mine, order, None, None, top, False, zone)
        reasons = {int(id_): reason_of(rare, index) for index, id_ in enumerate(mine.id)}
        rows = tuple(replace(row, reason=reasons[row.id]) for row in answer.rows)
        return replace(answer, rows=rows)

    def _times(self, since: When, until: When, zone: tzinfo | None) -> Filter:
        now = datetime.now(zone or time_zone(None))

        def moment(when: When, end: bool) -> float:
            if isinstance(when, datetime):
                return when.timestamp()
            assert when is not None
            return parse_moment(when, now)[end].timestamp()

        since_s = 0.0 if since is None else moment(since, False)
        until_s = float(END_S) if until is None else moment(until, True)
        if since_s > until_s:
            raise UsageError(f"recalling: since {since} is later than until {until}: swap them")
        # rows without a time of day are at 0
        return Filter(since_s=since_s if until is None else max(since_s, 1.0), until_s=until_s)

    def _sources(self, name: str | None) -> tuple[int, ...] | None:
        if name is None:
            return None
        chosen = tuple(n for n, one in self._names.items() if name.lower() in one.lower())
        if not chosen:
            known = ", ".join(sorted(set(self._names.values()))[:5]) or "none yet"
            raise UsageError(f"recalling: no source is called {name!r}: there are {known}")
        return chosen

    def _question(
        self,
        text: str | None,
        example: str | Path | None,
        like: int | None,
        config: Config,
    ) -> tuple[Question, int]:
        """The question, and the number of its model in the store."""
        if self._bundle is None:
            self._bundle = ModelBundle.load(self._bundle_path)
        row = None
        if like is not None:
            rows = self._search.fetch([like])
            if not rows:
                raise UsageError(f"recalling what is like row {like}: there is no such row")
            row = rows[0]
            question = ask_vector(self._bundle, row.event.embedding)
        else:
            question = ask_words(self._bundle, text, example, config, self._say)
        models = self._search.models()
        mine = [number for number, model in models.items() if model.hash == question.model]
        others = {number: model for number, model in models.items() if number not in mine}
        if not models:
            return question, 0
        asked = f"{self._bundle.name} {self._bundle.version} ({question.model[:8]})"
        if not mine or (row is not None and row.model not in mine):
            names = ", ".join(f"{model.name} ({model.hash[:8]})" for model in others.values())
            raise StoreError(
                f"recalling from {self._search.path}: its rows were made by {names}, the question "
                f"is put to {asked}, and the two do not compare: name that model with --bundle, or "
                f"make the rows anew from their recordings: elsa-rt remember --again --store "
                f"{self._search.path}"
            )
        if others:
            self._say(
                f"rows of {self._search.path} by {', '.join(m.name for m in others.values())} are "
                f"left out, the question is put to {asked}: make them anew from their recordings "
                f"with elsa-rt remember --again --store {self._search.path}"
            )
        return question, mine[0]

    def _inside(self, found: Found, place: Region) -> NDArray[np.bool_]:
        """Which rows (n,) of ``found`` lie in ``place``."""
        if place == Region():
            return np.ones(len(found.id), np.bool_)
        inside = np.asarray(np.isfinite(found.direction).all(axis=1))
        known = np.flatnonzero(inside)
        off_deg, _ = RegionGate([place]).outside(found.direction[known], np.full(known.size, nan))
        inside[known] = off_deg[:, 0] <= ROUNDING_DEG
        return inside

    def _answer(
        self,
        found: Found,
        order: NDArray[np.intp],
        score: NDArray[np.floating] | None,
        similarity: NDArray[np.floating] | None,
        top: int,
        every: bool,
        zone: tzinfo | None,
    ) -> Recollection:
        """The first rows of ``order``, and a summary of those that count as heard."""
        if score is None or similarity is None:
            score = similarity = np.full(len(found.id), nan)
            heard = order
        else:
            heard = order[score[order] >= HEARD]
        rows = self._rows(found, order, score, similarity, top, every)
        timed = heard[found.at_s[heard] > 0]
        by_time = timed[np.argsort(found.at_s[timed], kind="stable")]
        ends = self._rows(
            found, by_time[[0, -1]] if by_time.size else by_time, score, similarity, 2, True
        )
        zone = zone or time_zone(None)
        return Recollection(
            rows=rows,
            looked_at=len(found.id),
            heard=len(heard),
            first=ends[0] if ends else None,
            last=ends[-1] if ends else None,
            by_hour=count_hours([datetime.fromtimestamp(at, zone) for at in found.at_s[timed]]),
            by_direction=count_directions(found.direction[heard]),
        )

    def _rows(
        self,
        found: Found,
        order: NDArray[np.intp],
        score: NDArray[np.floating],
        similarity: NDArray[np.floating],
        top: int,
        every: bool,
    ) -> tuple[Remembered, ...]:
        chosen: list[Remembered] = []
        for begin in range(0, len(order), max(2 * top, 16)):
            some = order[begin : begin + max(2 * top, 16)]
            place = {int(found.id[k]): int(k) for k in some}
            for row in self._search.fetch(list(place)):
                if every or not _is_repeated(row, chosen, self._names[row.source]):
                    k = place[row.id]
                    chosen.append(self._remembered(row, float(score[k]), float(similarity[k])))
                if len(chosen) == top:
                    return tuple(chosen)
        return tuple(chosen)

    def _remembered(self, row: StoredRow, score: float, similarity: float) -> Remembered:
        model = self._search.models()[row.model]
        azimuth, elevation = row.event.azimuth_deg, row.event.elevation_deg
        return Remembered.of(
            row.event,
            id=row.id,
            source=self._names[row.source],
            model=model.name,
            score=score,
            similarity=similarity,
            words="" if isnan(azimuth) else direction_words(azimuth, elevation),
        )


def _widened(wanted: Filter, place: Region) -> Filter:
    """``wanted`` within ``place`` and its soft edge."""
    begin, end = place.azimuth_deg
    width = end - begin if end > begin else end - begin + 360
    if width + 2 * EDGE_DEG < 360:
        edges = wrapped_deg(begin - EDGE_DEG), wrapped_deg(end + EDGE_DEG)
        wanted = replace(wanted, azimuth_deg=edges)
    low, high = place.elevation_deg
    return replace(wanted, elevation_deg=(max(low - EDGE_DEG, -90.0), min(high + EDGE_DEG, 90.0)))


def _is_repeated(row: StoredRow, chosen: list[Remembered], source: str) -> bool:
    """Whether ``chosen`` has the sound of ``row`` already: its track, or a sound in its minute."""
    event = row.event
    for other in chosen:
        if other.source != source:
            continue
        if event.track is not None and event.track == other.track:
            return True
        both = min(event.time_s + event.duration_s, other.time_s + other.duration_s)
        overlap = both - max(event.time_s, other.time_s)
        if "minute" in (event.kind, other.kind) and overlap > 0:
            return True
    return False
