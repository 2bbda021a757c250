"""The last stage of training: what the student remembers meets the captions, fast and long.

    python -m export align WORK

Towers, memories and directions stay as `export.student.train` left them, so their answers for many
scenes are gathered once (``WORK/run/memories-*``), and only what makes an embedding of them, and
the projection of sentences, are trained. ``WORK/run/aligned.pt`` is what `export.bundles.bundle`
then takes. The same command goes on with the gathering where it was cut off; the training, some
minutes, begins anew.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from elsa_rt.files import replacing
from export.captions.bank import CaptionBank
from export.captions.spatial import claims_true
from export.student.batches import Feed
from export.student.model import Student, StudentSize
from export.student.step_cache import Memories, gather, validation
from export.student.trainer import average_into, schedule, tags_of
from export.towers.losses import (
    WEIGHTS,
    TagReader,
    TagTargets,
    Temperature,
    contrast_loss,
    kept_loss,
    label_loss,
    rival_loss,
    tag_name_loss,
)
from export.towers.text import TextProjection

SOUNDS = 192  # in a batch
RIVALS = 3  # of each sound: itself elsewhere, and others here
AVERAGING = 0.998
LEARNING_RATE, WEIGHT_DECAY = 1.5e-3, 0.05
DROPOUT = 0.3  # of the remembered sound: clips are few and heard again and again
SCENES, VALIDATION_SCENES = 8_000, 320
LOG_EVERY = 500
SEED = 3


class Aligner:
    """The parts that are trained, and one optimisation step."""

    def __init__(self, work: Path, state: dict[str, Any], device: str) -> None:
        self.device = torch.device(device)
        self.captions = CaptionBank(work)
        self.tags = tags_of(work)
        kinds = torch.from_numpy(self.captions.kinds)
        self.wider = (kinds & ~torch.eye(len(kinds), dtype=torch.bool)).to(self.device)
        self.student = Student(StudentSize(**state["size"]))
        self.projection = TextProjection(self.captions.pooled.shape[1])
        self.temperature = Temperature()
        for name, part in (
            ("average", self.student),
            ("average_projection", self.projection),
            ("temperature", self.temperature),
        ):
            part.load_state_dict(state[name])
            part.to(self.device)
        self.student.requires_grad_(False)
        student = self.student
        student.dropout.p = DROPOUT
        self.heads = (student.name, student.whereabouts, student.fuse)
        for head in self.heads:
            head.requires_grad_(True)
        self.reader = TagReader().to(self.device)
        parts = (*self.heads, self.projection, self.temperature, self.reader)
        parameters = [p for part in parts for p in part.parameters()]
        self.optimizer = torch.optim.AdamW(parameters, LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        self.average = deepcopy(self.student)
        self.average_projection = deepcopy(self.projection).requires_grad_(False)
        self.step = 0

    def train_on(
        self, memories: Memories, steps: int, rng: np.random.Generator
    ) -> dict[str, float]:
        """One step of optimisation; returns each loss."""
        losses = self.losses(memories, rng.integers(0, len(memories.label), SOUNDS), rng)
        for group in self.optimizer.param_groups:
            group["lr"] = LEARNING_RATE * schedule(self.step, steps)
        self.optimizer.zero_grad(set_to_none=True)
        total = torch.stack([WEIGHTS[name] * loss for name, loss in losses.items()]).sum()
        total.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.step += 1
        decay = min(AVERAGING, self.step / (self.step + 50))
        average_into(self.average, self.student, decay)
        average_into(self.average_projection, self.projection, decay)
        return {name: float(loss.detach()) for name, loss in losses.items()}

    def losses(
        self, memories: Memories, rows: NDArray[np.int64], rng: np.random.Generator
    ) -> dict[str, Tensor]:
        """All losses of a batch by name."""
        self.student.train(), self.projection.train()
        sounds, scale = memories.embed(self.student, rows, self.device), self.temperature()
        attributes = memories.attributes(rows)
        chosen = self.captions.draw(attributes, rng, RIVALS)
        texts = self._read(self.captions.pooled[torch.from_numpy(chosen)])
        true = claims_true(attributes, self.captions.claims[chosen], self.captions.kinds)
        holds = self._there(true)
        label, phrases = self._there(attributes.label), self._read(self.captions.phrases(rng))
        losses = {
            "contrast": contrast_loss(sounds, texts, scale, holds),
            "rivals": rival_loss(sounds, texts, scale, holds, 1 + 2 * RIVALS),
            "label": label_loss(sounds, phrases, scale, label, self.wider[label]),
        }
        if self.tags is not None:
            clip = torch.from_numpy(memories.clip[rows])
            tags = TagTargets(*map(self._there, self.tags.rows(clip)))
            losses["kept"] = kept_loss(self.reader, sounds, tags)
            wordings = self.captions.tag_names(rng)
            if wordings is not None:
                names = self._read(wordings)
                losses["tag_names"] = tag_name_loss(sounds, names, scale, tags.standing)
        return losses

    @torch.inference_mode()
    def measure(self, memories: Memories) -> dict[str, float]:
        """How the averaged weights do on validation steps.

        ``label``: the nearest plain phrase is right; ``rivals``: the true caption beats itself
        elsewhere and others here, `RIVALS` of each.
        """
        rng, rows = np.random.default_rng(SEED), np.arange(len(memories.label))
        self.average.eval(), self.average_projection.eval()
        sounds = memories.embed(self.average, rows, self.device)
        attributes = memories.attributes(rows)
        phrases = self.average_projection(self.captions.phrases(rng).to(self.device))
        said = (sounds @ phrases.T).argmax(1).cpu()
        chosen = self.captions.draw(attributes, rng, RIVALS)[: rows.size * (1 + 2 * RIVALS)]
        pooled = self.captions.pooled[torch.from_numpy(chosen)].to(self.device)
        texts = self.average_projection(pooled).view(rows.size, 1 + 2 * RIVALS, -1)
        similarity = torch.einsum("nd,ncd->nc", sounds, texts)
        return {
            "label": float(self.captions.kinds[attributes.label, said].mean()),
            "rivals": float((similarity.argmax(1) == 0).float().mean()),
        }

    def _read(self, pooled: Tensor) -> Tensor:
        return torch.as_tensor(self.projection(pooled.to(self.device)))

    def _there(self, values: NDArray[Any] | Tensor) -> Tensor:
        return torch.as_tensor(values).to(self.device)


def main(argv: Sequence[str] | None = None) -> None:
    """Gather memories unless they are there, train, and write ``aligned.pt``."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("work", type=Path, help="directory that export.student.train left a run in")
    parser.add_argument("--steps", type=int, default=3_000)
    parser.add_argument("--scenes", type=int, default=SCENES, help="to remember")
    parser.add_argument("--validation", type=int, default=VALIDATION_SCENES, help="to judge by")
    parser.add_argument(
        "--shards", type=Path, help="scenes of export.scenes.shards in place of new ones"
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--workers", type=int, default=1, help="processes that make scenes")
    parser.add_argument("--threads", type=int, default=1, help="threads of the network")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    run = args.work / "run"
    if not (run / "checkpoint.pt").is_file():
        parser.error(f"there is no {run / 'checkpoint.pt'}: run python -m export train first")
    state = torch.load(run / "checkpoint.pt", weights_only=True, map_location="cpu")
    aligner = Aligner(args.work, state, args.device)
    student = deepcopy(aligner.average).eval()
    feed = Feed(args.work, args.shards)
    source = "-shards" if args.shards else ""
    folder = run / f"memories-{state['step']}-{args.seed}{source}"
    memories = gather(feed, student, args.scenes, folder, args.workers, args.seed)
    judged = validation(args.work, student, args.validation)
    rng = np.random.default_rng(args.seed)
    recent: dict[str, float] = {}
    with tqdm(total=args.steps, unit="step", mininterval=10) as bar:
        while aligner.step < args.steps:
            for name, loss in aligner.train_on(memories, args.steps, rng).items():
                recent[name] = 0.99 * recent.get(name, loss) + 0.01 * loss
            bar.update()
            if aligner.step % LOG_EVERY == 0 or aligner.step == args.steps:
                figures = aligner.measure(judged)
                bar.write(json.dumps({"step": aligner.step, "losses": recent, **figures}))
    state |= {
        "average": aligner.average.state_dict(),
        "average_projection": aligner.average_projection.state_dict(),
        "aligned": aligner.step,
    }
    with replacing(run / "aligned.pt") as part:
        torch.save({k: v for k, v in state.items() if k != "optimizer"}, part)


if __name__ == "__main__":
    main()
