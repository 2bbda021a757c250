"""The network of slot masks: causal convolutions over bands and frames, coarser and back.

Both slots run through the same weights: each sees the mixture, and what lies at its own direction
and at the other's. Convolutions look back only; within a step of 80 ms every frame sees what the
coarse layers make of the whole step. Axes: (batch, channel, time, mel).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from elsa_rt.encoder.slot_masks import DEEPEST, MOST, PLANES


class Layer(NamedTuple):
    """A convolution that looks back."""

    outputs: int
    kernel: tuple[int, int]  # time, mel
    stride: tuple[int, int]
    dilation: int = 1  # in time


DOWN = (
    Layer(16, (3, 5), (1, 2)),
    Layer(24, (4, 5), (2, 2)),
    Layer(32, (4, 3), (2, 2)),
    Layer(40, (4, 3), (2, 1)),
)
DEEP = (Layer(40, (3, 3), (1, 1), 2), Layer(40, (3, 3), (1, 1), 4))
"""Behind `DOWN`, each added to what goes in: their last frames are a second back."""

UP = (32, 24, 16, 12)
"""Widths on the way back, each beside what the same resolution was on the way down."""


class PastConv(nn.Module):
    """A convolution and ReLU whose state is the frames that it still needs."""

    def __init__(self, inputs: int, layer: Layer) -> None:
        super().__init__()
        self.inputs, self.layer = inputs, layer
        self.memory = layer.dilation * (layer.kernel[0] - 1) - (layer.stride[0] - 1)
        self.conv = nn.Conv2d(
            inputs, layer.outputs, layer.kernel, layer.stride, (0, layer.kernel[1] // 2),
            (layer.dilation, 1),
        )  # fmt: skip

    def forward(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        joined = torch.cat([past, x], dim=2)
        return F.relu(self.conv(joined)), joined[:, :, joined.shape[2] - self.memory :]


class MaskNetwork(nn.Module):
    """Planes (batch, `PLANES`, time, mels) -> log gains (batch, time, mels), `DEEPEST` to 0."""

    def __init__(self, mels: int) -> None:
        super().__init__()
        self.mels = mels
        widths = [PLANES, *(layer.outputs for layer in DOWN)]
        self.down = cast("Sequence[PastConv]", nn.ModuleList(map(PastConv, widths, DOWN)))
        deep = nn.ModuleList(PastConv(widths[-1], layer) for layer in DEEP)
        self.deep = cast("Sequence[PastConv]", deep)
        below = [widths[-1], *UP]
        self.up = nn.ModuleList(
            nn.Conv2d(narrow + beside, width, (1, 3), padding=(0, 1))
            for narrow, beside, width in zip(below, widths[-2::-1], UP, strict=False)
        )
        self.gain = nn.Conv2d(UP[-1], 1, 1)

    def initial_state(self, batch: int) -> list[Tensor]:
        """Zeros before the first frame."""
        state, mels = [], self.mels
        for part in (*self.down, *self.deep):
            state.append(torch.zeros(batch, part.inputs, part.memory, mels))
            mels //= part.layer.stride[1]
        return state

    def forward(
        self, planes: Tensor, state: Sequence[Tensor] | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        state = self.initial_state(len(planes)) if state is None else state
        x = planes.clamp(-MOST, MOST)
        following, beside = [], [x]
        for part, past in zip((*self.down, *self.deep), state, strict=True):
            y, after = part(x, past)
            following.append(after)
            if part.layer.stride == (1, 1):
                x = x + y
            else:
                x = y
                beside.append(y)
        for layer, fine in zip(self.up, beside[-2::-1], strict=True):
            times = fine.shape[2] // x.shape[2], fine.shape[3] // x.shape[3]
            wide = x.repeat_interleave(times[0], 2).repeat_interleave(times[1], 3)
            x = F.relu(layer(torch.cat([wide, fine], dim=1)))
        share = self.gain(x)[:, 0].float().sigmoid()
        floor = math.exp(DEEPEST)
        return torch.log(floor + (1 - floor) * share), following
