"""One optimisation step of the slot masks, and everything that a checkpoint holds.

Two losses: the gains against those of the sounds' own power, and what the bundle's student
remembers of the masked mixture against what it remembers of the sound alone. The student stays as
it is.
"""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from elsa_rt.encoder.slot_masks import DEEPEST, RunningLevel, planes
from export.settings import FEATURES
from export.slots.model import MaskNetwork
from export.slots.scenes import TwoSounds
from export.student.model import Student
from export.student.trainer import average_into, schedule

LEARNING_RATE = 2e-3
WARM_UP = 50  # steps
AVERAGING = 0.99  # of the weights that are shipped
HEARD_WEIGHT = 2.0  # of the student's loss
HEARD_FROM = 0.15  # share of the steps from which on the student's loss counts
SETTLED = 6  # steps of a scene before its student is listened to

LOUD, SLOPE, LEAST = -5.0, 1.5, 0.03
"""Where a band's weight turns (natural log of power, to the running level), how fast, its least."""


class Batch(NamedTuple):
    """Slots of some scenes: two each, one after the other."""

    planes: Tensor  # (slots, planes, frames, mels)
    mixture: Tensor  # (slots, frames, mels) log power
    gain: Tensor  # (slots, frames, mels) the ideal one, log
    weight: Tensor  # (slots, frames, mels)
    heard: Tensor  # (slots, steps, sound)
    present: Tensor  # (slots,)


def batch_of(scenes: TwoSounds) -> Batch:
    """What is trained on of ``scenes``."""
    power = scenes.mixture[:, 0]
    level = RunningLevel().step(power)
    whole = np.maximum(power, np.logaddexp(scenes.alone[:, 0], scenes.alone[:, 1]))
    ideal = np.clip(scenes.alone - whole[:, None], DEEPEST, 0)
    weight = 1 / (1 + np.exp((LOUD + level - power) / SLOPE)) + LEAST
    seen = planes(scenes.mixture, scenes.beams, level, scenes.directions)
    both = (seen, _twice(power), ideal, _twice(weight), scenes.heard, scenes.present)
    return Batch(*(torch.from_numpy(each.reshape(-1, *each.shape[2:])) for each in both))


def _twice(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.repeat(values[:, None], 2, axis=1)


class MaskTrainer:
    """Network, its slow average, optimiser; ``usual`` are mean and spread of what is remembered."""

    def __init__(self, student: Student, usual: tuple[Tensor, Tensor], total: int) -> None:
        self.network = MaskNetwork(FEATURES.mels)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = deepcopy(self.network).requires_grad_(False)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), LEARNING_RATE)
        self._student = student.eval().requires_grad_(False)
        self._usual = usual
        self.step, self.total = 0, total

    _parts = ("network", "average", "optimizer")

    def save(self, path: Path) -> None:
        """Write a checkpoint whole or not at all."""
        state = {name: getattr(self, name).state_dict() for name in self._parts}
        part = path.with_suffix(".part")
        torch.save(state | {"step": self.step}, part)
        part.rename(path)

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint."""
        state = torch.load(path, weights_only=True)
        for name in self._parts:
            getattr(self, name).load_state_dict(state[name])
        self.step = state["step"]

    def train_on(self, batch: Batch) -> dict[str, float]:
        """One step; returns the losses."""
        for group in self.optimizer.param_groups:
            group["lr"] = LEARNING_RATE * schedule(self.step, self.total, WARM_UP)
        with torch.autocast("cpu", torch.bfloat16):
            gain, _ = self.network(batch.planes.to(memory_format=torch.channels_last))
        losses = {"mask": _mask_loss(gain, batch)}
        if self.step >= HEARD_FROM * self.total:
            losses["heard"] = self._heard_loss(gain, batch)
        total = losses["mask"] + HEARD_WEIGHT * losses.get("heard", torch.zeros(()))
        self.optimizer.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        average_into(self.average, self.network, AVERAGING)
        self.step += 1
        return {name: float(value.detach()) for name, value in losses.items()}

    @torch.inference_mode()
    def losses(self, batch: Batch) -> dict[str, float]:
        """Of the average."""
        gain, _ = self.average(batch.planes)
        return {
            "mask": float(_mask_loss(gain, batch)),
            "heard": float(self._heard_loss(gain, batch)),
        }

    def _heard_loss(self, gain: Tensor, batch: Batch) -> Tensor:
        mean, spread = self._usual
        told = (remembered(self._student, batch.mixture + gain) - mean) / spread
        cosine = F.cosine_similarity(told, (batch.heard - mean) / spread, dim=-1)[:, SETTLED:]
        there = batch.present[:, None].expand_as(cosine)
        return ((1 - cosine) * there).sum() / there.sum().clamp(min=1)


def remembered(student: Student, log_mel: Tensor) -> Tensor:
    """What ``student`` remembers of sound (batch, steps, sound) of ``log_mel`` alone."""
    state = student.initial_state(len(log_mel))
    levelled, _ = student.level(log_mel[:, None], state[0])
    features, _ = student.semantic(levelled, state[4 + len(student.spatial.layers) :])
    heard, _ = student.sound(features.transpose(1, 2), state[1])
    return heard


def _mask_loss(gain: Tensor, batch: Batch) -> Tensor:
    """Weighted square of what gains are off, as a share of the deepest."""
    off = ((gain - batch.gain) / DEEPEST) ** 2
    return (off * batch.weight).sum() / batch.weight.sum()
