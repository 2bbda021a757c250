"""Train the teacher on scenes made on the fly: the spatial tower first, then everything.

    python -m export teacher CONFIG.yaml WORK --set model.semantic.path=mn04_as.onnx
    accelerate launch --multi_gpu -m export.teacher.train CONFIG.yaml WORK

``WORK`` comes from `export.prepare`. The run leaves ``checkpoint.pt``, ``log.jsonl`` and
``curves.png`` in ``WORK/teacher``. The same command goes on from the checkpoint, as if it had
never stopped; Ctrl-C, or a cluster's SIGTERM, ends the run after the step that is being done.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from tqdm import tqdm

from elsa_rt.errors import ElsaError
from export.teacher.config import TeacherConfig, read_config
from export.teacher.curves import draw_curves
from export.teacher.examples import Example, Examples, Hearing, collate, feed
from export.teacher.measure import figures
from export.teacher.trainer import TeacherTrainer

LOG_EVERY = 50  # steps
SMOOTH = 0.98  # of the losses that are logged


def main(argv: Sequence[str] | None = None) -> None:
    """Train until the last step, with checkpoints on the way."""
    args = _parser().parse_args(argv)
    try:
        config = read_config(args.config, args.set)
        out = args.out or args.work / "teacher"
        out.mkdir(parents=True, exist_ok=True)
        run = Run(config, args.work, out, args.threads)
        for stop in (signal.SIGINT, signal.SIGTERM):
            signal.signal(stop, lambda *_: run.accelerator.set_trigger())
        run.go_on()
    except ElsaError as error:
        print(f"export teacher: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m export teacher", description=__doc__.split("\n")[0]
    )
    parser.add_argument("config", type=Path, help="YAML of settings; see export/teacher/configs")
    parser.add_argument("work", type=Path, help="directory that export.prepare filled")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE",
                        help="another value for one setting; repeatable")  # fmt: skip
    parser.add_argument("--out", type=Path, help="where the run is kept (default: WORK/teacher)")
    parser.add_argument("--threads", type=int, default=1, help="threads of the network on a CPU")
    return parser


def make_accelerator(config: TeacherConfig) -> Accelerator:
    """What spreads a run over the devices that there are."""
    return Accelerator(
        mixed_precision=config.training.precision,
        gradient_accumulation_steps=config.training.accumulate,
        # in the first stage most of the network is not used
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
    )


class Run:
    """A training run and what it leaves in ``out``."""

    def __init__(self, config: TeacherConfig, work: Path, out: Path, threads: int = 1) -> None:
        torch.set_num_threads(threads)
        self.training = config.training
        self.checkpoint, self.log = out / "checkpoint.pt", out / "log.jsonl"
        self.accelerator = make_accelerator(config)
        self.trainer = TeacherTrainer(config, work, self.accelerator)
        hearing = Hearing(config.model)
        how = self.training.dominance, self.training.seed
        self.scenes = Examples(work, hearing, False, *how, self.training.shards)
        self._held = Examples(work, hearing, True, *how)
        self._validation: Example | None = None
        if self.checkpoint.exists():
            self.trainer.resume(self.checkpoint)

    def go_on(self, until: int | None = None) -> None:
        """Train to step ``until``, or to the end."""
        trainer, accelerator = self.trainer, self.accelerator
        last = min(until or self.training.steps, self.training.steps)
        recent: dict[str, float] = {}
        saved = time.monotonic()
        with tqdm(total=self.training.steps, initial=trainer.step, unit="step", mininterval=5,
                  disable=not accelerator.is_main_process) as bar:  # fmt: skip
            for batches in self._steps(last):
                for name, loss in trainer.train_on(batches).items():
                    recent[name] = SMOOTH * recent.get(name, loss) + (1 - SMOOTH) * loss
                bar.update()
                if trainer.step % LOG_EVERY == 0 or trainer.step == last:
                    bar.set_postfix({name: f"{loss:.2f}" for name, loss in recent.items()})
                    self._log(recent)
                if trainer.step % self.training.measure_every == 0:
                    self._measure()
                if time.monotonic() - saved > self.training.save_every_s:
                    trainer.save(self.checkpoint)
                    saved = time.monotonic()
                if accelerator.check_trigger():  # some process is asked to stop
                    break
        trainer.save(self.checkpoint)
        self._draw()

    def _steps(self, last: int) -> Iterator[list[Example]]:
        """The batches of each step that is still to be done."""
        per_step = self.training.accumulate
        rank, world = self.accelerator.process_index, self.accelerator.num_processes
        if self.trainer.step < last:
            passes = feed(self.scenes, self.training, self.trainer.step * per_step, rank, world)
            while self.trainer.step < last:
                yield list(islice(passes, per_step))

    def _measure(self) -> None:
        if self.accelerator.is_main_process:
            if self._validation is None:
                count = self.training.measured_scenes
                self._validation = collate([self._held[i] for i in range(count)])
            trainer = self.trainer
            spatial = trainer.step <= self.training.spatial_steps
            self._log(figures(trainer.model, self._validation, trainer.sentences, spatial))
            self._draw()
        self.accelerator.wait_for_everyone()

    def _log(self, values: dict[str, Any]) -> None:
        if self.accelerator.is_main_process:
            with self.log.open("a") as log:
                log.write(json.dumps({"step": self.trainer.step, **values}) + "\n")

    def _draw(self) -> None:
        if self.accelerator.is_main_process and self.log.exists():
            draw_curves(self.log, self.log.with_name("curves.png"))


if __name__ == "__main__":
    main()
