"""Distil a ClapModel into the streaming, spatial student: CLAP's words, a step each 80 ms.

    python -m export distil clap-htsat-unfused WORK -o my-student --licence Apache-2.0
    elsa-rt listen --bundle my-student --prompt "a kettle boiling behind me"

``WORK`` comes from `export.prepare`. The CLAP embeds each dry clip once; the student learns to say
the same of the clip in a room, in noise, step by step, beside direction, activity and distance. Its
towers start from ``--from-bundle``. Prompts are read by CLAP's own text tower. The same command
goes on where it was cut off.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from elsa_rt.encoder.bundle import DEFAULT
from elsa_rt.errors import ElsaError, UsageError
from export.bundles.clap.__main__ import UNKNOWN_LICENCE
from export.bundles.clap.clip_embeddings import embed_clips, fingerprint
from export.bundles.clap.graph import Clap
from export.bundles.clap.student_bundle import write_student
from export.bundles.score_statistics import STREAMS
from export.scenes.studio import Studio
from export.student.batches import BATCH, Feed, batches, some_steps, stack
from export.student.model import Student
from export.student.train import SAVE_EVERY_S
from export.student.trainer import WARM_UP, average_into, schedule
from export.student.warm_start import measure_norms, student_of
from export.towers.losses import WEIGHTS, TargetSteps, place_losses

LEARNING_RATE, WEIGHT_DECAY = 1e-3, 0.02
TOWER_RATE = 0.25  # share of it for the semantic tower, which knows sounds already
AVERAGING = 0.999
CLAP_WEIGHT, CENTRED_WEIGHT = 2.0, 4.0
NORM_BATCHES = 6
VALIDATION_SCENES, SEED = 128, 5


class Agreement(NamedTuple):
    """Cosines between the student in rooms and the CLAP on the dry clip, of clips never heard.

    ``centred`` leaves out the mean of the CLAP over all clips, which any student learns at once.
    """

    cosine: float
    centred: float


class Distiller:
    """What a checkpoint holds, and one step of optimisation."""

    def __init__(self, student: Student, target: Tensor, total: int) -> None:
        """``target`` (clips, 512): what the CLAP says of each clip, unit vectors."""
        self.student, self.target, self.total = student, target, total
        self.middle = target.mean(0)
        self.average = deepcopy(student).requires_grad_(False)
        tower = list(student.semantic.parameters())
        known = set(tower)
        others = [p for p in student.parameters() if p not in known]
        groups = [{"params": others, "share": 1.0}, {"params": tower, "share": TOWER_RATE}]
        self.optimizer = torch.optim.AdamW(groups, LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        self.step, self.seconds = 0, 0.0

    def train_on(
        self, mel: Tensor, truth: TargetSteps, rng: np.random.Generator
    ) -> dict[str, float]:
        """One step of optimisation; returns each loss."""
        began = time.monotonic()
        self.student.train()
        heard, _ = self.student(mel)
        which = torch.from_numpy(some_steps(truth.active.numpy(), rng))
        said, wanted = heard.embedding[which][:, 0], self.target[truth.clip[which]]
        losses = {name: WEIGHTS[name] * x for name, x in place_losses(heard, truth).items()}
        losses["clap"] = CLAP_WEIGHT * (1 - (said * wanted).sum(1)).mean()
        off = F.cosine_similarity(said - self.middle, wanted - self.middle, dim=1)
        losses["centred"] = CENTRED_WEIGHT * (1 - off).mean()
        warm_up = max(1, min(WARM_UP, self.total // 10))
        rate = LEARNING_RATE * schedule(self.step, self.total, warm_up)
        for group in self.optimizer.param_groups:
            group["lr"] = group["share"] * rate
        self.optimizer.zero_grad(set_to_none=True)
        torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.student.parameters(), 5.0)
        self.optimizer.step()
        self.step += 1
        average_into(self.average, self.student, min(AVERAGING, self.step / (self.step + 20)))
        self.seconds += time.monotonic() - began
        return {name: float(loss.detach()) for name, loss in losses.items()}

    @torch.inference_mode()
    def agreement(self, work: Path, scenes: int) -> Agreement:
        """Of the averaged student, over ``scenes`` of validation clips in validation rooms."""
        studio, rng = Studio(work, validation=True), np.random.default_rng(SEED)
        self.average.eval()
        plain, centred = [], []
        for _ in range(scenes):
            mel, truth = stack([studio.scene(rng)])
            said = self.average(mel)[0].embedding[truth.active][:, 0]
            wanted = self.target[truth.clip[truth.active]]
            plain.append((said * wanted).sum(1))
            centred.append(F.cosine_similarity(said - self.middle, wanted - self.middle, dim=1))
        return Agreement(*(round(float(torch.cat(x).mean()), 4) for x in (plain, centred)))

    def save(self, path: Path) -> None:
        """Write a checkpoint whole or not at all."""
        state: dict[str, Any] = {name: getattr(self, name).state_dict() for name in _PARTS}
        part = path.with_suffix(".part")
        torch.save(state | {"step": self.step, "seconds": self.seconds}, part)
        part.replace(path)

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint."""
        state = torch.load(path, weights_only=True)
        for name in _PARTS:
            getattr(self, name).load_state_dict(state[name])
        self.step, self.seconds = state["step"], state["seconds"]


_PARTS = ("student", "average", "optimizer")


def train(
    distiller: Distiller, feed: Iterator[tuple[Tensor, TargetSteps]], path: Path,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    """Optimise until the last step, with a checkpoint every two minutes."""
    saved, recent = time.monotonic(), dict[str, float]()
    with tqdm(total=distiller.total, initial=distiller.step, unit="step", mininterval=10) as bar:
        while distiller.step < distiller.total:
            for name, loss in distiller.train_on(*next(feed), rng).items():
                recent[name] = 0.98 * recent.get(name, loss) + 0.02 * loss
            bar.update()
            bar.set_postfix({name: f"{loss:.3f}" for name, loss in recent.items()}, refresh=False)
            if time.monotonic() - saved > SAVE_EVERY_S or distiller.step == distiller.total:
                distiller.save(path)
                saved = time.monotonic()


def distil(args: argparse.Namespace) -> Agreement:
    """Everything from the CLAP's directory to the bundle."""
    if args.steps < 1:
        raise UsageError(f"--steps {args.steps}: at least one is needed")
    if not (args.work / "clips.npz").is_file():
        raise UsageError(f"reading {args.work}: it holds no clips.npz: python -m export prepare "
                         "fills it")  # fmt: skip
    torch.set_num_threads(args.threads)
    clap = Clap.load(args.directory)
    target = torch.from_numpy(embed_clips(clap, args.directory, args.work))
    torch.manual_seed(args.seed)
    distiller = Distiller(student_of(args.from_bundle), target, args.steps)
    path = args.work / "run" / f"clap-{fingerprint(args.directory)}.pt"
    path.parent.mkdir(exist_ok=True)
    if path.exists():
        distiller.resume(path)
    rng = np.random.default_rng([args.seed, distiller.step])
    if distiller.step < args.steps:
        source, seed = Feed(args.work), args.seed + distiller.step
        feed = batches(source, seed, args.workers, 2, rng, args.batch)
        if not distiller.step:
            measure_norms(distiller.student, (next(feed)[0] for _ in range(NORM_BATCHES)))
            distiller.average.load_state_dict(distiller.student.state_dict())
        train(distiller, feed, path, rng)
    agreement = distiller.agreement(args.work, args.validation)
    facts = {
        "steps": distiller.step,
        "hours": round(distiller.seconds / 3600, 2),
        "teacher": f"{args.directory.resolve().name} ({fingerprint(args.directory)})",
    }
    measured = {f"teacher_{name}": value for name, value in agreement._asdict().items()}
    write_student(distiller.average, clap, args, facts, measured)
    return agreement


def options() -> argparse.ArgumentParser:
    """What the command takes."""
    parser = argparse.ArgumentParser(
        "python -m export distil",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("directory", type=Path, help="of a ClapModel")
    parser.add_argument("work", type=Path, metavar="WORK", help="directory of export prepare")
    parser.add_argument("-o", "--output", type=Path, required=True, help="bundle to write")
    parser.add_argument("--steps", type=int, default=6_000, help="of training (default: 6000)")
    about = "bundle whose towers to start from (default: the bundled model)"
    parser.add_argument("--from-bundle", type=Path, default=DEFAULT, help=about)
    about = "scenes of a step (default: %(default)s)"
    parser.add_argument("--batch", type=int, default=BATCH, choices=(8, 16, 32), help=about)
    parser.add_argument("--licence", default=UNKNOWN_LICENCE, help="of the CLAP's weights")
    parser.add_argument("--workers", type=int, default=1, help="processes that make scenes")
    parser.add_argument("--threads", type=int, default=1, help="threads of the network")
    parser.add_argument("--validation", type=int, default=VALIDATION_SCENES, metavar="SCENES")
    parser.add_argument("--streams", type=int, default=STREAMS, help="for the score statistics")
    parser.add_argument("--cache", type=Path, help="directory that keeps what was heard in them")
    parser.add_argument("--seed", type=int, default=1)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    args = options().parse_args(argv)
    try:
        agreement = distil(args)
    except ElsaError as error:
        print(f"export distil: {error}", file=sys.stderr)
        return error.exit_code
    print(f"{args.output}: cosine to the CLAP on clips never heard: "
          f"{json.dumps(agreement._asdict())}")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
