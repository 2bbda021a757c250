"""What the teacher is trained for beside the contrast: direction, distance and the room."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from export.teacher.spatial import Place


class Where(NamedTuple):
    """The truth of a batch; NaN where it is unknown."""

    direction: Tensor  # (batch, 3), unit length
    distance: Tensor  # (batch,) metres
    floor: Tensor  # (batch,) square metres
    t30: Tensor  # (batch,) seconds


def place_losses(place: Place, where: Where) -> dict[str, Tensor]:
    """Direction, distance, floor area and T30.

    Direction is the chord between unit vectors. A loss on the pair of angles would tear at 180
    degrees and, as a cosine, ignore scale; one minus the cosine of vectors hardly feels small
    errors. The others are errors of the logarithm: 1 m means more at 1 m than at 10 m.
    """
    return {
        "direction": _mean_of_known((place.direction - where.direction).norm(dim=-1)),
        "distance": _log_error(place.distance, where.distance),
        "floor": _log_error(place.floor, where.floor),
        "t30": _log_error(place.t30, where.t30),
    }


def _log_error(log: Tensor, truth: Tensor) -> Tensor:
    return _mean_of_known((log - truth.clamp(min=0.01).log()).abs())


def _mean_of_known(errors: Tensor) -> Tensor:
    known = errors.isfinite()
    # where: a NaN times zero would still be NaN in the gradient
    return torch.where(known, errors, 0).sum() / known.sum().clamp(min=1)
