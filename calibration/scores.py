"""Score statistics of a bundle (`elsa_rt.scoring.statistics`): what it hears in a simulated home.

    python -m export scores BUNDLE WORK [--streams N] [--cache DIR]

replaces the statistics of a bundle. Sounds and rooms are the calibration side of
`export.scenes.home`: of no training, so that the model is as unsure as on a new sound, and not
those of `export.evaluate.alerts`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibration.platt import platt
from elsa_rt.encoder.output import QUIET, SOUNDING
from elsa_rt.errors import UsageError
from elsa_rt.scoring.logits import HIGH, SPREAD_FLOOR
from elsa_rt.scoring.statistics import (
    COARSE,
    COMPONENTS,
    INT8_SCALE,
    Background,
    Names,
    Statistics,
    compress,
)

STREAMS = 120  # of two minutes: four hours
LINGERS_S = 1.0  # so long after its end a sound may still be what is scored
LABELS = 3  # that a piece names at most
FINE_STEP, COARSE_ROUNDED = 0.02, 8
"""Unit of the components beyond the coarse ones, of which no embedding has more than 127; multiple
to which coarse ones of the background are rounded. Few different values pack well in a wheel."""


class Steps(NamedTuple):
    """Steps of listening, as `Background` has them, before they are made small."""

    embedding: NDArray[np.float32]
    activity: NDArray[np.float32]
    direction: NDArray[np.float32]
    distance: NDArray[np.float32]
    pieces: NDArray[np.int32]
    piece_s: NDArray[np.float32]
    piece_labels: NDArray[np.int16]
    hours: float


def statistics_of(steps: Steps, names: Names, components: int = COMPONENTS) -> Statistics:
    """Make ``steps`` small, and fit the slope and bias of the score by the sounds' own names."""
    active = steps.embedding[steps.activity > QUIET]
    mean = active.mean(axis=0)
    _, _, directions = np.linalg.svd(_some(active - mean), full_matrices=False)
    basis = directions[:components].astype(np.float16).astype(np.float32)
    coarse = np.quantile(np.abs((active - mean) @ basis[:COARSE].T), 0.9999, axis=0) / INT8_SCALE
    scale = np.full(len(basis), FINE_STEP, np.float32)
    scale[:COARSE] = np.maximum(coarse, 1e-8)
    sounds = compress(steps.embedding, basis, mean, scale)
    most = INT8_SCALE // COARSE_ROUNDED
    rounded = np.clip(np.round(sounds[:, :COARSE] / COARSE_ROUNDED), -most, most)
    sounds[:, :COARSE] = COARSE_ROUNDED * rounded
    background = Background(
        sounds=sounds,
        activity=np.round(255 * steps.activity).astype(np.uint8),
        direction=np.round(INT8_SCALE * steps.direction).astype(np.int8),
        distance=steps.distance.astype(np.float16),
        pieces=steps.pieces,
        piece_s=steps.piece_s,
        piece_labels=steps.piece_labels,
        hours=steps.hours,
    )
    slope, bias = _fit(steps, names)
    return Statistics(basis, mean, scale, background, names, slope, bias)


def _fit(steps: Steps, names: Names) -> tuple[float, float]:
    """Slope and bias of right against wrong names of the pieces that hold but one."""
    piece = np.repeat(np.arange(len(steps.pieces)), np.diff([*steps.pieces, len(steps.activity)]))
    named = (steps.piece_labels >= 0).sum(1) == 1
    # a model that was hardly trained is sure of nothing
    active = steps.activity > min(SOUNDING, float(np.median(steps.activity[steps.activity > 0])))
    used = np.flatnonzero(active & named[piece])
    if not used.size:
        raise UsageError("fitting the scores: nothing with a name was heard: take more --streams")
    label = steps.piece_labels.max(1)[piece[used]]
    usual = _some(steps.embedding[active]) @ names.phrases.T
    middle, high = np.quantile(usual, (0.5, HIGH), axis=0)
    similarity = steps.embedding[used] @ names.phrases.T
    z = (similarity - middle) / np.maximum(high - middle, SPREAD_FLOOR)
    return platt(z, names.related[label])


def _some(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return rows[:: max(1, len(rows) // 8_000)]
