"""Answers of the student, as losses and validation take them."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class StudentOutput(NamedTuple):
    """Answers for every step; K is the number of source slots."""

    embedding: Tensor  # (batch, steps, K, 512), unit length
    direction: Tensor  # (batch, steps, K, 3), unit length
    activity: Tensor  # (batch, steps, K), logit
    distance: Tensor  # (batch, steps, K), log of metres
    sound: Tensor  # (batch, steps, sound), the semantic memory
    place: Tensor  # (batch, steps, place), the spatial memory
