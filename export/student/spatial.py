"""The spatial tower: from intensity to a direction and what else the place of a sound shows.

A mask weighs every band of every frame by how well its intensity tells the direction (the direct
sound, not its echoes); the weighted intensity is a direction by physics, which learnt
values correct. Axes: (batch, channel, time, mel).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from elsa_rt.features.intensity import CHANNELS

BANDS = slice(4, 100)
"""Of 128: about 70 Hz to 7 kHz; beyond, real microphones tell nothing of direction."""

STEP = 8  # frames: two to the number of layers
MASK = 20.0  # bound of the logarithm of a band's weight


class Place(NamedTuple):
    """What one step shows of the place of its sound."""

    hidden: Tensor  # (batch, steps, width)
    flow: Tensor  # (batch, steps, 3), masked mean of active intensity, at most 1 long


class StrideConv(nn.Module):
    """Causal Conv2d + BatchNorm + ReLU that halves time and mel; remembers one frame."""

    def __init__(self, inputs: int, outputs: int, kernel: tuple[int, int]) -> None:
        super().__init__()
        self.inputs = inputs
        self.memory = kernel[0] - 2
        self.conv = nn.Conv2d(inputs, outputs, kernel, 2, (0, kernel[1] // 2), bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        joined = torch.cat([past, x], dim=2)
        return F.relu(self.norm(self.conv(joined))), joined[:, :, joined.shape[2] - self.memory :]


class SpatialTower(nn.Module):
    """Levelled log-mel and intensities (batch, 8, time, 96) -> `Place` of each step."""

    def __init__(self, channels: tuple[int, int, int], width: int) -> None:
        super().__init__()
        self.bands = BANDS.stop - BANDS.start
        inputs = (len(CHANNELS), *channels[:-1])
        kernels = ((4, 5), (3, 3), (3, 3))
        layers = nn.ModuleList(map(StrideConv, inputs, channels, kernels))
        self.layers = cast("Sequence[StrideConv]", layers)
        self.mask = nn.Conv2d(channels[1], 4, 1)  # of 4 frames x 4 bands: a weight per 4 x 1
        self.fold = nn.Linear(channels[2] * self.bands // 8 + 3, width)

    def initial_state(self, batch: int) -> list[Tensor]:
        """Zeros before the first frame."""
        return [
            torch.zeros(batch, layer.inputs, layer.memory, self.bands >> i)
            for i, layer in enumerate(self.layers)
        ]

    def forward(self, x: Tensor, state: Sequence[Tensor]) -> tuple[Place, list[Tensor]]:
        following, y = [], x
        for i, (layer, past) in enumerate(zip(self.layers, state, strict=True)):
            y, after = layer(y, past)
            following.append(after)
            if i == 1:
                mask = self.mask(y)
        flow = self._flow(x[:, 1:4], mask)
        folded = torch.cat([y.transpose(1, 2).flatten(2), flow], dim=2)
        return Place(F.relu(self.fold(folded)), flow), following

    @staticmethod
    def _flow(active: Tensor, mask: Tensor) -> Tensor:
        """Mean of intensity (batch, 3, time, bands) in each step, by the mask's weights.

        ``mask`` (batch, 4, time / 4, bands / 4) are logits of four neighbouring bands each.
        """
        batch, _, time, bands = active.shape
        weight = (
            mask.float()
            .permute(0, 2, 3, 1)
            .reshape(batch, time // STEP, 2, bands)
            .clamp(-MASK, MASK)
            .exp()
        )
        frames = active.float().reshape(batch, 3, time // STEP, 2, 4, bands).mean(dim=4)
        total = weight.sum(dim=(2, 3)) + 1e-6
        return torch.stack([(f * weight).sum(dim=(2, 3)) / total for f in frames.unbind(1)], dim=2)
