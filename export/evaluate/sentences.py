"""Captions of trials: retrieval both ways, binding of what to where, and words by text alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from elsa_rt.audio.ambisonics import angles_from_direction
from export.captions.grammar import ANY
from export.captions.spatial import (
    CENTRES_DEG,
    Attributes,
    claims_true,
    full_caption,
    full_claims,
    words_true,
)
from export.data.clips import kinds
from export.scenes.material import SEED
from export.scenes.trials import About

OTHER_SOUNDS = 4
QUARTER = len(CENTRES_DEG) // 4
FORMS = 4
"""Forms of sentences that take turns from clip to clip where the words are to be compared."""

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
"""Texts -> unit embeddings (n, 512)."""

WORDS = {"up_down": 2, "near_far": 3, "dry_reverberant": 4, "small_large": 5}
"""Words of which one of two is right, by their column of claims."""


class Texts:
    """Embeddings of texts, each encoded once."""

    def __init__(self, embed: Embed) -> None:
        self._embed = embed
        self._known: dict[str, NDArray[np.float32]] = {}

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit embeddings (n, 512)."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            self._known.update(zip(new, self._embed(new), strict=True))
        return np.stack([self._known[text] for text in texts])


def attributes_of(about: Sequence[About]) -> Attributes:
    """What is so of trials, in the form that captions are made of."""
    angles = np.array([angles_from_direction(a.direction) for a in about])
    rest = np.array([(a.distance_m, a.t30_s, a.floor_m2) for a in about], float)
    return Attributes(np.array([a.label for a in about]), *angles.T, *rest.T)


def retrieval_values(
    sounds: NDArray[np.float32], about: Sequence[About], texts: Texts, labels: Sequence[str]
) -> dict[str, NDArray[np.float64]]:
    """Ranks (trials,) of retrieval by full captions: of captions by sound, of sounds by caption.

    Each trial has one caption of all that is worded of it; those of one SNR are the pool. Whatever
    is true counts as right: two dogs on the left share their captions.
    """
    claims = full_claims(attributes_of(about))
    similarity = sounds @ texts(full_captions(about, labels)).T
    true = claims_true(attributes_of(about), claims, kinds(labels))
    snr = np.array([a.snr_db for a in about])
    values = {name: np.full(len(about), np.nan) for name in ("caption_rank", "sound_rank")}
    for pool in (np.flatnonzero(snr == one) for one in np.unique(snr)):
        square = np.ix_(pool, pool)
        values["caption_rank"][pool] = best_rank(similarity[square], true[square])
        values["sound_rank"][pool] = best_rank(similarity[square].T, true[square].T)
    return values


def full_captions(about: Sequence[About], labels: Sequence[str]) -> list[str]:
    """One sentence of all that is worded of each trial."""
    return [
        full_caption(labels[a.label], row, np.random.default_rng([SEED, a.clip, int(a.snr_db)]))
        for a, row in zip(about, full_claims(attributes_of(about)), strict=True)
    ]


def best_rank(similarity: NDArray[np.floating], true: NDArray[np.bool_]) -> NDArray[np.intp]:
    """(n,): how many of the items (n, m) come before the first that is true; 0 is the best."""
    best = np.where(true, similarity, -np.inf).max(1)
    return np.asarray((similarity > best[:, None]).sum(1))


def binding_values(
    sounds: NDArray[np.float32], about: Sequence[About], texts: Texts, labels: Sequence[str]
) -> dict[str, NDArray[np.float64]]:
    """Whether the right one (trials,) of eight captions is the most similar: the same sound at
    four places, and four other sounds at its place. Chance is 1/8.

    ``binding`` names front, left, behind or right, and is NaN where two of them hold;
    ``binding_eight`` names the nearest of eight words and those at quarter turns from it.
    ``place`` asks for the place of ``binding`` alone (chance 1/4), ``sound`` for the sound (1/5).
    """
    attributes = attributes_of(about)
    holds = words_true(attributes)[0]  # (n, 8)
    eighth = np.where(holds.any(1), full_claims(attributes)[:, 1], ANY)
    alone = holds[:, ::QUARTER].sum(1) == 1
    fourth = np.where(alone, QUARTER * holds[:, ::QUARTER].argmax(1), ANY)
    right, near = (_of_eight(sounds, about, word, texts, labels) for word in (fourth, eighth))
    return {
        "binding": right.all(1).astype(float) + _nan_where(fourth == ANY),
        "binding_eight": near.all(1).astype(float) + _nan_where(eighth == ANY),
        "place": right[:, :3].all(1).astype(float) + _nan_where(fourth == ANY),
        "sound": right[:, 3:].all(1).astype(float) + _nan_where(fourth == ANY),
    }


def eight_captions(
    about: About, word: int, labels: Sequence[str], related: NDArray[np.bool_]
) -> list[str]:
    """The right caption, then the same sound at three other places, then four other sounds here.

    All have the same form. ``word`` is the azimuth's; others are no kind of the sound.
    """
    strangers = np.flatnonzero(~(related[about.label] | related[:, about.label]))
    rng = np.random.default_rng([SEED, about.clip])
    others = rng.choice(strangers, OTHER_SOUNDS, replace=strangers.size < OTHER_SOUNDS)
    elsewhere = [(word + QUARTER * turn) % len(CENTRES_DEG) for turn in (1, 2, 3)]
    wanted = [(about.label, word), *((about.label, place) for place in elsewhere)]
    wanted += [(int(other), word) for other in others]
    return [_say(labels[label], {1: place}, about.clip) for label, place in wanted]


def word_values(
    sounds: NDArray[np.float32], about: Sequence[About], texts: Texts, labels: Sequence[str]
) -> dict[str, NDArray[np.float64]]:
    """Whether the right one (trials,) of two captions with opposite words is the more similar,
    for each of `WORDS`; NaN where neither word holds.
    """
    claims = full_claims(attributes_of(about), room=True)
    values = {}
    for name, column in WORDS.items():
        right = np.full(len(about), np.nan)
        for i in np.flatnonzero(claims[:, column] != ANY).tolist():
            label, word = labels[about[i].label], int(claims[i, column])
            both = texts([_say(label, {column: w}, about[i].clip) for w in (word, 1 - word)])
            true, false = sounds[i] @ both.T
            right[i] = true > false
        values[f"{name}_by_text"] = right
    return values


def _of_eight(
    sounds: NDArray[np.float32],
    about: Sequence[About],
    word: NDArray[np.int64],
    texts: Texts,
    labels: Sequence[str],
) -> NDArray[np.bool_]:
    """(n, 7): whether the right caption is more similar than each of the seven others."""
    related = kinds(labels)
    asked = [eight_captions(a, int(w), labels, related) for a, w in zip(about, word, strict=True)]
    embedded = texts([text for eight in asked for text in eight])
    similarity = np.einsum("nd,ncd->nc", sounds, embedded.reshape(len(asked), -1, sounds.shape[1]))
    return np.asarray(similarity[:, :1] > similarity[:, 1:])


def _say(label: str, place: dict[int, int], clip: int) -> str:
    claims = np.full(6, ANY, np.int64)
    claims[list(place)] = list(place.values())
    return full_caption(label, claims, np.random.default_rng([SEED, clip % FORMS]))


def _nan_where(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.where(mask, np.nan, 0.0)
