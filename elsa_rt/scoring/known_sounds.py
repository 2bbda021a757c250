"""Nearest known sounds: which of the bundle's labels an embedding sounds like, calibrated.

The probability of a label is a softmax over the cosines with all label phrases and one class for
"none of them"::

    logit = slope * (cosine - share * usual) + bias      usual: mean cosine of the label
    logit = 0                                            none of them

``slope``, ``bias`` and ``share`` are fitted by maximum likelihood on the labelled background of
`scores.npz`, with rare labels weighted up. A broader label ("speech") has the probability of its
narrower ones ("a man speaking") added. The rate of error is measured by cross-validation: each
half of the background is judged by parameters fitted on the other half.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.encoder.output import SOUNDING
from elsa_rt.hearing import Label
from elsa_rt.scoring.statistics import Background, Names, Statistics

Floats = NDArray[np.float32]

FIT_STEPS = 3_000
"""Background steps that the parameters are fitted on; more change them little."""

ITERATIONS = 40
"""Upper limit of Newton steps; about ten are needed."""

START = np.array([15.0, -6.0, 0.5])
"""Slope, bias and share where the fit starts."""

PRIOR = np.array([1e-3, 1e-2, 1.0])
"""Weight of staying at `START`: keeps the fit finite where a bundle has hardly any labels."""

TOLD_ERROR = 0.2
"""Highest share of wrong labels among those that are shown as "heard"."""

MIN_TOLD_FROM = 0.5
"""Lowest probability that is told: two labels that exclude each other cannot both reach it."""

MIN_TOLD = 20
"""Steps that a rate of error is measured on, at least."""


class Parameters(NamedTuple):
    """What the background was fitted with."""

    slope: float
    bias: float
    share: float


class KnownSounds:
    """Tells which known sounds an embedding is nearest to.

    Parameters
    ----------
    bundle : ModelBundle
        Its `scores.npz` names the sounds and holds the labelled background.
    statistics : Statistics, optional
        The statistics of ``bundle``, if they are loaded already.

    Attributes
    ----------
    names : tuple of str
        All labels, at most a few hundred; empty for a bundle without labels.
    phrases : float32 (l, 512)
        Their phrases in the space of the sounds, unit length.
    broader : float32 (l, l)
        1 where the column is the row's label or the one that it is a kind of.
    told_from : float, 0..1
        Probability from which a label is worth showing as heard: the lowest from `MIN_TOLD_FROM`
        on at which at most `TOLD_ERROR` of the labels were wrong. 1 where no one achieves that.
    told_error : float, 0..1
        Measured share of wrong labels among those with at least ``told_from``; NaN if unknown.
    told_share : float, 0..1
        Share of labelled, active background steps for which a label reaches ``told_from``.

    Raises
    ------
    BundleError
        The statistics of the bundle are damaged.
    """

    def __init__(self, bundle: ModelBundle, statistics: Statistics | None = None) -> None:
        statistics = statistics or Statistics.of(bundle)
        names = statistics.names
        self.names = names.labels
        self.phrases = names.phrases
        self.broader = _broader(names)
        cosine, steps = labelled_cosines(statistics)
        self._usual = usual_cosine(cosine, steps)
        self.parameters = fit(cosine, self._usual, steps)
        best, right = cross_validated(cosine, steps, self.broader)
        self.told_from, self.told_error, self.told_share = _told(best, right, steps)

    @classmethod
    def of(cls, bundle: ModelBundle) -> KnownSounds:
        """The known sounds of ``bundle``, fitted once for all who ask."""
        found: KnownSounds = bundle.memo.get("known sounds", lambda: cls(bundle))
        return found

    def probabilities(self, embedding: Floats) -> Floats:
        """Probabilities (..., l) of all labels for embeddings (..., 512) of unit length."""
        if embedding.ndim > 1:
            cosine = embedding @ self.phrases.T
        else:  # not matmul: BLAS would wake threads for this, and on a busy computer wait for them
            cosine = np.einsum("d,ld->l", embedding, self.phrases)
        return _probabilities(cosine, self._usual, self.parameters) @ self.broader

    def nearest(self, embedding: Floats, n: int = 5) -> tuple[Label, ...]:
        """The ``n`` most probable labels of one embedding (512,), the most probable first."""
        best, probability = highest(self.probabilities(embedding)[None], n)
        pairs = zip(best[0].tolist(), probability[0].tolist(), strict=True)
        return tuple(Label(self.names[label], value) for label, value in pairs)


def highest(values: Floats, count: int) -> tuple[NDArray[np.intp], Floats]:
    """Columns (n, count) of the highest of ``values`` (n, l) in each row, and these, in order.

    Of equal ones the first comes first. There are no more than ``l`` of them.
    """
    left, rows = values.copy(), np.arange(len(values))
    count = min(count, values.shape[1])
    columns = np.empty((len(values), count), np.intp)
    found = np.empty(columns.shape, np.float32)
    for rank in range(count):  # a sixth of a sort's time
        best = columns[:, rank] = left.argmax(axis=1)
        found[:, rank] = left[rows, best]
        left[rows, best] = -np.inf
    return columns, found


class Steps(NamedTuple):
    """Active steps of the background that hold one labelled sound or none.

    Attributes
    ----------
    rows : int (n,), their rows in `Background`
    exact : bool (n, l), the label that sounds and narrower ones; all False where none does
    accepted : bool (n, l), the labels that count as right: broader ones as well
    weight : float32 (n,), mean 1
    half : bool (n,), which half of the background it belongs to
    """

    rows: NDArray[np.intp]
    exact: NDArray[np.bool_]
    accepted: NDArray[np.bool_]
    weight: Floats
    half: NDArray[np.bool_]

    def some(self, chosen: NDArray[Any] | slice) -> Steps:
        """The ``chosen`` steps."""
        return Steps._make(values[chosen] for values in self)


def fit(cosine: Floats, usual: Floats, steps: Steps) -> Parameters:
    """Maximum likelihood of the labels (`steps.exact`) of cosines (n, l)."""
    every = slice(None, None, max(1, len(cosine) // FIT_STEPS))
    cosine, steps = cosine[every].astype(np.float64), steps.some(every)
    theta = START.copy()
    if cosine.size == 0:
        return Parameters(*theta.tolist())
    inputs = np.stack(np.broadcast_arrays(cosine, 1.0, -usual.astype(np.float64)), axis=-1)
    inputs[..., 2] *= START[0]
    for _ in range(ITERATIONS):
        change = _newton_step(theta, inputs, steps)
        theta -= change
        if np.abs(change).max() < 1e-3:
            break
    slope, bias, lowered = theta.tolist()
    return Parameters(slope, bias, lowered * START[0] / slope)


def _newton_step(
    theta: NDArray[np.float64], inputs: NDArray[np.float64], steps: Steps
) -> NDArray[np.float64]:
    """One step of Fisher scoring; the curvature is an upper bound, hence it cannot overshoot."""
    predicted = _softmax(inputs @ theta)
    observed = np.where(steps.exact, predicted, 0)
    observed /= np.maximum(observed.sum(axis=1, keepdims=True), 1e-12)
    weight = steps.weight.astype(np.float64) / len(inputs)
    gradient = np.einsum("n,nl,nlk->k", weight, predicted - observed, inputs)
    mean = np.einsum("nl,nlk->nk", predicted, inputs)
    flat = inputs.reshape(-1, inputs.shape[-1])
    second = (flat * (weight[:, None] * predicted).reshape(-1, 1)).T @ flat
    curvature = second - np.einsum("n,nk,nj->kj", weight, mean, mean)
    gradient += 1e-3 * PRIOR * (theta - START)
    return np.asarray(np.linalg.solve(curvature + 1e-3 * np.diag(PRIOR), gradient))


def _probabilities(cosine: Floats, usual: Floats, parameters: Parameters) -> Floats:
    slope, bias, share = parameters
    return _softmax(slope * (cosine - share * usual) + bias).astype(np.float32)


def _softmax(logit: NDArray[np.floating]) -> NDArray[np.floating]:
    """Softmax over the last axis and one more logit of 0, which is left out of the result."""
    highest = np.maximum(logit.max(axis=-1, keepdims=True, initial=-np.inf), 0)
    odds = np.exp(logit - highest)
    return odds / (odds.sum(axis=-1, keepdims=True) + np.exp(-highest))


def cross_validated(
    cosine: Floats, steps: Steps, broader: Floats
) -> tuple[Floats, NDArray[np.bool_]]:
    """Highest probability (n,) of each step by the other half's fit, and whether it was right."""
    best, right = np.zeros(len(cosine), np.float32), np.zeros(len(cosine), np.bool_)
    for half in (False, True):
        fold = np.flatnonzero(steps.half == half)
        if not fold.size:
            continue
        others = steps.half != half
        usual = usual_cosine(cosine[others], steps.some(others))
        parameters = fit(cosine[others], usual, steps.some(others))
        probability = _probabilities(cosine[fold], usual, parameters) @ broader
        label = probability.argmax(axis=1)
        best[fold] = probability[np.arange(fold.size), label]
        right[fold] = steps.accepted[fold, label]
    return best, right


def _labelled(background: Background, names: Names) -> Steps:
    labels, count = background.piece_labels, len(names.labels)
    length = np.diff([*background.pieces, len(background.sounds)])
    piece = np.repeat(np.arange(len(background.pieces)), length)
    several = (labels >= 0).sum(axis=1) > 1
    rows = np.flatnonzero((background.activity > 255 * SOUNDING) & ~several[piece])
    if not count:
        rows = rows[:0]
    label = labels.max(axis=1, initial=-1)[piece[rows]]
    narrower = np.column_stack([_broader(names).T > 0, np.zeros(count, np.bool_)])  # -1: none
    related = np.column_stack([names.related, np.zeros(count, np.bool_)])
    named = label >= 0
    times = np.bincount(label[named], minlength=max(count, 1))
    weight = np.where(named, 1 / np.sqrt(np.maximum(times[label], 1)), 0)
    weight[~named] = weight[named].mean() if named.any() else 1  # its share stays what it is
    weight /= max(float(weight.mean()) if weight.size else 1.0, 1e-9)
    half = piece[rows] >= len(background.pieces) // 2
    exact, accepted = narrower.T[label], related.T[label]
    return Steps(rows, exact, accepted, weight.astype(np.float32), half)


def _broader(names: Names) -> Floats:
    """`KnownSounds.broader`."""
    matrix = np.eye(len(names.labels), dtype=np.float32)
    narrow = np.flatnonzero(names.wider >= 0)
    matrix[narrow, names.wider[narrow]] = 1
    return matrix


def labelled_cosines(statistics: Statistics) -> tuple[Floats, Steps]:
    """Cosines (n, l) with all label phrases of the labelled background, and its steps."""
    steps = _labelled(statistics.background, statistics.names)
    factor, offset = statistics.similarity(statistics.names.phrases)
    sounds = statistics.background.sounds[steps.rows].astype(np.float32)
    return np.asarray(sounds @ factor + offset, np.float32), steps


def usual_cosine(cosine: Floats, steps: Steps) -> Floats:
    """Weighted mean cosine (l,) of each label over all sounds."""
    if not len(cosine):
        return np.zeros(cosine.shape[1], np.float32)
    return np.average(cosine, axis=0, weights=steps.weight).astype(np.float32)


def _told(
    probability: Floats, right: NDArray[np.bool_], steps: Steps
) -> tuple[float, float, float]:
    order = np.argsort(-probability, kind="stable")
    weight = steps.weight[order].astype(np.float64)
    wrong = np.cumsum(weight * ~right[order]) / np.cumsum(weight)
    sure = probability[order] >= MIN_TOLD_FROM
    enough = np.arange(len(order)) >= MIN_TOLD - 1
    fine = np.flatnonzero((wrong <= TOLD_ERROR) & sure & enough)
    if not fine.size:
        return 1.0, float("nan"), 0.0
    last = int(fine[-1])
    named = np.asarray(steps.exact.any(axis=1))
    share = np.mean(named[order[: last + 1]]) * (last + 1) / max(int(named.sum()), 1)
    return float(probability[order[last]]), float(wrong[last]), float(share)
