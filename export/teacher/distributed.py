"""One contrast over all devices: every sound meets the captions of every process."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, distributed
from torch.distributed.nn.functional import all_gather

_Scalar = TypeVar("_Scalar", bound=np.generic)


def _several() -> bool:
    return distributed.is_available() and distributed.is_initialized()


def join(rows: Tensor) -> Tensor:
    """Rows of all processes, with gradients; each process must bring equally many.

    Every process computes the whole loss and the gradients are averaged over processes: together
    with the sum in the backward pass of the gathering this is the gradient of the whole loss.
    """
    return torch.cat(list(all_gather(rows))) if _several() else rows  # type: ignore[no-untyped-call]


def join_array(rows: NDArray[_Scalar]) -> NDArray[_Scalar]:
    """Rows of all processes, without gradients."""
    if not _several():
        return rows
    gathered: list[NDArray[_Scalar]] = [rows] * distributed.get_world_size()
    distributed.all_gather_object(gathered, rows)
    return np.concatenate(gathered)
