"""From values of trials to figures: of all, of one SNR, of a range of distances; with intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.audio.direction_words import FAR_M, NEAR_M
from export.scenes.material import SEED
from export.scenes.trials import About

RESAMPLES = 1000
RANGES_M = {
    f"below {NEAR_M:g} m": (0.0, NEAR_M),
    f"{NEAR_M:g} to {FAR_M:g} m": (NEAR_M, np.nextafter(FAR_M, np.inf)),
    f"beyond {FAR_M:g} m": (np.nextafter(FAR_M, np.inf), np.inf),
}

Statistic = Callable[[NDArray[np.float64]], float]
Keep = NDArray[np.bool_]
Table = dict[str, dict[str, float]]
"""Condition -> figure -> value; NaN where there is nothing to judge."""


class Figure(NamedTuple):
    """A figure with the values that it comes from."""

    name: str
    about: Sequence[About]  # (trials,)
    values: Sequence[NDArray[np.float64]]  # of each trial, one or several; NaN counts for none
    statistic: Statistic
    main: bool = False  # gets an interval
    by_label: bool = False  # is the mean of the labels' own figures


def of_trials(
    about: Sequence[About],
    values: dict[str, NDArray[np.float64]],
    wanted: dict[str, tuple[str, Statistic]],
    main: Sequence[str] = (),
) -> list[Figure]:
    """Figures name -> (column of ``values``, statistic), those in ``main`` with an interval."""
    return [
        Figure(name, about, list(values[column][:, None]), statistic, name in main)
        for name, (column, statistic) in wanted.items()
    ]


def summarise(figures: Sequence[Figure], snr_db: float | None = None) -> dict[str, float]:
    """The value of each figure, of all trials or of one SNR."""
    return {
        figure.name: value(figure, [snr_db in (None, about.snr_db) for about in figure.about])
        for figure in figures
    }


def by_distance(figures: Sequence[Figure], names: Sequence[str]) -> Table:
    """The named figures in each range of distances in which there are trials."""
    table = {}
    for title, (low, high) in RANGES_M.items():
        chosen = {figure.name: figure for figure in figures if figure.name in names}
        keep = {
            name: [low <= about.distance_m < high for about in figure.about]
            for name, figure in chosen.items()
        }
        count = max(sum(kept) for kept in keep.values())
        if count:
            table[title] = {"trials": float(count)} | {
                name: value(chosen[name], keep[name]) for name in names if name in chosen
            }
    return table


def intervals(figures: Sequence[Figure]) -> dict[str, tuple[float, float]]:
    """95 % interval of each main figure by resampling clips, whose trials belong together."""
    return {figure.name: interval(figure) for figure in figures if figure.main}


def value(figure: Figure, keep: Sequence[bool]) -> float:
    """The figure of the trials to ``keep``; NaN where they have no value."""
    kept = [values for values, chosen in zip(figure.values, keep, strict=True) if chosen]
    if not figure.by_label:
        return _of(figure.statistic, kept)
    label = np.array([a.label for a, chosen in zip(figure.about, keep, strict=True) if chosen])
    found = np.array(
        [
            _of(figure.statistic, [kept[i] for i in np.flatnonzero(label == one)])
            for one in np.unique(label)
        ]
    )
    return float(np.nanmean(found)) if not np.isnan(found).all() else float("nan")


def interval(figure: Figure, resamples: int = RESAMPLES) -> tuple[float, float]:
    """Percentile bootstrap (Efron, 1979) of 95 % over clips; NaN where there is no value."""
    clip = np.array([about.clip for about in figure.about])
    groups = [
        _known([figure.values[i] for i in np.flatnonzero(clip == one).tolist()])
        for one in np.unique(clip)
    ]
    groups = [group for group in groups if group.size]
    if not groups:
        return float("nan"), float("nan")
    rng = np.random.default_rng(SEED)
    draws = rng.integers(len(groups), size=(resamples, len(groups)))
    found = [figure.statistic(np.concatenate([groups[i] for i in draw])) for draw in draws]
    low, high = np.quantile(found, (0.025, 0.975), method="nearest")
    return float(low), float(high)


def median(values: NDArray[np.float64]) -> float:
    return float(np.median(values))


def mean(values: NDArray[np.float64]) -> float:
    return float(np.mean(values))


def p90(values: NDArray[np.float64]) -> float:
    # between finite and infinite times there is nothing to interpolate
    finite = bool(np.isfinite(values).all())
    return float(np.quantile(values, 0.9, method="linear" if finite else "higher"))


def within(k: int) -> Statistic:
    """Share of ranks among the first ``k``."""
    return lambda ranks: float(np.mean(ranks < k))


def _of(statistic: Statistic, values: Sequence[NDArray[np.float64]]) -> float:
    known = _known(values)
    return statistic(known) if known.size else float("nan")


def _known(values: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    joined = np.concatenate([*values, np.zeros(0)])
    return joined[~np.isnan(joined)]
