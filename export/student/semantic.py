"""The semantic tower: EfficientAT ``mn04`` made causal, one answer a step.

Its weights start from the tagger (`export.data.tagger`), a MobileNetV3 over log-mel that sees a
whole clip at once. Three changes let it stream:

- **time**: the first three strides in time (8 frames, one step) stay. The later two become
  dilations, so that every step gives what the strided network gave every fourth.
- **future**: early layers wait for it, at 20 and 40 ms a tap. Later ones, at 80 to 320 ms, fold the
  weights of future taps onto the present one: a steady sound answers as it did.
- **squeeze and excitation** pools over the past with fading weights rather than over the clip.

One forward serves training (many steps, state None) and the device (one step, state in and out).
Axes: (batch, channel, time, mel).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from export.towers.memory import PastMean

FADE_STEPS = 12.0
"""Time constant of the pooling in squeeze and excitation: about a second."""


class BlockSize(NamedTuple):
    """One inverted residual of the tower."""

    inputs: int
    expanded: int
    outputs: int
    kernel: int
    mel_stride: int
    time_stride: int
    dilation: int  # in time
    squeeze: int  # width of squeeze and excitation, 0 without
    hard_swish: bool
    fold: bool  # whether future taps are folded rather than waited for


STEM = 8
FEATURES_WIDTH = 384
BLOCKS = (
    BlockSize(8, 8, 8, 3, 1, 1, 1, 0, False, False),
    BlockSize(8, 24, 16, 3, 2, 2, 1, 0, False, False),
    BlockSize(16, 32, 16, 3, 1, 1, 1, 0, False, False),
    BlockSize(16, 32, 16, 5, 2, 2, 1, 8, False, False),
    BlockSize(16, 48, 16, 5, 1, 1, 1, 16, False, True),
    BlockSize(16, 48, 16, 5, 1, 1, 1, 16, False, True),
    BlockSize(16, 96, 32, 3, 2, 1, 1, 0, True, True),
    BlockSize(32, 80, 32, 3, 1, 1, 2, 0, True, True),
    BlockSize(32, 72, 32, 3, 1, 1, 2, 0, True, True),
    BlockSize(32, 72, 32, 3, 1, 1, 2, 0, True, True),
    BlockSize(32, 192, 48, 3, 1, 1, 2, 48, True, True),
    BlockSize(48, 272, 48, 3, 1, 1, 2, 72, True, True),
    BlockSize(48, 272, 64, 5, 2, 1, 2, 72, True, True),
    BlockSize(64, 384, 64, 5, 1, 1, 4, 96, True, True),
    BlockSize(64, 384, 64, 5, 1, 1, 4, 96, True, True),
)


class PastConv(nn.Module):
    """Conv2d that looks only back: its state is the frames that it still needs."""

    def __init__(self, size: BlockSize, channels: int, groups: int, inputs: int) -> None:
        super().__init__()
        self.inputs = inputs
        self.memory = size.dilation * (size.kernel - 1) - (size.time_stride - 1)
        self.conv = nn.Conv2d(
            inputs, channels, size.kernel, (size.time_stride, size.mel_stride),
            padding=(0, size.kernel // 2), dilation=(size.dilation, 1), groups=groups,
        )  # fmt: skip

    def forward(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        joined = torch.cat([past, x], dim=2)
        return self.conv(joined), joined[:, :, joined.shape[2] - self.memory :]


class Block(nn.Module):
    """Inverted residual: expand, convolve each channel, squeeze and excite, project."""

    def __init__(self, size: BlockSize, expand: bool) -> None:
        super().__init__()
        self.size = size
        self.expand = nn.Conv2d(size.inputs, size.expanded, 1) if expand else nn.Identity()
        self.depthwise = PastConv(size, size.expanded, size.expanded, size.expanded)
        self.project = nn.Conv2d(size.expanded, size.outputs, 1)
        self.mean = PastMean(FADE_STEPS)
        if size.squeeze:
            self.squeeze = nn.Linear(size.expanded, size.squeeze)
            self.excite = nn.Linear(size.squeeze, size.expanded)
        self.residual = size.inputs == size.outputs and size.mel_stride == size.time_stride == 1

    def activate(self, x: Tensor) -> Tensor:
        return F.hardswish(x) if self.size.hard_swish else F.relu(x)

    def forward(self, x: Tensor, state: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        wide = x if isinstance(self.expand, nn.Identity) else self.activate(self.expand(x))
        wide, after = self.depthwise(wide, state[0])
        wide, following = self.activate(wide), [after]
        if self.size.squeeze:
            pooled, after = self.mean(wide.mean(dim=3), state[1])
            gate = self.excite(F.relu(self.squeeze(pooled.transpose(1, 2)))).sigmoid()
            wide = wide * gate.transpose(1, 2)[..., None]
            following.append(after)
        y = self.project(wide)
        return y + x if self.residual else y, following


class SemanticTower(nn.Module):
    """Normalised log-mel (batch, 1, time, mels) -> features (batch, 384, steps)."""

    def __init__(self, mels: int) -> None:
        super().__init__()
        self.mels = mels
        first = BlockSize(1, STEM, STEM, 3, 2, 2, 1, 0, True, False)
        self.stem = PastConv(first, STEM, 1, 1)
        made = nn.ModuleList(Block(size, i > 0) for i, size in enumerate(BLOCKS))
        self.blocks = cast("Sequence[Block]", made)
        self.last = nn.Conv2d(BLOCKS[-1].outputs, FEATURES_WIDTH, 1)

    def initial_state(self, batch: int) -> list[Tensor]:
        """Zeros before the first frame, one tensor per memory."""
        state, mels = [torch.zeros(batch, 1, self.stem.memory, self.mels)], self.mels // 2
        for block in self.blocks:
            size = block.size
            state.append(torch.zeros(batch, size.expanded, block.depthwise.memory, mels))
            mels //= size.mel_stride
            if size.squeeze:
                state.append(torch.zeros(batch, size.expanded + 1))
        return state

    @property
    def context_frames(self) -> int:
        """Frames that the convolutions look back; the fading means look further."""
        frames, hop = self.stem.memory, 2
        for block in self.blocks:
            frames += block.depthwise.memory * hop
            hop *= block.size.time_stride
        return frames

    def forward(self, x: Tensor, state: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        x, after = self.stem(x, state[0])
        x, following = F.hardswish(x), [after]
        taken = 1
        for block in self.blocks:
            count = 2 if block.size.squeeze else 1
            x, after_block = block(x, state[taken : taken + count])
            following += after_block
            taken += count
        return F.hardswish(self.last(x)).mean(dim=3), following

    @torch.no_grad()
    def start_from(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Take the tagger's weights: the initialisers of its ONNX file by name."""
        given = {name: torch.from_numpy(np.array(array)) for name, array in weights.items()}
        _fill(self.stem.conv, given, "f0_w", "f0_b", fold=False)
        for i, block in enumerate(self.blocks, 1):
            if not isinstance(block.expand, nn.Identity):
                _fill(block.expand, given, f"f{i}e_w", f"f{i}e_b", fold=False)
            _fill(block.depthwise.conv, given, f"f{i}d_w", f"f{i}d_b", fold=block.size.fold)
            _fill(block.project, given, f"f{i}p_w", f"f{i}p_b", fold=False)
            if block.size.squeeze:
                _fill(block.squeeze, given, f"f{i}s_w1", f"f{i}s_b1", fold=False)
                _fill(block.excite, given, f"f{i}s_w2", f"f{i}s_b2", fold=False)
        _fill(self.last, given, "f16_w", "f16_b", fold=False)


def _fill(
    layer: nn.Conv2d | nn.Linear, given: Mapping[str, Tensor], weight: str, bias: str, *, fold: bool
) -> None:
    """Copy one layer; the tagger's axes are (mel, time), ours (time, mel)."""
    values = given[weight]
    if values.dim() == 4:
        values = values.transpose(2, 3)
    if fold:
        half = values.shape[2] // 2
        past = values[:, :, : half + 1].clone()
        past[:, :, half] += values[:, :, half + 1 :].sum(2)
        values = torch.cat([torch.zeros_like(values[:, :, :half]), past], dim=2)
    layer.weight.copy_(values)
    layer.bias.copy_(given[bias])  # type: ignore[union-attr]
