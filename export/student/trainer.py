"""One optimisation step of the student, and everything that a checkpoint holds."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from elsa_rt.encoder.bundle import AUDIO_ENCODER, ModelBundle
from export.captions.bank import CaptionBank
from export.captions.spatial import Attributes, attributes_of, claims_true
from export.data.tagger import read_weights
from export.student.batches import some_steps
from export.student.model import Student
from export.student.warm_start import measure_norms, start_from_bundle
from export.teacher import load
from export.towers.losses import (
    WEIGHTS,
    TagHead,
    TagTargets,
    TargetSteps,
    Temperature,
    contrast_loss,
    label_loss,
    place_losses,
    ranking_loss,
    tag_losses,
    tag_name_loss,
)
from export.towers.output import StudentOutput
from export.towers.text import TextProjection

AVERAGING = 0.999  # of the weights that are shipped
LEARNING_RATE = 1.5e-3
TOWER_RATE = 0.25  # share of it for the semantic tower, which starts from the tagger's weights
WARM_RATE, WARM_TOWER_RATE = 0.5, 0.15  # shares of it where all starts from a bundle
SOUND_TOWER_RATE = 0.7  # share of it where only what hears the kind of a sound is trained
WARM_UP = 300  # steps


class StudentTrainer:
    """Everything that a checkpoint holds, and one optimisation step."""

    def __init__(
        self,
        work: Path,
        total: int,
        tagger: Path | None,
        teacher: Path | None,
        device: str,
        hold_sound: bool = False,
        sound_only: bool = False,
        bundle: Path | None = None,
    ) -> None:
        self.device = torch.device(device)
        self.captions = CaptionBank(work)
        # all captions, as the teacher reads them
        self.read = load(teacher).embed_text(self.captions.pooled) if teacher else None
        self.tags = tags_of(work)
        kinds = torch.from_numpy(self.captions.kinds)
        self.wider = kinds & ~torch.eye(len(kinds), dtype=torch.bool)
        self.student = Student()
        self.student.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.projection = TextProjection(self.captions.pooled.shape[1])
        self.head = TagHead()
        self.temperature = Temperature()
        for part in (self.student, self.projection, self.head, self.temperature):
            part.to(self.device)
        if tagger:
            weights = read_weights(tagger)
            self.student.start_from(weights)
            self.head.start_from(weights)
        if bundle:
            start_from_bundle(bundle, self.student, self.projection)
        self.average = deepcopy(self.student).requires_grad_(False)
        self.average_projection = deepcopy(self.projection).requires_grad_(False)
        if sound_only:
            self.shares = (1.0, SOUND_TOWER_RATE)
        elif bundle:
            self.shares = (WARM_RATE, WARM_TOWER_RATE)
        else:
            self.shares = (1.0, TOWER_RATE if tagger else 1.0)
        self.optimizer = self._optimizer()
        student = self.student
        if hold_sound:
            _hold(student.semantic, student.sound, self.head)
        self.sound_only = sound_only
        if sound_only:
            _hold(student.spatial, student.name, student.fuse, student.whereabouts,
                  self.projection, self.temperature)  # fmt: skip
            student.spatial.eval()
        self.total = total
        self.step = 0
        self.seconds = 0.0  # of training so far
        self.facts = {
            "semantic_tower": "EfficientAT mn04_as (MIT), made causal, trained on" * bool(tagger),
            "tagger": "EfficientAT mn04_as (MIT): posteriors and features" * bool(self.tags),
            "teacher": "ELSA of export.teacher: its rankings of captions" * bool(teacher),
            "started_from": _named(bundle) if bundle else "",
        }

    def _optimizer(self) -> torch.optim.AdamW:
        # lists, never sets: a checkpoint knows parameters by their order alone
        tower = list(self.student.semantic.parameters())
        known = set(tower)
        parts = (self.student, self.projection, self.head, self.temperature)
        others = [p for part in parts for p in part.parameters() if p not in known]
        groups = [
            {"params": params, "share": share}
            for params, share in zip((others, tower), self.shares, strict=True)
        ]
        return torch.optim.AdamW(groups, LEARNING_RATE, weight_decay=0.02)

    _parts = ("student", "projection", "head", "temperature", "average", "average_projection",
              "optimizer")  # fmt: skip

    def save(self, path: Path) -> None:
        """Write a checkpoint whole or not at all."""
        state = {name: getattr(self, name).state_dict() for name in self._parts}
        state |= {"step": self.step, "seconds": self.seconds, "facts": self.facts}
        state["size"] = asdict(self.student.size)
        part = path.with_suffix(".part")
        torch.save(state, part)
        part.rename(path)

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint."""
        state = torch.load(path, weights_only=True, map_location=self.device)
        for name in self._parts:
            getattr(self, name).load_state_dict(state[name])
        self.step, self.seconds = state["step"], state["seconds"]
        # those of the checkpoint may be of another stage
        for group, share in zip(self.optimizer.param_groups, self.shares, strict=True):
            group["share"] = share

    def measure_norms(self, batches: Iterable[Tensor]) -> None:
        """`export.student.warm_start.measure_norms` of the student and its average."""
        measure_norms(self.student, map(self._there, batches))
        self.average.load_state_dict(self.student.state_dict())

    def train_on(
        self, mel: Tensor, truth: TargetSteps, rng: np.random.Generator
    ) -> dict[str, float]:
        """One step of optimisation; returns each loss."""
        began = time.monotonic()
        losses = self.losses(mel, truth, rng)
        total = torch.stack([WEIGHTS[name] * loss for name, loss in losses.items()]).sum()
        for group in self.optimizer.param_groups:
            group["lr"] = group["share"] * LEARNING_RATE * schedule(self.step, self.total)
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.student.parameters(), 5.0)
        self.optimizer.step()
        self.step += 1
        decay = min(AVERAGING, self.step / (self.step + 50))
        average_into(self.average, self.student, decay)
        average_into(self.average_projection, self.projection, decay)
        self.seconds += time.monotonic() - began
        return {name: float(loss.detach()) for name, loss in losses.items()}

    def losses(
        self, mel: Tensor, truth: TargetSteps, rng: np.random.Generator
    ) -> dict[str, Tensor]:
        """All losses of a batch by name."""
        which = torch.from_numpy(some_steps(truth.active.numpy(), rng))
        label, clip = truth.label[which], truth.clip[which]
        places = (truth.direction, truth.distance, truth.t30, truth.floor)
        attributes = attributes_of(label.numpy(), *(part[which].numpy() for part in places))
        truth, which = TargetSteps(*map(self._there, truth)), self._there(which)
        with torch.autocast(self.device.type, torch.bfloat16, self.device.type == "cuda"):
            heard, _ = self.student(self._there(mel))
        heard = StudentOutput(*(part.float() for part in heard))
        losses, tags = place_losses(heard, truth), None
        if self.tags:
            tags = TagTargets(*map(self._there, self.tags.rows(clip)))
            losses |= tag_losses(self.head, heard.sound[which], tags)
        if self.sound_only:
            return losses
        sounds, scale = heard.embedding[which][:, 0], self.temperature()
        phrases = self.projection(self._there(self.captions.phrases(rng)))
        wider = self._there(self.wider[label])
        losses["label"] = label_loss(sounds, phrases, scale, self._there(label), wider)
        taught = truth.taught[which.nonzero()[:, 0]]
        losses |= self._caption_losses(sounds, attributes, taught, rng)
        if tags is not None:
            wordings = self.captions.tag_names(rng)
            if wordings is not None:
                names = self.projection(self._there(wordings))
                losses["tag_names"] = tag_name_loss(sounds, names, scale, tags.standing)
        return losses

    def _caption_losses(
        self, sounds: Tensor, truth: Attributes, taught: Tensor, rng: np.random.Generator
    ) -> dict[str, Tensor]:
        chosen = self.captions.draw(truth, rng)
        true = claims_true(truth, self.captions.claims[chosen], self.captions.kinds)
        texts = self.projection(self._there(self.captions.pooled[torch.from_numpy(chosen)]))
        scale, holds = self.temperature(), self._there(torch.from_numpy(true))
        losses = {"contrast": contrast_loss(sounds, texts, scale, holds)}
        if self.read is not None:
            read = self._there(self.read[torch.from_numpy(chosen)])
            losses["teacher"] = ranking_loss(sounds, texts, scale, taught, read)
        return losses

    def _there(self, values: Tensor) -> Tensor:
        return values.to(self.device, non_blocking=True)


def _hold(*modules: torch.nn.Module) -> None:
    """Let the weights of ``modules`` be as they are."""
    for module in modules:
        module.requires_grad_(False)


def tags_of(work: Path) -> TagTargets | None:
    """What the tagger says of each clip of ``work``; nothing where it was not asked."""
    with np.load(work / "clips.npz") as clips:
        if "logits" not in clips:
            return None
        return TagTargets.of(
            *(torch.from_numpy(clips[name].astype(np.float32)) for name in ("logits", "features"))
        )


def _named(bundle: Path) -> str:
    """What the manifest tells of the bundle that a run started from."""
    known = ModelBundle.load(bundle)
    steps = known.training.get("steps", "unknown")
    return f"{known.name} {known.version} ({known.files[AUDIO_ENCODER][:12]}) after {steps} steps"


def schedule(step: int, total: int, warm_up: int = WARM_UP) -> float:
    """Share of the learning rate: rises over ``warm_up`` steps, then falls as a half cosine."""
    return min(1.0, (step + 1) / warm_up) * 0.5 * (1 + math.cos(math.pi * min(1, step / total)))


def average_into(slow: torch.nn.Module, fast: torch.nn.Module, decay: float) -> None:
    with torch.no_grad():
        for mean, now in zip(slow.parameters(), fast.parameters(), strict=True):
            mean.lerp_(now, 1 - decay)
        for held, new in zip(slow.buffers(), fast.buffers(), strict=True):
            held.copy_(new)
