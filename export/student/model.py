"""The student: a causal, stateful network from frames to embedding, direction, activity, distance.

Two towers as in ELSA: a semantic one on the log-mel of W (`export.student.semantic`), a spatial one
on intensity (`export.student.spatial`). Gated memories carry what was heard from step to step, and
an MLP fuses both into the space of sentences.

One forward serves training (many steps at once, state None) and the device (one step, state in
and out), so that both compute the same thing. Axes: (batch, channel, time, mel).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from elsa_rt.features.intensity import FeatureSettings
from export.data.tagger import normalise, pre_emphasis
from export.settings import EMBEDDING, FEATURES, STEP_S, TAG_FEATURES
from export.student.semantic import SemanticTower
from export.student.spatial import BANDS, Place, SpatialTower
from export.towers.memory import GatedMemory, PastMean, recall
from export.towers.output import StudentOutput

LEVEL_FRAMES = 200.0  # time constant of the running level
USUAL_LEVEL = 5.0  # log of the power that the running level is brought to, as the tagger has it
SILENCE = 2e-7  # power of W, with the gain of the features, that counts as none
QUIETEST = -1.4  # input of the semantic tower: the tagger's own floor


@dataclass(frozen=True)
class StudentSize:
    """Widths of the network."""

    spatial: tuple[int, int, int] = (40, 80, 128)  # channels of the spatial tower
    place: int = 192  # spatial values per step
    sound: int = 384  # semantic values per step that are remembered
    heads: int = 32  # gates of a memory
    fused: int = 384  # hidden values between memories and embedding


class RunningLevel(nn.Module):
    """Log-mel as the semantic tower wants it: pre-emphasised, its level brought to the usual.

    The level is the log of the mean power of the last seconds, so that a sound that starts
    lifts it at once and the quiet between sounds hardly lowers it.
    """

    def __init__(self, settings: FeatureSettings) -> None:
        super().__init__()
        self.mean = PastMean(LEVEL_FRAMES)
        self.sharpen: Tensor
        self.register_buffer("sharpen", torch.from_numpy(pre_emphasis(settings)).float())

    def forward(self, log_mel: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """``log_mel`` (batch, 1, time, mel); ``past`` (batch, 2)."""
        sharp = log_mel.float() + self.sharpen
        mean, after = self.mean(sharp.exp().sum(dim=3), past)
        usual = sharp - (mean + SILENCE).log()[..., None] + USUAL_LEVEL
        return normalise(usual).clamp(min=QUIETEST), after


class Student(nn.Module):
    """See the module."""

    def __init__(self, size: StudentSize | None = None) -> None:
        super().__init__()
        self.size = size = size or StudentSize()
        self.level = RunningLevel(FEATURES)
        self.semantic = SemanticTower(FEATURES.mels)
        self.spatial = SpatialTower(size.spatial, size.place)
        self.sound = GatedMemory(TAG_FEATURES, size.sound, size.heads)
        self.place = GatedMemory(size.place + size.sound, size.place, size.heads)
        self.aim = nn.Linear(size.place + size.sound, 1)  # gate of the direction's memory
        self.correct = nn.Sequential(nn.Linear(size.place, 64), nn.ReLU(), nn.Linear(64, 3))
        self.far = nn.Sequential(nn.Linear(size.place, 64), nn.ReLU(), nn.Linear(64, 1))
        self.active = nn.Sequential(
            nn.Linear(size.place + size.sound + TAG_FEATURES, 64), nn.ReLU(), nn.Linear(64, 1)
        )
        self.dropout = nn.Dropout(0.1)
        self.name = nn.Linear(size.sound, EMBEDDING)
        self.fuse = nn.Sequential(
            nn.Linear(size.sound + size.place + 4, size.fused),
            nn.GELU(),
            nn.Dropout(0.1),
            nn.Linear(size.fused, EMBEDDING),
        )
        # what words of place mean whatever the sound: a short way that is quickly learnt
        self.whereabouts = nn.Sequential(nn.Linear(4, 128), nn.GELU(), nn.Linear(128, EMBEDDING))

    def initial_state(self, batch: int = 1) -> list[Tensor]:
        """Silence before the first frame: zeros, one tensor per memory."""
        return [
            torch.zeros(batch, 2),
            torch.zeros(batch, self.size.sound),
            torch.zeros(batch, self.size.place),
            torch.zeros(batch, 3),
            *self.spatial.initial_state(batch),
            *self.semantic.initial_state(batch),
        ]

    @torch.no_grad()
    def start_from(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Take the tagger's weights (`export.data.tagger.read_weights`) for the semantic tower.

        Its memory starts as a mean over time, which is what the tagger makes of a clip.
        """
        self.semantic.start_from(weights)
        nn.init.eye_(self.sound.candidate.weight)
        nn.init.zeros_(self.sound.candidate.bias)

    @property
    def context_s(self) -> float:
        """How far back, in seconds, the convolutions look; memories fade beyond."""
        return self.semantic.context_frames * FEATURES.hop / FEATURES.rate + STEP_S

    def forward(
        self, mel: Tensor, state: list[Tensor] | None = None
    ) -> tuple[StudentOutput, list[Tensor]]:
        """Frames (batch, time, 8, mels) -> answers for each of the time / 8 steps, next state."""
        if state is None:
            state = [memory.to(mel.device) for memory in self.initial_state(mel.shape[0])]
        x = mel.transpose(1, 2)
        levelled, level = self.level(x[:, :1], state[0])
        split = 4 + len(self.spatial.layers)
        place, spatial = self.spatial(
            torch.cat([levelled, x[:, 1:]], dim=1)[..., BANDS], state[4:split]
        )
        features, semantic = self.semantic(levelled, state[split:])
        features = features.transpose(1, 2)
        heard, memories = self._remember(features, place, state[1:4])
        return heard, [level, *memories, *spatial, *semantic]

    def _remember(
        self, features: Tensor, place: Place, past: list[Tensor]
    ) -> tuple[StudentOutput, list[Tensor]]:
        sound, after_sound = self.sound(features, past[0])
        now = torch.cat([place.hidden, sound], dim=2)
        where, after_where = self.place(now, past[1])
        aimed, after_aim = remember_direction(place.flow, self.aim(now), past[2])
        direction = F.normalize(aimed + self.correct(where), dim=-1, eps=1e-6)
        distance = self.far(where)
        active = self.active(torch.cat([now, features], dim=2))
        embedding = self.embed(sound, where, direction, distance)
        heard = StudentOutput(
            embedding[:, :, None], direction[:, :, None], active, distance, sound, where
        )
        return heard, [after_sound, after_where, after_aim]

    def embed(self, sound: Tensor, place: Tensor, direction: Tensor, distance: Tensor) -> Tensor:
        """Embedding (..., 512) of memories (..., width), direction (..., 3), distance (..., 1)."""
        kept = self.dropout(sound)
        spot = torch.cat([direction, distance], dim=-1)
        fused = self.fuse(torch.cat([kept, place, spot], dim=-1))
        return F.normalize(self.name(kept) + self.whereabouts(spot) + fused, dim=-1)


def remember_direction(flow: Tensor, gate: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
    """Gated mean over time of the flow (batch, steps, 3), ``gate`` (batch, steps, 1) logits."""
    mean = recall(flow[:, None].float(), gate[:, None, :, 0].float(), past[:, None, None])[:, 0]
    return mean, mean[:, -1]
