"""Listening cut into pieces that raise at most one alert each: what `Background` is made of."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.encoder.output import QUIET

MAX_GAP_STEPS = 12
"""Silent steps between two sounds: no alert is confirmed across them."""

MAX_SEGMENT_S = 4.0
"""An alert that lasts longer is not counted twice often."""


class Segments(NamedTuple):
    """Segments of a stream that are kept as background.

    Attributes
    ----------
    steps : int (m,), which step of the stream each row is; -1 for silence between sounds
    starts : int (n,), the row with which each piece starts
    spans : int (n, 2), its first step and the one after its last
    """

    steps: NDArray[np.intp]
    starts: NDArray[np.intp]
    spans: NDArray[np.intp]


def segment(activity: NDArray[np.floating], step_s: float) -> Segments:
    """Cut a stream with ``activity`` (steps,) into pieces."""
    rows, starts, spans, position = [], list[int](), list[tuple[int, int]](), 0
    size = max(1, round(MAX_SEGMENT_S / step_s))
    for first, last in _runs(activity > QUIET):
        rows += [np.arange(first, last), np.full(MAX_GAP_STEPS, -1)]
        for start in range(first, last, size):
            starts.append(position + start - first)
            spans.append((start, min(start + size, last)))
        position += last - first + MAX_GAP_STEPS
    steps = np.concatenate(rows) if rows else np.empty(0, np.intp)
    return Segments(steps, np.array(starts, np.intp), np.array(spans, np.intp).reshape(-1, 2))


def rows_at(values: NDArray[np.floating], steps: NDArray[np.intp]) -> NDArray[np.float32]:
    """The rows of ``values`` at ``steps``; zeros in silence."""
    kept = values[steps].astype(np.float32)
    kept[steps < 0] = 0
    return kept


def _runs(active: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Runs of active steps; gaps shorter than `MAX_GAP_STEPS` belong to them."""
    found = np.flatnonzero(active)
    if not found.size:
        return []
    breaks = np.flatnonzero(np.diff(found) > MAX_GAP_STEPS)
    first, last = np.append(found[0], found[breaks + 1]), np.append(found[breaks], found[-1])
    return [(int(a), int(b) + 1) for a, b in zip(first, last, strict=True)]
