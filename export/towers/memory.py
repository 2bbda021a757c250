"""What the student remembers without end: fading means and gated memories.

Both are linear recurrences over time, computed for many steps at once as one product with a
triangular matrix of decays, so that training and the device run the same lines.
Axes: (batch, channel, time).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FORGOTTEN = -30.0  # log of a share of the past that counts as none; smaller ones only cost time


class PastMean(nn.Module):
    """Mean over the past with weights that fade by e in ``fade`` steps.

    The last channel of the state counts the weights that there have been, so that the first
    step already gives its own mean.
    """

    def __init__(self, fade: float) -> None:
        super().__init__()
        self.fade = fade

    def forward(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """``x`` (batch, channel, time); ``past`` (batch, channel + 1)."""
        joined = torch.cat([x, torch.ones_like(x[:, :1])], dim=1)
        time = torch.arange(x.shape[2], device=x.device)
        age = time[:, None] - time[None, :]
        decay = torch.where(age >= 0, torch.exp(-age / self.fade), 0.0).to(x.dtype)
        carried = torch.exp(-(time + 1) / self.fade).to(x.dtype)
        summed = joined @ decay.T + past[:, :, None] * carried
        return summed[:, :-1] / summed[:, -1:], summed[:, :, -1]


class GatedMemory(nn.Module):
    """``h = (1 - z) h + z c``: candidate c and gate z of each head come from the input alone.

    This is the minimal gated recurrent unit (Feng et al., "Were RNNs all we needed?", 2024). The
    gates of one head share a decay; h stays within the range of the candidates for ever.
    """

    def __init__(self, inputs: int, width: int, heads: int) -> None:
        super().__init__()
        self.width, self.heads = width, heads
        self.candidate = nn.Linear(inputs, width)
        self.gate = nn.Linear(inputs, heads)
        # from half a second to four, so that some heads react and others gather
        nn.init.constant_(self.gate.bias, -1.5)
        with torch.no_grad():
            self.gate.bias.copy_(torch.linspace(-1.0, -3.5, heads))

    def forward(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """``x`` (batch, time, inputs) -> (batch, time, width); ``past`` (batch, width)."""
        batch, time, _ = x.shape
        candidate = self.candidate(x).float().view(batch, time, self.heads, -1).transpose(1, 2)
        gate = self.gate(x).float().transpose(1, 2)  # (batch, heads, time)
        h = recall(candidate, gate, past.view(batch, self.heads, 1, -1))
        flat = h.transpose(1, 2).reshape(batch, time, self.width)
        return flat, flat[:, -1]


def recall(candidate: Tensor, gate: Tensor, past: Tensor) -> Tensor:
    """The recurrence for all steps at once.

    Parameters
    ----------
    candidate : (batch, heads, time, n)
    gate : (batch, heads, time), logits of z
    past : (batch, heads, 1, n), h before the first step
    """
    # log of what is left of the state before step 0; softplus, which no exporter takes apart
    # into a logarithm of zero
    kept = -F.softplus(gate).cumsum(dim=2)
    since = kept[:, :, :, None] - kept[:, :, None, :]
    decay = since.clamp(FORGOTTEN, 0.0).exp().tril()
    return decay * gate.sigmoid()[:, :, None, :] @ candidate + kept.exp()[..., None] * past
