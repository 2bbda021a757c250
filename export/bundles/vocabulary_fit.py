"""The vocabulary of a text encoder, fitted: a vector for every name, and what speaks of a place.

Each name, a label of training or a class of the tagger, gets the direction in the space of sounds
along which its likeness is read off best: by ridge regression of the label, or of the tagger's
logits on the clean clip, from what the bundle hears in rooms. For sentences that call it a label
gets another one, its detector: along it the label is told from what else sounds in a home. All
directions are at right angles to the mean sound, so that no name is near to every sound.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from elsa_rt.scoring.statistics import COMPONENTS
from export.bundles.training_homes import HomeSteps
from export.captions.grammar import ANY

Floats = NDArray[np.float32]

RIDGE = 1.0
TAG_DIMENSIONS = 128  # of the tagger's logits, standardised: a third of their variance is heard
RARE_TAGS, RARE_LABELS = 0.5, 0.7  # exponents: how much more a clip of a rare label counts
OWN_SHARE = 0.1  # of the whole weight that a label's own sounds have in its detector
HOME_WEIGHT = 5.0  # of all steps of homes together, where all training sounds have one
HOME_TRUE = 0.1  # weight of a label's own step of a home, where another step has one
HEARD_WELL = 0.5  # quantile of likeness: a label's steps of homes below it do not count

LEARNT_DIMENSIONS, WORD_DIMENSIONS = 16, 8
CAPTIONS_FOR_PLACES = 4_000
SEED = 7


class PlaceWords(NamedTuple):
    """What in a sentence speaks of a place, in D dimensions learnt and in W of plain sentences."""

    learnt_middle: Floats  # (D,), of sentences that name no place
    learnt: Floats  # (16, D), orthonormal
    words_middle: Floats  # (W,)
    words: Floats  # (8, W), orthonormal
    gate: Floats  # (W,), log odds that a sentence speaks of a place
    gate_bias: float


def tag_vectors(embedding: Floats, logits: Floats, label: NDArray[np.int64]) -> Floats:
    """(tags, D): a unit vector for each tag, from n sounds and their ``logits`` (n, tags)."""
    standing = (logits - logits.mean(0)) / (logits.std(0) + 1e-3)
    _, _, basis = np.linalg.svd(standing, full_matrices=False)
    basis = basis[:TAG_DIMENSIONS]
    found = _ridge(embedding, standing @ basis.T, _weights(label, RARE_TAGS))
    return _across(found @ basis, embedding)


def label_vectors(embedding: Floats, label: NDArray[np.int64], kinds: NDArray[np.bool_]) -> Floats:
    """(labels, D): a unit vector for each label of n sounds; zeros where it has none.

    ``kinds`` (labels, labels) comes from `export.data.clips.kinds`: a woman speaking is speech.
    """
    true = kinds[label].astype(np.float32)
    found = _ridge(embedding, true - true.mean(0), _weights(label, RARE_LABELS))
    heard = np.asarray(true.sum(0) > 0)
    return _across(found, embedding) * heard[:, None]


def detector_vectors(
    embedding: Floats, label: NDArray[np.int64], kinds: NDArray[np.bool_], homes: HomeSteps
) -> Floats:
    """(labels, D): as `label_vectors`, told from what else sounds in ``homes``.

    A ridge regression of each label by itself, among the `COMPONENTS` along which homes vary most:
    score statistics know no others. Of a label's own steps of homes those count that
    `label_vectors` tell well.
    """
    first = label_vectors(embedding, label, kinds)
    basis = _components(homes.embedding)
    sounds = len(embedding)
    x = np.concatenate([embedding, homes.embedding]) @ basis.T
    likeness = x @ (first @ basis.T).T
    x = np.concatenate([x, np.ones((len(x), 1), np.float32)], axis=1)
    weight = np.full(len(x), HOME_WEIGHT * sounds / len(homes.embedding), np.float32)
    weight[:sounds] = _weights(label, RARE_LABELS)
    gram = (x * weight[:, None]).T @ x
    ridge = np.full(x.shape[1], RIDGE * weight.sum() / sounds)
    ridge[-1] = 1e-6  # of the constant
    true = np.concatenate([kinds[label], homes.true])
    found = np.zeros((len(kinds), len(basis)), np.float32)
    for one in np.flatnonzero(first.any(1)):
        own = true[:, one]
        mine = _weights_for(own, likeness[:, one], sounds, weight)
        mine[sounds:][homes.unsure[:, one]] = 0
        other = np.flatnonzero(mine != weight)
        change = (x[other] * (mine - weight)[other, None]).T @ x[other]
        whole = (gram + change).astype(np.float64) + np.diag(ridge)
        found[one] = np.linalg.solve(whole, mine[own] @ x[own])[:-1]
    return _across((found @ basis).T, embedding)


def _weights_for(own: NDArray[np.bool_], likeness: Floats, sounds: int, weight: Floats) -> Floats:
    """Weights (n,) of the rows, of which the first are ``sounds``, in the regression of a label."""
    mine = weight.copy()
    at_home = own & (np.arange(len(own)) >= sounds)
    if at_home.any():
        well = likeness >= np.quantile(likeness[at_home], HEARD_WELL)
        mine[at_home] *= HOME_TRUE * well[at_home]
    mine[own] *= OWN_SHARE * weight.sum() / mine[own].sum()
    return mine


def _components(embedding: Floats) -> Floats:
    """(components, D), orthonormal: the first principal components of ``embedding`` (n, D)."""
    apart = embedding - embedding.mean(0)
    _, vectors = np.linalg.eigh(apart.T @ apart)
    return np.ascontiguousarray(vectors[:, ::-1][:, :COMPONENTS].T)


def place_words(
    claims: NDArray[np.int64], words: Floats, learnt: Floats, names: Floats
) -> PlaceWords:
    """From captions with their ``claims`` (n, 6), as plain sentence vectors and as learnt ones.

    ``names`` (m, W) are plain sentences that say nothing of a place.
    """
    placed = (claims[:, 1:] != ANY).any(1)
    learnt_middle, learnt_basis = _differences(claims, placed, learnt, LEARNT_DIMENSIONS)
    words_middle, words_basis = _differences(claims, placed, words, WORD_DIMENSIONS)
    known = np.concatenate([words[placed], words[~placed], names])
    speaks = np.arange(len(known)) < placed.sum()
    fitted = LogisticRegression(C=10, max_iter=500, class_weight="balanced").fit(known, speaks)
    gate = fitted.coef_[0].astype(np.float32)
    return PlaceWords(
        learnt_middle, learnt_basis, words_middle, words_basis, gate, float(fitted.intercept_[0])
    )


def some_captions(claims: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.intp]:
    """Captions to fit `place_words` to: all of some labels, so that each has every place."""
    labels = rng.permutation(np.unique(claims[claims[:, 0] != ANY, 0]))
    per_label = np.bincount(claims[:, 0] + 1).max()
    return np.flatnonzero(np.isin(claims[:, 0], labels[: max(2, CAPTIONS_FOR_PLACES // per_label)]))


def _differences(
    claims: NDArray[np.int64], placed: NDArray[np.bool_], vectors: Floats, dimensions: int
) -> tuple[Floats, Floats]:
    """The middle (d,) of captions without a place, and an orthonormal basis of what places add."""
    plain = {
        label: vectors[(claims[:, 0] == label) & ~placed].mean(0)
        for label in np.unique(claims[~placed, 0])
    }
    rows = np.array([row for row in np.flatnonzero(placed) if claims[row, 0] in plain])
    added = np.stack([vectors[row] - plain[claims[row, 0]] for row in rows])
    _, place = np.unique(claims[rows, 1:], axis=0, return_inverse=True)
    place = place.reshape(-1)
    means = np.stack([added[place == one].mean(0) for one in np.unique(place)])
    _, _, basis = np.linalg.svd(means, full_matrices=False)
    return np.mean(list(plain.values()), axis=0), basis[:dimensions]


def _ridge(x: Floats, y: Floats, weight: Floats) -> Floats:
    """(D, m): the map from centred ``x`` (n, D) to ``y`` (n, m)."""
    centred = x - x.mean(0)
    weighted = centred * weight[:, None]
    return np.asarray(np.linalg.solve(weighted.T @ centred + RIDGE * np.eye(x.shape[1]),
                                      weighted.T @ y), np.float32)  # fmt: skip


def _weights(label: NDArray[np.int64], power: float) -> Floats:
    weight = 1 / np.bincount(label)[label] ** power
    return (weight / weight.mean()).astype(np.float32)


def _across(found: Floats, embedding: Floats) -> Floats:
    """Columns of ``found`` (D, m) as unit rows at right angles to the mean of the sounds."""
    middle = embedding.mean(0)
    middle /= np.linalg.norm(middle)
    rows = found.T - np.outer(middle @ found, middle)
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9))
