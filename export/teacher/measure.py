"""Measure a teacher on validation scenes that are the same every time.

    python -m export measure-teacher WORK/teacher/checkpoint.pt WORK --scenes 500

Prints Markdown; ``--json FILE`` writes the figures too.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from elsa_rt.audio.ambisonics import angle_deg
from elsa_rt.errors import ElsaError
from export.captions.grammar import ANY
from export.captions.spatial import Attributes
from export.teacher.config import Training
from export.teacher.examples import Example, Examples, Hearing, collate
from export.teacher.model import Elsa
from export.teacher.pairs import pair
from export.teacher.sentences import Sentences
from export.teacher.teacher import load

SEED = 7
SCENES_PER_PASS = 32  # scenes of a pass


class Told(NamedTuple):
    """A teacher's answers to n scenes."""

    sound: NDArray[np.float32]  # (n, 512); (n, 0) of the spatial tower alone
    direction: NDArray[np.float32]  # (n, 3)
    rest: NDArray[np.float32]  # (n, 3) log of distance, floor, T30


@torch.inference_mode()
def figures(
    model: Elsa, scenes: Example, sentences: Sentences, spatial: bool = False
) -> dict[str, float]:
    """Figures of a network on a batch of scenes; with ``spatial`` of the place alone."""
    training = model.training
    model.eval()
    told = _ask(model, scenes, spatial)
    found = place_figures(told, scenes)
    if not spatial:
        found |= label_figures(model, told, scenes, sentences)
        found |= word_figures(model, told, scenes, sentences)
        found |= retrieval_figures(model, told, scenes, sentences)
    model.train(training)
    return found


def place_figures(told: Told, scenes: Example) -> dict[str, float]:
    """Error of direction in degrees; of distance, floor and T30 as a median factor."""
    truth = scenes.direction.numpy()
    apart = angle_deg(told.direction, truth)
    found = {
        "direction_median_deg": float(np.median(apart)),
        "direction_mean_deg": float(apart.mean()),
        "direction_p90_deg": float(np.quantile(apart, 0.9)),
    }
    truths = (scenes.distance, scenes.floor, scenes.t30)
    for name, log, true in zip(("distance", "floor", "t30"), told.rest.T, truths, strict=True):
        off = np.abs(log - np.log(true.numpy()))
        if np.isfinite(off).any():
            found[f"{name}_factor"] = float(np.exp(np.nanmedian(off)))
    return found


def label_figures(
    model: Elsa, told: Told, scenes: Example, sentences: Sentences
) -> dict[str, float]:
    """Labels by plain sentences alone; a wider label is right too."""
    bank = sentences.bank
    centres = np.stack([_read(model, sentences, mine).mean(0) for mine in bank.plain_of])
    ranked = np.argsort(-(told.sound @ centres.T), 1)
    right = np.take_along_axis(bank.kinds[scenes.label.numpy()], ranked, 1)
    return {f"label_top{k}": float(right[:, :k].any(1).mean()) for k in (1, 5)}


def word_figures(
    model: Elsa, told: Told, scenes: Example, sentences: Sentences
) -> dict[str, float]:
    """Front, left, behind or right, by sentences about the place alone."""
    claims = sentences.bank.claims
    alone = (claims[:, 2:] == ANY).all(1) & (claims[:, 0] == ANY)
    words = [np.flatnonzero(alone & (claims[:, 1] == word)) for word in range(0, 8, 2)]
    centres = np.stack([_read(model, sentences, mine).mean(0) for mine in words])
    said = (told.sound @ centres.T).argmax(1)
    truth = np.round(_attributes(scenes).azimuth_deg / 90).astype(int) % 4
    return {"place_4way": float((said == truth).mean())}


def retrieval_figures(
    model: Elsa, told: Told, scenes: Example, sentences: Sentences
) -> dict[str, float]:
    """Retrieval between n scenes and one true caption of each, both ways.

    Among the first k must be *a* caption that is true of the scene, or a scene it is true of.
    """
    count = len(told.sound)
    drawn = sentences.draw(_attributes(scenes), np.random.default_rng(SEED), False)
    texts = tuple(part[: 3 * count : 3] for part in drawn.texts)
    device = _device(model)
    captions = model.read(*(part.to(device) for part in texts)).cpu().numpy()
    scores = told.sound @ captions.T
    true = sentences.true(_attributes(scenes), drawn.claims[: 3 * count : 3])
    found = {"retrieval_chance": float(true.mean())}
    for name, table, holds in (("text", scores, true), ("sound", scores.T, true.T)):
        hits = np.take_along_axis(holds, np.argsort(-table, 1), 1)
        found |= {f"{name}_r{k}": float(hits[:, :k].any(1).mean()) for k in (1, 5, 10)}
    return found


def _attributes(scenes: Example) -> Attributes:
    return pair(scenes, 0.0, np.random.default_rng(SEED)).attributes(scenes)


def _ask(model: Elsa, scenes: Example, spatial: bool) -> Told:
    device = _device(model)
    parts = []
    for start in range(0, len(scenes.label), SCENES_PER_PASS):
        now = slice(start, start + SCENES_PER_PASS)
        heard = None if spatial else scenes.heard[now].to(device)
        said = model(scenes.foa[now].float().to(device), heard)
        place = said.place
        sound = torch.zeros(len(place.direction), 0) if said.sound is None else said.sound
        rest = torch.stack([place.distance, place.floor, place.t30], 1)
        parts.append([part.cpu().numpy() for part in (sound, place.direction, rest)])
    return Told(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def _read(model: Elsa, sentences: Sentences, chosen: NDArray[np.int64]) -> NDArray[np.float32]:
    texts = (part.to(_device(model)) for part in sentences.take(chosen))
    return np.asarray(model.read(*texts).cpu().numpy())


def _device(model: Elsa) -> torch.device:
    return next(model.parameters()).device


def main(argv: Sequence[str] | None = None) -> None:
    """Print the figures of a checkpoint."""
    parser = argparse.ArgumentParser(
        prog="python -m export measure-teacher", description=__doc__.split("\n")[0]
    )
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("work", type=Path, help="directory that export.prepare filled")
    parser.add_argument("--scenes", type=int, default=500)
    parser.add_argument("--json", type=Path, help="write the figures here too")
    args = parser.parse_args(argv)
    try:
        model = load(args.checkpoint).model
        examples = Examples(args.work, Hearing(model.settings), True, Training.dominance, SEED)
        scenes = [examples[i] for i in tqdm(range(args.scenes), "scenes", unit="scene")]
        found = figures(model, collate(scenes), Sentences(args.work, model.reader))
    except ElsaError as error:
        print(f"export measure-teacher: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from error
    print(f"| {args.scenes} validation scenes | |\n|---|---|")
    print("\n".join(f"| {name.replace('_', ' ')} | {value:.3g} |" for name, value in found.items()))
    if args.json:
        args.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
