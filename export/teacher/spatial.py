"""The spatial tower of ELSA: two CNNs on intensity, an MLP to 44 values, and what is read off."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from export.teacher.config import Spatial
from export.teacher.intensity import Intensity

TYPICAL_DISTANCE_M, TYPICAL_FLOOR_M2, TYPICAL_T30_S = 1.3, 50.0, 0.4
"""Where the answers of an untrained tower start."""


class Place(NamedTuple):
    """What is known of where a sound is."""

    hidden: Tensor  # (batch, width)
    direction: Tensor  # (batch, 3), unit length
    distance: Tensor  # (batch,), log of metres
    floor: Tensor  # (batch,), log of square metres
    t30: Tensor  # (batch,), log of seconds


class Picture(nn.Module):
    """Six blocks of convolution, norm, pooling and ELU: (batch, planes, frames, bins) -> flat.

    Two planes of coordinates come in too: a convolution cannot tell where in time and pitch it is.
    """

    def __init__(self, planes: int, frames: int, bins: int, settings: Spatial) -> None:
        super().__init__()
        time, pitch = torch.linspace(-1, 1, frames), torch.linspace(-1, 1, bins)
        self.coordinates: Tensor
        coordinates = torch.stack(torch.meshgrid(time, pitch, indexing="ij"))[None]
        self.register_buffer("coordinates", coordinates, persistent=False)
        layers: list[nn.Module] = []
        inputs = planes + 2
        for _ in range(settings.blocks):
            layers += [
                nn.Conv2d(inputs, settings.channels, 3, padding=1),
                nn.BatchNorm2d(settings.channels),
                nn.MaxPool2d(2),
                nn.ELU(),
            ]
            inputs = settings.channels
        self.layers = nn.Sequential(*layers).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.width = settings.channels * (frames >> settings.blocks) * (bins >> settings.blocks)

    def forward(self, planes: Tensor) -> Tensor:
        where = self.coordinates.expand(planes.shape[0], -1, -1, -1)
        joined = torch.cat([planes, where], 1).contiguous(memory_format=torch.channels_last)
        return torch.as_tensor(self.layers(joined).flatten(1))


class SpatialTower(nn.Module):
    """FOA (batch, 4, n) at ``settings.rate`` -> `Place`; n is fixed by ``seconds``."""

    def __init__(self, settings: Spatial, seconds: float) -> None:
        super().__init__()
        self.intensity = Intensity(settings)
        self.flow = settings.flow
        self.width = settings.place + 3 * settings.flow
        self.samples = round(seconds * settings.rate)
        size = self.intensity.planes, self.intensity.frames(self.samples), self.intensity.bins
        self.active, self.reactive = Picture(*size, settings), Picture(*size, settings)
        widths = (2 * self.active.width, *settings.hidden, settings.place)
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            layers += [nn.Linear(inputs, outputs), nn.ELU()]
        self.mlp = nn.Sequential(*layers)
        self.direction = _head(self.width, 3)
        self.room = _head(self.width, 3)
        typical = (TYPICAL_DISTANCE_M, TYPICAL_FLOOR_M2, TYPICAL_T30_S)
        bias = self.room[-1].bias
        assert isinstance(bias, Tensor)
        with torch.no_grad():
            bias.copy_(torch.tensor([math.log(value) for value in typical]))

    def forward(self, foa: Tensor) -> Place:
        planes = self.intensity(foa)
        seen = torch.cat([self.active(planes.active), self.reactive(planes.reactive)], 1)
        hidden = self.mlp(seen)
        flow = F.normalize(planes.flow, dim=-1) * self.flow
        if self.flow:
            hidden = torch.cat([hidden, flow.to(hidden.dtype)], 1)
        distance, floor, t30 = self.room(hidden).float().unbind(1)
        direction = F.normalize(self.direction(hidden).float() + flow, dim=-1)
        return Place(hidden, direction, distance, floor, t30)


def _head(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, 64), nn.ELU(), nn.Linear(64, outputs))
