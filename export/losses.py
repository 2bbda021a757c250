"""What the student is trained for, supervised at every step in which something sounds."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from export.settings import TAG_FEATURES, TAGS
from export.student import Heard

WEIGHTS = {
    "contrast": 1.0,
    "label": 2.0,
    "direction": 1.5,
    "activity": 0.5,
    "distance": 0.3,
    "tags": 1.0,
    "features": 2.0,
}
"""Weight of each loss in the sum."""


class Steps(NamedTuple):
    """The truth of the steps in a batch, flattened to (batch, steps)."""

    active: Tensor  # bool
    label: Tensor  # int64, -1 where silent
    clip: Tensor  # int64
    direction: Tensor  # (batch, steps, 3)
    distance: Tensor  # metres


class TagHead(nn.Module):
    """What the tagger would say, from the student's hidden vector; dropped after training."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.logits = nn.Linear(width, TAGS)
        self.features = nn.Linear(width, TAG_FEATURES)


class Temperature(nn.Module):
    """The learnt inverse temperature of the contrastive losses, at most 100."""

    def __init__(self) -> None:
        super().__init__()
        self.log = nn.Parameter(torch.tensor(2.7))

    def forward(self) -> Tensor:
        return self.log.exp().clamp(max=100.0)


def place_losses(heard: Heard, truth: Steps) -> dict[str, Tensor]:
    """Direction (chord, so that small errors count), activity, log distance."""
    active = truth.active
    chord = (heard.direction[:, :, 0] - truth.direction).norm(dim=-1)
    apart = heard.distance[:, :, 0] - truth.distance.clamp(min=0.1).log()
    return {
        "direction": chord[active].mean(),
        "activity": F.binary_cross_entropy_with_logits(heard.activity[:, :, 0], active.float()),
        "distance": apart[active].abs().mean(),
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


def label_loss(
    sounds: Tensor, phrases: Tensor, scale: Tensor, label: Tensor, wider: Tensor
) -> Tensor:
    """Cross entropy over one phrase of every label (labels, 512).

    ``wider`` (labels, labels) marks the labels that hold too and so are no wrong answers.
    """
    logits = (scale * sounds @ phrases.T).masked_fill(wider[label], -1e4)
    return F.cross_entropy(logits, label)


def tag_losses(
    head: TagHead, hidden: Tensor, logits: Tensor, features: Tensor
) -> dict[str, Tensor]:
    """Distance of the student's tags and features to the tagger's for the clip that sounds."""
    said = head.logits(hidden)
    cosine = F.cosine_similarity(head.features(hidden), features, dim=-1)
    return {
        "tags": 20 * F.binary_cross_entropy_with_logits(said, logits.sigmoid()),
        "features": 1 - cosine.mean(),
    }
