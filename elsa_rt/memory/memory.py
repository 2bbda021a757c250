"""The past of a place, to be asked: by words, by an example, by another row; for what is rare."""

from __future__ import annotations

from dataclasses import replace
from datetime import tzinfo
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from elsa_rt.config import Config
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.errors import StoreError, UsageError
from elsa_rt.memory.answer import Answers, Judged
from elsa_rt.memory.bounds import When, between, called, inside, widened
from elsa_rt.memory.coarse_index import END_S, Filter
from elsa_rt.memory.given import check_given
from elsa_rt.memory.question import Question, ask_vector, ask_words
from elsa_rt.memory.rarity import MOST_PAST, rarity, reason_of, span_of
from elsa_rt.memory.recollection import Recollection
from elsa_rt.memory.row import SOUNDS, Kind
from elsa_rt.memory.search import Found, LocalSearch, Searchable
from elsa_rt.memory.store import Store, is_archive
from elsa_rt.notices import OnNotice, log_notice
from elsa_rt.rules.region import EVERYWHERE, Region

COUNTED = 100_000
"""Rows that are looked at for a histogram, or where any sound at all is asked for."""

MOST_UNUSUAL = 5_000
"""Rows of the time asked for that are compared with the past; the most active ones."""


ENOUGH_DAYS = 1.0
"""A shorter past does not tell what is usual."""


class Memory:
    """A store to be asked; made by `open`, to be closed, or used in a ``with``."""

    def __init__(self, search: Searchable, bundle: str | Path | None, on_notice: OnNotice) -> None:
        self._search = search
        self._bundle_path = bundle
        self._bundle: ModelBundle | None = None
        self._say = on_notice
        self._names = search.sources()
        self._answers = Answers(search, self._names)

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
        wanted = replace(
            between(since, until, zone), kinds=tuple(kinds), sources=called(source, self._names)
        )
        timed = since is not None or until is not None
        if text is None and example is None and like is None:
            found = self._search.matching(widened(wanted, place))
            found = found.take(inside(found, place))
            order = np.lexsort((found.id, found.at_s))[::-1]
            if timed and not len(found.id):
                self._say_what_has_no_time(wanted)
            return self._answers.of(Judged.without_score(found, order), top, every, zone)
        question, number = self._question(text, example, like, config or Config())
        if not number:
            return Recollection((), 0)
        wanted = replace(wanted, models=(number,))
        wanted = widened(wanted, question.region if place == EVERYWHERE else place)
        count = COUNTED if histogram else 4 * top
        found, products = self._asked(question, number, wanted, count, exact)
        if timed and not len(found.id):
            self._say_what_has_no_time(wanted)
        judged = Judged.by(question, found, products, place, like)
        return self._answers.of(judged, top, every, zone)

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
            between(since, until, zone), kinds=("sound",), sources=called(source, self._names)
        )
        newest = max(self._search.models(), default=0)
        wanted = replace(wanted, models=(newest,))
        mine = self._search.matching(wanted)
        mine = mine.take(mine.at_s > 0)
        if not len(mine.id):
            self._say_what_has_no_time(wanted)
            return Recollection((), 0)
        past = self._search.matching(replace(wanted, since_s=1.0))
        every = max(1, -(-len(past.id) // MOST_PAST))
        past = past.take(np.arange(0, len(past.id), every))
        mine = mine.take(np.arange(len(mine.id))[-MOST_UNUSUAL:])
        vectors, others = (self._search.coordinates(rows, newest) for rows in (mine, past))
        rare = rarity(mine, vectors, past, others, every)
        if rare.days < ENOUGH_DAYS:
            self._say(
                f"all that is remembered here spans {span_of(rare.days)}: what is unusual shows "
                "once a day or more is"
            )
        order = np.argsort(rare.rate, kind="stable")
        answer = self._answers.of(Judged.without_score(mine, order), top, False, zone)
        reasons = {int(id_): reason_of(rare, index) for index, id_ in enumerate(mine.id)}
        rows = tuple(replace(row, reason=reasons[row.id]) for row in answer.rows)
        return replace(answer, rows=rows)

    def _has_rows(self, model: int) -> bool:
        """Whether there are rows of ``model``: they may have been made anew by another one."""
        return bool(len(self._search.matching(Filter(kinds=SOUNDS, models=(model,))).id))

    def _say_what_has_no_time(self, wanted: Filter) -> None:
        """Rows that are left out for want of a time of day are no reason to find nothing."""
        everywhen = self._search.matching(replace(wanted, since_s=0.0, until_s=END_S))
        count = int((everywhen.at_s == 0).sum())
        if count:
            self._say(
                f"{count} {'row has' if count == 1 else 'rows have'} no time of day, and only rows "
                "with one were asked for: elsa-rt remember FILE --began TIME tells when a "
                "recording began"
            )

    def _asked(
        self, question: Question, number: int, wanted: Filter, count: int, exact: bool
    ) -> tuple[Found, NDArray[np.float32]]:
        """Rows among which the ``count`` best are, and their products with the question."""
        sounds = len(question.regions)
        if len(question.anything) < sounds:
            return self._search.nearest(
                question.vectors, sounds, number, wanted, count, exact=exact
            )
        # any sound at all: the latest ones, which differ by place and by what is excluded alone
        found = self._search.matching(wanted)
        found = found.take(np.lexsort((found.id, found.at_s))[-COUNTED:])
        return found, self._search.products(found, question.vectors, number)

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
            question = ask_vector(self._bundle, row.event.embedding, config)
        else:
            question = ask_words(self._bundle, text, example, config, self._say)
        models = self._search.models()
        mine = [number for number, model in models.items() if model.hash == question.model]
        others = {
            number: model
            for number, model in models.items()
            if number not in mine and self._has_rows(number)
        }
        if not mine and not others:
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
