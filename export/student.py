"""The student: a causal, stateful network from frames to embedding, direction, activity, distance.

One forward serves training (many steps at once, state None) and the device (one step, state in
and out), so that both compute the same thing. Axes: (batch, channel, time, mel).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from elsa_rt.features.intensity import CHANNELS
from export.settings import EMBEDDING, FEATURES, STEP_FRAMES

HOP_S = FEATURES.hop / FEATURES.rate
LEVEL_FRAMES, LEVEL_DECAY = 200, 80.0  # memory and time constant of the running level
LOG_MEL_SPREAD = 3.0  # brings log-mel about the running level to about -1..1


@dataclass(frozen=True)
class StudentSize:
    """Widths of the network."""

    stem: int = 32
    stages: tuple[int, ...] = (48, 80, 128)  # each halves the mel axis
    width: int = 256  # of the part that works once per step
    dilations: tuple[int, ...] = (1, 3, 9)  # in steps, kernel 3
    mels: int = FEATURES.mels


class Heard(NamedTuple):
    """Answers for every step; K is the number of source slots."""

    embedding: Tensor  # (batch, steps, K, 512), unit length
    direction: Tensor  # (batch, steps, K, 3), unit length
    activity: Tensor  # (batch, steps, K), logit
    distance: Tensor  # (batch, steps, K), log of metres
    hidden: Tensor  # (batch, steps, width)


class RunningLevel(nn.Module):
    """Takes the microphone's level out of log-mel: its mean over the last two seconds.

    The mean over mel is averaged with exponentially fading weights over the frames that there
    have been: a second channel of ones counts them, so that the first frame is levelled too.
    """

    def __init__(self) -> None:
        super().__init__()
        self.memory = LEVEL_FRAMES - 1
        age = torch.arange(self.memory, -1, -1)
        self.fade: Tensor
        self.register_buffer("fade", torch.exp(-age / LEVEL_DECAY)[None, None])

    def forward(self, log_mel: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """``log_mel`` (batch, 1, time, mel); ``past`` (batch, 2, memory)."""
        loud = log_mel.mean(dim=3)
        joined = torch.cat([past, torch.cat([loud, torch.ones_like(loud)], dim=1)], dim=2)
        faded = F.conv1d(joined.transpose(0, 1).flatten(0, 1)[:, None], self.fade)
        total, count = faded.chunk(2)
        level = (total / count)[..., None]
        return (log_mel - level) / LOG_MEL_SPREAD, joined[:, :, joined.shape[2] - self.memory :]


class CausalConv(nn.Module):
    """Conv2d + BatchNorm + ReLU over time and mel; remembers the frames that it still needs."""

    def __init__(
        self, inputs: int, outputs: int, kernel: tuple[int, int], stride: tuple[int, int]
    ) -> None:
        super().__init__()
        self.memory = kernel[0] - stride[0]
        self.inputs = inputs
        self.conv = nn.Conv2d(
            inputs, outputs, kernel, stride, padding=(0, kernel[1] // 2), bias=False
        )
        self.norm = nn.BatchNorm2d(outputs)
        self.residual = inputs == outputs and stride == (1, 1)

    def forward(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        joined = torch.cat([past, x], dim=2)
        y = self.norm(self.conv(joined))
        if self.residual:
            y = y + x
        return F.relu(y), joined[:, :, joined.shape[2] - self.memory :]


class StepConv(nn.Module):
    """Residual dilated causal convolution over steps: (batch, width, steps)."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.memory = 2 * dilation
        self.conv = nn.Conv1d(width, width, 3, dilation=dilation, bias=False)
        self.norm = nn.BatchNorm1d(width)

    def forward(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        joined = torch.cat([past, x], dim=2)
        y = x + F.relu(self.norm(self.conv(joined)))
        return y, joined[:, :, joined.shape[2] - self.memory :]


class Student(nn.Module):
    """See the module."""

    def __init__(self, size: StudentSize | None = None) -> None:
        super().__init__()
        self.size = size = size or StudentSize()
        self.level = RunningLevel()
        blocks = [CausalConv(len(CHANNELS), size.stem, (3, 5), (2, 2))]
        before = size.stem
        for channels in size.stages:
            blocks.append(CausalConv(before, channels, (3, 3), (1, 2)))
            blocks.append(CausalConv(channels, channels, (3, 3), (1, 1)))
            before = channels
        self.frames = cast("Sequence[CausalConv]", nn.ModuleList(blocks))
        self.fold = nn.Linear(before * (size.mels >> (1 + len(size.stages))), size.width)
        self.pool = nn.Conv1d(size.width, size.width, STEP_FRAMES // 2, STEP_FRAMES // 2)
        self.pool_norm = nn.BatchNorm1d(size.width)
        steps = nn.ModuleList(StepConv(size.width, dilation) for dilation in size.dilations)
        self.steps = cast("Sequence[StepConv]", steps)
        self.dropout = nn.Dropout(0.1)
        self.embed = nn.Sequential(
            nn.Linear(size.width, 512), nn.ReLU(), nn.Dropout(0.1), nn.Linear(512, EMBEDDING)
        )
        self.place = nn.Sequential(nn.Linear(size.width, 64), nn.ReLU(), nn.Linear(64, 5))

    def initial_state(self, batch: int = 1) -> list[Tensor]:
        """Silence before the first frame: zeros, one tensor per layer that remembers."""
        state = [torch.zeros(batch, 2, self.level.memory)]
        mels = self.size.mels
        for layer in self.frames:
            state.append(torch.zeros(batch, layer.inputs, layer.memory, mels))
            mels //= layer.conv.stride[1]
        return state + [torch.zeros(batch, self.size.width, s.memory) for s in self.steps]

    @property
    def context_s(self) -> float:
        """How far back, in seconds, a sound can still matter to an answer."""
        frames, hop = self.level.memory, 1
        for layer in self.frames:
            frames += layer.memory * hop
            hop *= layer.conv.stride[0]
        steps = 1 + sum(layer.memory for layer in self.steps)
        return (frames + steps * STEP_FRAMES) * HOP_S

    def forward(self, mel: Tensor, state: list[Tensor] | None = None) -> tuple[Heard, list[Tensor]]:
        """Frames (batch, time, 8, mels) -> answers for each of the time / 10 steps, next state."""
        state = self.initial_state(mel.shape[0]) if state is None else state
        x = mel.transpose(1, 2)
        levelled, after = self.level(x[:, :1], state[0])
        x = torch.cat([levelled, x[:, 1:]], dim=1)
        following = [after]
        for layer, past in zip(self.frames, state[1:], strict=False):
            x, after = layer(x, past)
            following.append(after)
        x = F.relu(self.fold(x.transpose(1, 2).flatten(2)))
        x = F.relu(self.pool_norm(self.pool(x.transpose(1, 2))))
        for block, past in zip(self.steps, state[1 + len(self.frames) :], strict=True):
            x, after = block(x, past)
            following.append(after)
        hidden = self.dropout(x.transpose(1, 2))
        return self._answers(hidden), following

    def _answers(self, hidden: Tensor) -> Heard:
        place = self.place(hidden)
        return Heard(
            F.normalize(self.embed(hidden), dim=-1)[:, :, None],
            F.normalize(place[..., :3], dim=-1, eps=1e-6)[:, :, None],
            place[..., 3:4],
            place[..., 4:5],
            hidden,
        )
