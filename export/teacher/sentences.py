"""The captions that a batch of sounds meets, and which of them are true."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elsa_rt.errors import UsageError
from export.captions.bank import CaptionBank
from export.captions.spatial import Attributes, claims_true
from export.teacher.text_towers import Reader


class Drawn(NamedTuple):
    """Captions, and what the first of them claim."""

    texts: tuple[Tensor, ...]  # as the text tower takes them
    claims: NDArray[np.int64]  # (c, 6)


class Tags(NamedTuple):
    """What a tagger said."""

    logits: Tensor  # (clips, classes)
    names: Tensor  # (classes, width), pooled


class Sentences:
    """The captions of a working directory for one teacher.

    ``reader`` is the text tower inside the network; without one the pooled sentences are used.
    """

    def __init__(self, work: Path, reader: Reader | None) -> None:
        self._work = work
        self.bank = CaptionBank(work)
        self._tokenize = reader.tokenize if reader else None
        with np.load(work / "captions.npz") as captions:
            self.texts = captions["texts"]
        with np.load(work / "clips.npz") as clips:
            self.labels = [str(label) for label in clips["labels"]]
        kinds = torch.from_numpy(self.bank.kinds)
        self.wider = kinds & ~torch.eye(len(kinds), dtype=torch.bool)
        """(labels, labels): which phrases hold too, and so are no wrong answers to a label."""

    def tags(self) -> Tags:
        """What the tagger said of the clips, and the names of its classes.

        Raises
        ------
        UsageError
            The working directory was prepared without.
        """
        with np.load(self._work / "clips.npz") as clips:
            logits = clips["logits"].astype(np.float32) if "logits" in clips else None
        if logits is None or self.bank.tag_pooled is None:
            raise UsageError(
                f"{self._work} knows no tags: run python -m export prepare anew with --tagger and "
                "--tags, or set weights.tag_names to 0"
            )
        return Tags(torch.from_numpy(logits), self.bank.tag_pooled)

    def draw(self, attributes: Attributes, rng: np.random.Generator, phrases: bool) -> Drawn:
        """A true caption for each of n sounds, with hard negatives.

        With ``phrases`` a plain phrase of every label is read behind them.
        """
        chosen = self.bank.draw(attributes, rng)
        plain = [int(rng.choice(mine)) for mine in self.bank.plain_of] if phrases else []
        read = np.concatenate([chosen, np.array(plain, np.int64)])
        return Drawn(self.take(read), self.bank.claims[chosen])

    def true(self, attributes: Attributes, claims: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(n, c): which captions hold of which sounds."""
        return claims_true(attributes, claims, self.bank.kinds)

    def take(self, chosen: NDArray[np.int64]) -> tuple[Tensor, ...]:
        """Numbered captions as the text tower takes them."""
        if self._tokenize:
            return self._tokenize([str(text) for text in self.texts[chosen]])
        return (self.bank.pooled[torch.from_numpy(chosen)],)


def pooled_width(work: Path) -> int:
    """Width of the pooled sentences of a working directory.

    Raises
    ------
    UsageError
        It holds no captions.
    """
    try:
        with np.load(work / "captions.npz") as captions:
            return int(captions["pooled"].shape[1])
    except OSError as error:
        raise UsageError(f"{work} holds no captions: run python -m export prepare first") from error
