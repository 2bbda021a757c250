"""Learning what a place sounds like: hearings in, a site for the matcher out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.encoder.output import QUIET
from elsa_rt.errors import ElsaError
from elsa_rt.files import save_arrays
from elsa_rt.hearing import Hearing
from elsa_rt.scoring.feedback_gate import resembles
from elsa_rt.scoring.marks import Mark
from elsa_rt.scoring.segments import rows_at, segment
from elsa_rt.scoring.site import SCHEMA, fits_of
from elsa_rt.scoring.statistics import INT8_SCALE, Background, Statistics

MIN_S = 60.0
"""Shorter listening tells nothing of rates an hour."""


AROUND_S = 0.5
"""What is heard so shortly before and after a right alert belongs to it."""


class SiteRecorder:
    """Collects the hearings of one stream.

    Attributes
    ----------
    left_out_s : float
        Seconds of sound that `background` took for alerts that people called right.
    """

    def __init__(self, statistics: Statistics, step_s: float) -> None:
        self._statistics, self._step_s = statistics, step_s
        self._sounds: list[NDArray[np.int8]] = []
        self._others: list[tuple[float, ...]] = []
        self.left_out_s = 0.0

    def add(self, hearing: Hearing) -> None:
        """Take what was heard in one step."""
        self._sounds.append(self._statistics.compress(hearing.embedding[None])[0])
        self._others.append((hearing.activity, hearing.distance_m, *map(float, hearing.direction)))

    @property
    def seconds(self) -> float:
        """Length of what was heard."""
        return len(self._sounds) * self._step_s

    def background(self, right: Sequence[Mark] = ()) -> Background:
        """All that was heard, but for what resembles alerts that people called ``right``.

        Raises
        ------
        ElsaError
            It was too short.
        """
        if self.seconds < MIN_S:
            raise ElsaError(
                f"{self.seconds:.0f} s were heard, too few to learn from: at least {MIN_S:g} s "
                "are needed, ten minutes are better"
            )
        activity, distance, *direction = np.array(self._others, np.float32).T
        left_out = resembles(right, np.stack(self._sounds), np.stack(direction, 1))
        around = max(1, round(AROUND_S / self._step_s))
        left_out = np.convolve(left_out, np.ones(2 * around + 1), "same") > 0
        self.left_out_s = float((left_out & (activity > QUIET)).sum()) * self._step_s
        activity = np.where(left_out, 0, activity)
        pieces = segment(activity, self._step_s)
        steps = pieces.steps
        return Background(
            sounds=rows_at(np.stack(self._sounds), steps).astype(np.int8),
            activity=np.round(255 * rows_at(activity, steps)).astype(np.uint8),
            direction=np.round(INT8_SCALE * rows_at(np.stack(direction, 1), steps)).astype(np.int8),
            distance=rows_at(distance, steps).astype(np.float16),
            pieces=pieces.starts.astype(np.int32),
            piece_s=(pieces.spans * self._step_s).astype(np.float32),
            piece_labels=np.full((len(pieces.starts), 1), -1, np.int16),
            hours=self.seconds / 3600,
        )


def save_site(
    path: Path, background: Background, bundle: ModelBundle, statistics: Statistics
) -> None:
    """Write what a site sounds like."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ElsaError(
            f"writing {path}: {error.strerror}: name another place with --output FILE.npz"
        ) from None
    arrays = {
        field.name: np.asarray(getattr(background, field.name)) for field in fields(Background)
    }
    fits = np.array(fits_of(bundle, statistics))
    save_arrays(path, {"schema": np.array(SCHEMA), "fits": fits, **arrays}, private=True)
