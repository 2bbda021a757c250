"""The captions of a working directory, ready to be drawn from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from export.captions.grammar import ANY
from export.captions.spatial import Attributes, claims_known, claims_true
from export.data.clips import kinds

WIDER = 0.2  # of true captions name the wider label, where there is one
AZIMUTH = 6.0  # so many times likelier is a place with an azimuth than one without
PARTIAL = 0.5  # captions that say the label only, or the place only, per sound


class CaptionBank:
    """The pooled captions of `export.prepare` with what they claim, ready to be drawn from."""

    def __init__(self, work: Path) -> None:
        with np.load(work / "captions.npz") as captions:
            self.claims: NDArray[np.int64] = captions["claims"]
            self.pooled = torch.from_numpy(captions["pooled"].astype(np.float32))
            tags, ways = (
                torch.from_numpy(captions[name].astype(np.float32)) if name in captions else None
                for name in ("tag_pooled", "tag_ways")
            )
            self._tag_of = captions.get("tag_of")
        self.tag_pooled, self._tag_ways = tags, ways  # (classes, width), (wordings, width)
        with np.load(work / "clips.npz") as clips:
            self.kinds = kinds([str(label) for label in clips["labels"]])
        self.labels = int(self.claims[:, 0].max()) + 1
        # captions sorted by label and region: each pair of them is one run of `_order`
        self.regions, region = np.unique(self.claims[:, 1:], axis=0, return_inverse=True)
        cell = (self.claims[:, 0] + 1) * len(self.regions) + region.reshape(-1)
        self._order = np.argsort(cell, kind="stable")
        counts = np.bincount(cell, minlength=(self.labels + 1) * len(self.regions))
        self._count = counts.reshape(self.labels + 1, -1)  # row 0 is of no label
        self._start = (np.cumsum(counts) - counts).reshape(self._count.shape)
        claimed = self.regions != ANY
        self._plain = int(np.flatnonzero(~claimed.any(1))[0])
        self._weight = np.where(claimed[:, 0], AZIMUTH, 1.0)
        self._like = np.all(
            claimed[:, None] == claimed[None], axis=-1
        )  # (r, r) claim of the same things
        self.plain_of = [self._cell(label, self._plain) for label in range(self.labels)]

    def phrases(self, rng: np.random.Generator) -> Tensor:
        """One plain pooled phrase of every label (labels, width)."""
        label = np.arange(self.labels)
        chosen = self._one(label, np.full_like(label, self._plain), rng)
        return self.pooled[torch.from_numpy(chosen)]

    def tag_names(self, rng: np.random.Generator) -> Tensor | None:
        """One pooled wording of every class of the tagger (classes, width); None without tags."""
        if self._tag_ways is None or self._tag_of is None:
            return self.tag_pooled
        starts = np.flatnonzero(np.diff(self._tag_of, prepend=-1))
        count = np.diff(starts, append=self._tag_of.size)
        chosen = starts + (rng.random(count.size) * count).astype(np.int64)
        return self._tag_ways[torch.from_numpy(chosen)]

    def draw(
        self, attributes: Attributes, rng: np.random.Generator, rivals: int = 1
    ) -> NDArray[np.int64]:
        """Captions (n (1 + 2 rivals) + 2 (n // 4),) for n sounds of known label.

        First for each sound a true one of what and where, then ``rivals`` pairs of the same sound
        elsewhere and another sound here. Where nothing is worded of a place, the true one is of
        the sound alone. Then a true one of the label only and one of the place only for a quarter
        of the sounds each.
        """
        rows = np.arange(attributes.label.size)
        label = self._true_label(attributes.label, rng)
        places = np.column_stack([np.full(len(self.regions), ANY), self.regions])
        holds = claims_true(attributes, places, self.kinds)
        holds[:, self._plain] = False
        nowhere = np.asarray(~holds.any(1))
        holds[nowhere, self._plain] = True
        here = _pick(holds * self._weight, rng)
        false = ~claims_true(attributes, places, self.kinds) & claims_known(attributes, places)
        like = false & self._like[here]
        lost = ~false.any(1)  # nothing is known of its place: another sound stands in
        groups = [self._one(label, here, rng)]
        for _ in range(rivals):
            wrong = _pick(~self.kinds[attributes.label], rng)
            elsewhere = _pick(np.where(like.any(1)[:, None], like, false), rng)
            elsewhere[lost] = self._plain
            groups += [
                self._one(np.where(lost, wrong, label), elsewhere, rng),
                self._one(wrong, here, rng),
            ]
        some = rng.permutation(rows)[: int(PARTIAL * rows.size / 2)]
        alone = self._one(label[some], np.full_like(some, self._plain), rng)
        placed = np.where(nowhere[some], label[some], ANY)
        only = self._one(placed, here[some], rng)
        return np.concatenate([np.stack(groups, 1).reshape(-1), alone, only])

    def _true_label(self, label: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        wider = self.kinds[label]
        wider[np.arange(label.size), label] = False
        widen = wider.any(1) & (rng.random(label.size) < WIDER)
        return np.where(widen, wider.argmax(1), label)

    def _one(
        self, label: NDArray[np.int64], region: NDArray[np.int64], rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """A caption (n,) of each label, or of none, in each region."""
        count = self._count[label + 1, region]
        nth = (rng.random(label.size) * count).astype(np.int64)
        return self._order[self._start[label + 1, region] + nth]

    def _cell(self, label: int, region: int) -> NDArray[np.int64]:
        start = self._start[label + 1, region]
        return self._order[start : start + self._count[label + 1, region]]


def _pick(
    weight: NDArray[np.float64] | NDArray[np.bool_], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Column (n,) drawn in each row of weights (n, m); any where all are 0."""
    # the smallest of exponential waits with these rates
    with np.errstate(divide="ignore"):
        return np.asarray((rng.exponential(size=weight.shape) / weight).argmin(1))
