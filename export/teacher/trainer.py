"""Everything that a checkpoint of the teacher holds, and one step of optimisation."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray
from torch import Tensor

from elsa_rt.errors import UsageError
from export.captions.spatial import Attributes
from export.teacher.config import TeacherConfig, Training, from_dict
from export.teacher.distributed import join, join_array
from export.teacher.examples import Example, turn
from export.teacher.losses import Where, place_losses
from export.teacher.model import Answers, Elsa
from export.teacher.pairs import DryClips, Pairs, pair
from export.teacher.sentences import Sentences, pooled_width
from export.towers.losses import contrast_loss, label_loss, tag_name_loss


class TeacherTrainer:
    """One process of a training run; with several the steps are taken together."""

    def __init__(self, config: TeacherConfig, work: Path, accelerator: Accelerator) -> None:
        self.config, self.accelerator = config, accelerator
        torch.manual_seed(config.training.seed)
        self.model = Elsa(config.model, pooled_width(work))
        self.sentences = Sentences(work, self.model.reader)
        self._tags = self.sentences.tags() if config.weights.tag_names else None
        self._dry = DryClips(work) if config.training.dry else None
        self.step = 0
        self._optimizer = accelerator.prepare_optimizer(_optimizer(self.model, config.training))
        self._wrapped = accelerator.prepare_model(self.model)

    def save(self, path: Path) -> None:
        """Write a checkpoint whole or not at all."""
        if self.accelerator.is_main_process:
            part = path.with_suffix(".part")
            torch.save(
                {
                    "config": asdict(self.config),
                    "text_width": self.model.text_width,
                    "step": self.step,
                    "model": self.model.own_state(),
                    "optimizer": self._optimizer.state_dict(),
                },
                part,
            )
            part.rename(path)
        self.accelerator.wait_for_everyone()

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint; raises `UsageError` if it is of another network."""
        state = torch.load(path, map_location="cpu", weights_only=True)
        before = from_dict(state["config"], str(path))
        if before.model != self.config.model:
            raise UsageError(
                f"{path} is of a teacher with other settings ({_difference(before, self.config)}): "
                "give --out another directory, or the settings that it was begun with"
            )
        self.model.load_own_state(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        self.step = state["step"]

    def train_on(self, batches: list[Example]) -> dict[str, float]:
        """One step of optimisation on ``training.accumulate`` batches; returns each loss."""
        training, weights = self.config.training, asdict(self.config.weights)
        for group in self._optimizer.param_groups:
            group["lr"] = group["peak"] * schedule(self.step, training)
        seen: dict[str, float] = {}
        for index, batch in enumerate(batches):
            with self.accelerator.accumulate(self._wrapped):
                losses = self._losses(batch, index)
                for name, loss in losses.items():
                    seen[name] = seen.get(name, 0) + float(loss.detach()) / len(batches)
                total = sum(
                    (weights[name] * loss for name, loss in losses.items()), torch.zeros(())
                )
                self.accelerator.backward(total)
                if self.accelerator.sync_gradients:
                    self.accelerator.clip_grad_norm_(self.model.parameters(), training.clip_norm)
                self._optimizer.step()
                self._optimizer.zero_grad()
        self.step += 1
        return seen

    def _losses(self, batch: Example, index: int) -> dict[str, Tensor]:
        """All losses of a batch; what is drawn depends on the step alone, so a resumed run is
        the same run.
        """
        seed = [self.config.training.seed, self.step, index, self.accelerator.process_index]
        rng = np.random.default_rng(seed)
        torch.manual_seed(int(rng.integers(2**31)))
        batch = turn(batch, rng)
        device = self.accelerator.device
        foa, where = batch.foa.to(device), Where._make(t.to(device) for t in batch.where)
        if self.step < self.config.training.spatial_steps:
            return place_losses(self._wrapped(foa).place, where)
        pairs = pair(batch, self.config.training.recombine, rng)
        if self._dry:
            pairs = self._dry.join(pairs, self.config.training.dry, rng)
        attributes = pairs.attributes(batch)
        drawn = self.sentences.draw(attributes, rng, self.config.weights.label > 0)
        texts = drawn.texts
        if self._tags:
            texts = (torch.cat([texts[0], self._tags.names]),)
        answers = self._wrapped(
            foa, pairs.heard.to(device), tuple(t.to(device) for t in texts), pairs.places.to(device)
        )
        contrasts = self._contrasts(answers, pairs, attributes, drawn.claims)
        return place_losses(answers.place, where) | contrasts

    def _contrasts(
        self, answers: Answers, pairs: Pairs, attributes: Attributes, claims: NDArray[np.int64]
    ) -> dict[str, Tensor]:
        """Losses between sounds and texts: captions, phrases of labels, names of tags."""
        sound, text, scale = answers.sound, answers.text, answers.scale
        assert sound is not None
        assert text is not None
        assert scale is not None
        everywhere = Attributes._make(join_array(values) for values in attributes)
        true = torch.from_numpy(self.sentences.true(everywhere, join_array(claims)))
        captions, rest = text[: len(claims)], text[len(claims) :]
        losses = {
            "contrast": contrast_loss(join(sound), join(captions), scale, true.to(sound.device))
        }
        if self.config.weights.label:
            labels = self.sentences.bank.labels
            phrases, rest = rest[:labels], rest[labels:]
            wider = self.sentences.wider[pairs.label].to(sound.device)
            losses["label"] = label_loss(sound, phrases, scale, pairs.label.to(sound.device), wider)
        if self._tags:
            said = self._tags.logits[pairs.clip].to(sound.device)
            losses["tag_names"] = tag_name_loss(sound, rest, scale, said)
        return losses


def schedule(step: int, training: Training) -> float:
    """Share of the learning rate: rises over the warm-up, then falls as a half cosine to a
    hundredth; once in each stage.
    """
    spatial = step < training.spatial_steps
    total = training.spatial_steps if spatial else training.joint_steps
    step = step if spatial else step - training.spatial_steps
    cosine = 0.5 * (1 + math.cos(math.pi * min(1, step / max(1, total))))
    return min(1.0, (step + 1) / training.warm_up) * (0.01 + 0.99 * cosine)


def _optimizer(model: Elsa, training: Training) -> torch.optim.Optimizer:
    pretrained = model.pretrained()
    known = {id(p) for p in pretrained}
    own = [p for p in model.parameters() if p.requires_grad and id(p) not in known]
    groups = [{"params": own, "peak": training.learning_rate}]
    if pretrained:
        groups.append({"params": pretrained, "peak": training.tower_learning_rate})
    return torch.optim.AdamW(groups, training.learning_rate, weight_decay=training.weight_decay)


def _difference(before: TeacherConfig, now: TeacherConfig) -> str:
    was, be = _flat(asdict(before.model), "model."), _flat(asdict(now.model), "model.")
    return ", ".join(
        f"{key} {was[key]} there, {be[key]} here" for key in was if was[key] != be[key]
    )


def _flat(nested: dict[str, Any], prefix: str) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        flat |= (
            _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
        )
    return flat
