"""What the student is trained for, supervised at every step in which something sounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from export.settings import EMBEDDING, TAG_FEATURES, TAG_HIDDEN, TAGS
from export.towers.output import StudentOutput

WEIGHTS = {
    "contrast": 3.0,
    "rivals": 3.0,
    "label": 2.0,
    "direction": 2.0,
    "activity": 0.5,
    "distance": 0.3,
    "tags": 1.0,
    "features": 1.0,
    "standing": 1.0,
    "kept": 4.0,
    "tag_names": 4.0,
    "teacher": 1.0,
}
"""Weight of each loss in the sum; those whose teacher is not given are left out."""

TEACHER_SCALE = 20.0
"""Inverse temperature of the teacher's rankings."""

STANDING = 2.0
"""Inverse temperature of the tagger's tags where they are put into words."""


class TargetSteps(NamedTuple):
    """The truth of the steps in a batch, (batch, steps)."""

    active: Tensor  # bool
    label: Tensor  # int64, -1 where silent
    clip: Tensor  # int64
    direction: Tensor  # (batch, steps, 3)
    distance: Tensor  # metres
    t30: Tensor  # seconds, NaN where unknown
    floor: Tensor  # square metres, NaN where unknown
    taught: Tensor  # (batch, 512), the teacher's embedding of each scene; (batch, 0) without one


class TagHead(nn.Module):
    """What the tagger would say, from the student's semantic memory; dropped after training."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Linear(TAG_FEATURES, TAG_FEATURES)
        self.hidden = nn.Linear(TAG_FEATURES, TAG_HIDDEN)
        self.logits = nn.Linear(TAG_HIDDEN, TAGS)

    def forward(self, sound: Tensor) -> Tensor:
        """Logits (n, 527)."""
        return torch.as_tensor(self.logits(F.hardswish(self.hidden(sound))))

    @torch.no_grad()
    def start_from(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Take the tagger's own classifier."""
        nn.init.eye_(self.features.weight)
        nn.init.zeros_(self.features.bias)
        for layer, name in ((self.hidden, "c2"), (self.logits, "c5")):
            layer.weight.copy_(torch.from_numpy(weights[f"{name}w"].copy()))
            layer.bias.copy_(torch.from_numpy(weights[f"{name}b"].copy()))


class TagReader(nn.Module):
    """What the tagger would say, by straight lines from an embedding; dropped after training.

    The vocabulary (`export.bundles.vocabulary_fit`) reads an embedding in this way, too.
    """

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Linear(EMBEDDING, TAG_FEATURES)
        self.standing = nn.Linear(EMBEDDING, TAGS)

    def forward(self, embedding: Tensor) -> tuple[Tensor, Tensor]:
        """Standardised features (n, 384) and logits (n, 527) of embeddings (n, 512)."""
        scaled = EMBEDDING**0.5 * embedding  # of the length that the layers were made for
        return torch.as_tensor(self.features(scaled)), torch.as_tensor(self.standing(scaled))


class Temperature(nn.Module):
    """The learnt inverse temperature of the contrastive losses, at most 100."""

    def __init__(self) -> None:
        super().__init__()
        self.log = nn.Parameter(torch.tensor(2.7))

    def forward(self) -> Tensor:
        return self.log.exp().clamp(max=100.0)


def place_losses(heard: StudentOutput, truth: TargetSteps) -> dict[str, Tensor]:
    """Direction (chord, so that small errors count), activity, log distance."""
    active, known = truth.active, truth.active & truth.distance.isfinite()
    chord = (heard.direction[:, :, 0] - truth.direction).norm(dim=-1)
    apart = heard.distance[:, :, 0][known] - truth.distance[known].clamp(min=0.1).log()
    return {
        "direction": chord[active].mean(),
        "activity": F.binary_cross_entropy_with_logits(heard.activity[:, :, 0], active.float()),
        "distance": apart.abs().sum() / known.sum().clamp(min=1),
    }


def multi_positive(logits: Tensor, true: Tensor) -> Tensor:
    """Cross entropy (rows, columns) against the uniform distribution over the true columns."""
    target = true.float()
    target = target / target.sum(1, keepdim=True).clamp(min=1)
    keep = true.any(1)
    return -(target * F.log_softmax(logits, dim=1)).sum(1)[keep].mean()


def contrast_loss(sounds: Tensor, captions: Tensor, scale: Tensor, true: Tensor) -> Tensor:
    """Symmetric contrastive loss of sounds (n, 512) and captions (c, 512).

    ``true`` (n, c) says which captions hold: all of them are positives, so that "a dog" is never
    a wrong answer to a dog on the left.
    """
    logits = scale * sounds @ captions.T
    return 0.5 * (multi_positive(logits, true) + multi_positive(logits.T, true.T))


def rival_loss(sounds: Tensor, captions: Tensor, scale: Tensor, true: Tensor, each: int) -> Tensor:
    """Cross entropy of each sound (n, 512) among its own ``each`` captions, of which the first is
    right: the rest say that it sounds elsewhere, or that another sounds here.

    ``captions`` (c, 512) begin with those of the first sound; ``true`` (n, c) as in
    `contrast_loss`.
    """
    count = sounds.shape[0]
    own = captions[: count * each].view(count, each, -1)
    logits = scale * torch.einsum("nd,ncd->nc", sounds, own)
    rows = torch.arange(count, device=true.device)[:, None]
    too = true[rows, torch.arange(count * each, device=true.device).view(count, each)].clone()
    too[:, 0] = False
    return -F.log_softmax(logits.masked_fill(too, -1e4), dim=1)[:, 0].mean()


def ranking_loss(
    sounds: Tensor, captions: Tensor, scale: Tensor, taught: Tensor, read: Tensor
) -> Tensor:
    """Cross entropy of how sounds (n, 512) rank captions (c, 512) against how the teacher does.

    ``taught`` (n, 512) and ``read`` (c, 512) are the teacher's embeddings of the same. Rankings
    rather than embeddings are compared, since each has a space of its own.
    """
    target = (TEACHER_SCALE * taught @ read.T).softmax(dim=1)
    return -(target * F.log_softmax(scale * sounds @ captions.T, dim=1)).sum(1).mean()


def label_loss(
    sounds: Tensor, phrases: Tensor, scale: Tensor, label: Tensor, wider: Tensor
) -> Tensor:
    """Cross entropy over one phrase of every label (labels, 512).

    ``wider`` (n, labels) marks the labels that hold too and so are no wrong answers.
    """
    logits = (scale * sounds @ phrases.T).masked_fill(wider, -1e4)
    return F.cross_entropy(logits, label)


class TagTargets(NamedTuple):
    """What the tagger says of n clean clips."""

    logits: Tensor  # (n, 527)
    features: Tensor  # (n, 384), standardised: most of a feature vector is what all sounds share
    standing: Tensor  # (n, 527), the logits, standardised
    middle: Tensor  # (527,) of all logits
    spread: Tensor  # (527,)

    @classmethod
    def of(cls, logits: Tensor, features: Tensor) -> TagTargets:
        """Targets from all clips' logits (n, 527) and features (n, 384)."""
        standing = standardised(logits)
        return cls(logits, standardised(features), standing, logits.mean(0), _spread(logits))

    def rows(self, clip: Tensor) -> TagTargets:
        """The targets of some clips."""
        return self._replace(
            logits=self.logits[clip], features=self.features[clip], standing=self.standing[clip]
        )


def tag_losses(head: TagHead, sound: Tensor, tags: TagTargets) -> dict[str, Tensor]:
    """Distance of what ``head`` makes of ``sound`` (n, 384) to what the tagger says of its clip.

    Posteriors tell which tags hold, standardised logits also which of the unlikely ones are near.
    """
    said = head(sound)
    features = F.cosine_similarity(head.features(sound), tags.features, dim=-1)
    standing = F.cosine_similarity((said - tags.middle) / tags.spread, tags.standing, dim=-1)
    return {
        "tags": 20 * F.binary_cross_entropy_with_logits(said, tags.logits.sigmoid()),
        "features": 1 - features.mean(),
        "standing": 1 - standing.mean(),
    }


def kept_loss(reader: TagReader, embedding: Tensor, tags: TagTargets) -> Tensor:
    """How far embeddings (n, 512) are from telling what the tagger says of their clips."""
    features, standing = reader(embedding)
    alike = F.cosine_similarity(features, tags.features, dim=-1)
    return 2 - alike.mean() - F.cosine_similarity(standing, tags.standing, dim=-1).mean()


def tag_name_loss(sounds: Tensor, names: Tensor, scale: Tensor, standing: Tensor) -> Tensor:
    """Cross entropy of the sounds (n, 512) over the names of AudioSet's tags (527, 512).

    ``standing`` (n, 527) are the tagger's logits, each tag standardised over all clips: so that
    words for which there is no clip still find a place among the sounds, rare ones like common.
    """
    target = (STANDING * standing).softmax(dim=1)
    return -(target * F.log_softmax(scale * sounds @ names.T, dim=1)).sum(1).mean()


def standardised(values: Tensor) -> Tensor:
    """Columns of ``values`` (n, m) with mean 0 and deviation 1."""
    return (values - values.mean(0)) / _spread(values)


def _spread(values: Tensor) -> Tensor:
    return values.std(0) + 1e-3
