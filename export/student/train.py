"""Train the student and the text projection on scenes made on the fly.

    python -m export train WORK --steps 6000 --tagger mn04_as.onnx

``WORK`` comes from `export.prepare`. The run leaves ``WORK/run/checkpoint.pt`` and
``WORK/run/log.jsonl``; the same command goes on from the last checkpoint.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from elsa_rt.encoder.bundle import AUDIO_ENCODER, ModelBundle
from export.captions.bank import CaptionBank
from export.captions.spatial import Attributes, attributes_of, claims_true
from export.data.tagger import read_weights
from export.student.batches import Feed, batches, some_steps
from export.student.model import Student
from export.student.validate import SCENES, Validation
from export.student.warm_start import measure_norms, start_from_bundle
from export.teacher import load
from export.towers.losses import (
    WEIGHTS,
    TagHead,
    TargetSteps,
    Temperature,
    contrast_loss,
    label_loss,
    place_losses,
    ranking_loss,
    standardised,
    tag_losses,
    tag_name_loss,
)
from export.towers.output import StudentOutput
from export.towers.text import TextProjection

AVERAGING = 0.999  # of the weights that are shipped
LEARNING_RATE = 1.5e-3
TOWER_RATE = 0.25  # share of it for the semantic tower, which starts from the tagger's weights
WARM_RATE, WARM_TOWER_RATE = 0.5, 0.15  # shares of it where all starts from a bundle
NORM_BATCHES = 6  # from which batch norms then take what goes through them
WARM_UP = 300  # steps
SAVE_EVERY_S = 120.0
LOG_EVERY = 250  # steps, with a look at the validation scenes


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
        bundle: Path | None = None,
    ) -> None:
        self.device = torch.device(device)
        self.captions = CaptionBank(work)
        # all captions, as the teacher reads them
        self.read = load(teacher).embed_text(self.captions.pooled) if teacher else None
        self.tags = _tags_of(work)
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
        self.optimizer = (
            self._optimizer(WARM_TOWER_RATE, WARM_RATE)
            if bundle
            else self._optimizer(TOWER_RATE if tagger else 1.0)
        )
        if hold_sound:
            held: tuple[torch.nn.Module, ...] = (
                self.student.semantic,
                self.student.sound,
                self.head,
            )
            for module in held:
                module.requires_grad_(False)
        self.total = total
        self.step = 0
        self.seconds = 0.0  # of training so far
        self.facts = {
            "semantic_tower": "EfficientAT mn04_as (MIT), made causal, trained on" * bool(tagger),
            "tagger": "EfficientAT mn04_as (MIT): posteriors and features" * bool(self.tags),
            "teacher": "ELSA of export.teacher: its rankings of captions" * bool(teacher),
            "started_from": _named(bundle) if bundle else "",
        }

    def _optimizer(self, tower_rate: float, rate: float = 1.0) -> torch.optim.AdamW:
        # lists, never sets: a checkpoint knows parameters by their order alone
        tower = list(self.student.semantic.parameters())
        known = set(tower)
        parts = (self.student, self.projection, self.head, self.temperature)
        others = [p for part in parts for p in part.parameters() if p not in known]
        groups = [{"params": others, "share": rate}, {"params": tower, "share": tower_rate}]
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
        losses = place_losses(heard, truth)
        sounds, scale = heard.embedding[which][:, 0], self.temperature()
        phrases = self.projection(self._there(self.captions.phrases(rng)))
        wider = self._there(self.wider[label])
        losses["label"] = label_loss(sounds, phrases, scale, self._there(label), wider)
        taught = truth.taught[which.nonzero()[:, 0]]
        losses |= self._caption_losses(sounds, attributes, taught, rng)
        if self.tags:
            tags = {name: self._there(values[clip]) for name, values in self.tags.items()}
            losses |= tag_losses(self.head, heard.sound[which], tags["logits"], tags["features"])
            wordings = self.captions.tag_names(rng)
            if wordings is not None:
                names = self.projection(self._there(wordings))
                losses["tag_names"] = tag_name_loss(sounds, names, scale, tags["standing"])
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


def _tags_of(work: Path) -> dict[str, Tensor]:
    """What the tagger says of each clip of ``work``; nothing where it was not asked."""
    with np.load(work / "clips.npz") as clips:
        if "logits" not in clips:
            return {}
        logits, features = (
            torch.from_numpy(clips[name].astype(np.float32)) for name in ("logits", "features")
        )
    # most of a feature vector is what all sounds share
    return {
        "logits": logits, "features": standardised(features), "standing": standardised(logits)
    }  # fmt: skip


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


def main(argv: Sequence[str] | None = None) -> None:
    """Train until ``--steps``, with a checkpoint every two minutes."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("work", type=Path, help="directory that export.prepare filled")
    parser.add_argument("--steps", type=int, default=6_000)
    parser.add_argument("--tagger", type=Path, help="ONNX tagger whose weights to start from")
    parser.add_argument(
        "--from-bundle", type=Path, help="bundle whose student and text projection to go on with"
    )
    parser.add_argument("--teacher", type=Path, help="checkpoint of export.teacher to learn from")
    parser.add_argument(
        "--shards", type=Path, help="scenes of export.scenes.shards in place of new ones"
    )
    parser.add_argument(
        "--hold-sound", action="store_true", help="go on without the semantic tower, at less cost"
    )
    parser.add_argument("--device", default="cpu", help="cpu, or cuda in bfloat16")
    parser.add_argument("--workers", type=int, default=1, help="processes that make scenes")
    parser.add_argument("--threads", type=int, default=1, help="threads of the network")
    parser.add_argument("--reuse", type=int, default=2, choices=(1, 2, 4), help="of each scene")
    parser.add_argument("--validation", type=int, default=SCENES, help="scenes to judge by")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    run = args.work / "run"
    run.mkdir(exist_ok=True)
    torch.manual_seed(args.seed)
    trainer = StudentTrainer(
        args.work, args.steps, args.tagger, args.teacher, args.device, args.hold_sound,
        args.from_bundle,
    )  # fmt: skip
    if (run / "checkpoint.pt").exists():
        trainer.resume(run / "checkpoint.pt")
    rng = np.random.default_rng([args.seed, trainer.step])
    source = Feed(args.work, args.shards, args.teacher)
    feed = batches(source, args.seed + trainer.step, args.workers, args.reuse, rng)
    if args.from_bundle and not trainer.step:
        trainer.measure_norms(next(feed)[0] for _ in range(NORM_BATCHES))
    validation = Validation(args.work, trainer.captions, args.validation)
    train(trainer, feed, args.steps, run, rng, validation)


def train(
    trainer: StudentTrainer,
    feed: Iterator[tuple[Tensor, TargetSteps]],
    total: int,
    run: Path,
    rng: np.random.Generator,
    validation: Validation,
) -> None:
    """The loop: optimise, say how it goes, save every two minutes."""
    saved = time.monotonic()
    recent: dict[str, Any] = {}
    with tqdm(total=total, initial=trainer.step, unit="step", mininterval=10) as bar:
        while trainer.step < total:
            for name, loss in trainer.train_on(*next(feed), rng).items():
                recent[name] = 0.98 * recent.get(name, loss) + 0.02 * loss
            bar.update()
            if trainer.step % LOG_EVERY == 0 or trainer.step == total:
                figures = validation.measure(trainer.average, trainer.average_projection)
                line = json.dumps({"step": trainer.step, "losses": recent, "validation": figures})
                bar.write(line)
                with (run / "log.jsonl").open("a") as log:
                    log.write(line + "\n")
            if time.monotonic() - saved > SAVE_EVERY_S or trainer.step == total:
                trainer.save(run / "checkpoint.pt")
                saved = time.monotonic()


if __name__ == "__main__":
    main()
