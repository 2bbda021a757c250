"""Train the student and the text projection on scenes made on the fly.

    python -m export train WORK --steps 6000 --tagger mn04_as.onnx

``WORK`` comes from `export.prepare`. The run leaves ``WORK/run/checkpoint.pt`` and
``WORK/run/log.jsonl``; the same command goes on from the last checkpoint.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from export.student.batches import Feed, batches
from export.student.trainer import StudentTrainer
from export.student.validate import SCENES, Validation
from export.towers.losses import TargetSteps

NORM_BATCHES = 6  # from which batch norms then take what goes through them
SAVE_EVERY_S = 120.0
LOG_EVERY = 250  # steps, with a look at the validation scenes


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
    stage = parser.add_mutually_exclusive_group()
    stage.add_argument(
        "--hold-sound", action="store_true", help="go on without the semantic tower, at less cost"
    )
    stage.add_argument(
        "--sound-only", action="store_true",
        help="go on with what hears the kind of a sound, towards the tagger's answers to the clean "
        "clip; export align must follow",
    )  # fmt: skip
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
        args.sound_only, args.from_bundle,
    )  # fmt: skip
    if args.sound_only and trainer.tags is None:
        parser.error(f"--sound-only: {args.work / 'clips.npz'} has no answers of a tagger: run "
                     "python -m export prepare with --tagger first")  # fmt: skip
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
                figures = validation.measure(
                    trainer.average, trainer.average_projection, trainer.head, trainer.tags
                )
                line = json.dumps({"step": trainer.step, "losses": recent, "validation": figures})
                bar.write(line)
                with (run / "log.jsonl").open("a") as log:
                    log.write(line + "\n")
            if time.monotonic() - saved > SAVE_EVERY_S or trainer.step == total:
                trainer.save(run / "checkpoint.pt")
                saved = time.monotonic()


if __name__ == "__main__":
    main()
