"""Train the slot masks of a bundle; its encoder stays as it is.

    python -m export masks BUNDLE WORK [--scenes 4400] [--steps 1900]

Scenes and checkpoint go to WORK/masks; the command goes on where it was cut off.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import yaml

from elsa_rt.encoder.bundle import MANIFEST, SLOT_MASKS, ModelBundle
from elsa_rt.errors import ElsaError
from export.bundles.manifest import rehash
from export.bundles.onnx_graphs import save_graph
from export.slots.graph import mask_graph
from export.slots.scenes import PairStudio
from export.slots.store import Store
from export.slots.trainer import MaskTrainer, batch_of
from export.student.warm_start import student_of

SCENES, HELD_SCENES = 4400, 160
STEPS, SCENES_AT_ONCE = 1900, 6
SAVED = 100  # steps from checkpoint to checkpoint
SEED = 7


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser("export masks", description=__doc__.split("\n")[0])
    parser.add_argument("bundle", type=Path, metavar="BUNDLE")
    parser.add_argument("work", type=Path, metavar="WORK", help="directory of export prepare")
    parser.add_argument("--scenes", type=int, default=SCENES, help="(default: %(default)s)")
    parser.add_argument("--held", type=int, default=HELD_SCENES,
                        help="scenes to validate with (default: %(default)s)")  # fmt: skip
    parser.add_argument("--steps", type=int, default=STEPS, help="(default: %(default)s)")
    args = parser.parse_args(argv)
    try:
        ModelBundle.load(args.bundle)
        train(args.bundle, args.work, args.scenes, args.held, args.steps)
    except ElsaError as problem:
        print(f"export masks: {problem}", file=sys.stderr)
        return problem.exit_code
    return 0


def train(bundle: Path, work: Path, scenes: int, held: int, steps: int) -> None:
    """Make scenes, train, and give ``bundle`` the network."""
    student, folder = student_of(bundle), work / "masks"
    stores = []
    for name, size in (("train", scenes), ("held", held)):
        store = Store(folder / name, size)
        store.fill(PairStudio(work, name == "held", student), SEED)
        stores.append(store)
    known, unknown = stores
    heard = torch.from_numpy(unknown.read(np.arange(held)).heard).flatten(0, 2)
    trainer = MaskTrainer(student, (heard.mean(0), heard.std(0) + 1e-3), steps)
    checkpoint = folder / "checkpoint.pt"
    if checkpoint.exists():
        trainer.resume(checkpoint)
    while trainer.step < steps:
        rng = np.random.default_rng([SEED, trainer.step])
        chosen = rng.choice(scenes, min(scenes, SCENES_AT_ONCE), replace=False)
        losses = trainer.train_on(batch_of(known.read(chosen)))
        if trainer.step % SAVED == 0 or trainer.step == steps:
            trainer.save(checkpoint)
            told = {"step": trainer.step} | losses
            print(json.dumps(told | {"held": held_losses(trainer, unknown)}), flush=True)
    give(bundle, trainer)


def held_losses(trainer: MaskTrainer, held: Store) -> dict[str, float]:
    """Mean losses over the scenes of ``held``."""
    parts = np.array_split(np.arange(held.size), -(-held.size // SCENES_AT_ONCE))
    rows = [trainer.losses(batch_of(held.read(part))) for part in parts]
    return {name: round(float(np.mean([row[name] for row in rows])), 4) for name in rows[0]}


def give(bundle: Path, trainer: MaskTrainer) -> None:
    """Write the average of the network into ``bundle`` and its manifest."""
    save_graph(mask_graph(trainer.average.eval()), bundle / SLOT_MASKS)
    path = bundle / MANIFEST
    manifest = yaml.safe_load(path.read_text("utf-8"))
    manifest["files"].setdefault(SLOT_MASKS, "")
    path.write_text(
        yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True, width=100), "utf-8"
    )
    rehash(bundle)


if __name__ == "__main__":
    sys.exit(main())
