"""Write scenes as WebDataset shards, for trainers elsewhere or to train without making them anew.

    python -m export shards WORK OUT --scenes 100000 --seed 1 --shard-size 500

Each scene is KEY.flac, FOA (AmbiX, 24 bits), and KEY.json, its truth with attributes and captions.
It depends on the seed and its number alone. A second call goes on where the first was cut.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm
from webdataset import TarWriter

from elsa_rt.audio.ambisonics import angles_from_direction
from elsa_rt.errors import ElsaError, UsageError
from export.captions.spatial import Attributes, claims_true
from export.data.clips import kinds
from export.scenes.shard_format import encode_foa, encode_truth, number_or_null
from export.scenes.studio import SILENT, Studio, Truth
from export.settings import FEATURES, STEP_S

CAPTIONS = 4  # true ones that are written down of each sound
ABOUT = "shards.json"


@dataclass(frozen=True)
class Plan:
    """Which scenes there are to be; a folder holds those of one plan."""

    scenes: int
    seed: int
    shard_size: int
    rate: int = FEATURES.rate
    step_s: float = STEP_S

    def shards(self) -> list[range]:
        """Numbers of the scenes of each shard."""
        starts = range(0, self.scenes, self.shard_size)
        return [range(start, min(start + self.shard_size, self.scenes)) for start in starts]


def write_shards(work: Path, out: Path, plan: Plan, jobs: int = 1) -> int:
    """Write all shards that ``out`` still lacks; returns how many those were.

    Raises
    ------
    UsageError
        Where ``work`` lacks a part, or ``out`` holds the shards of another plan.
    """
    for name in ("clips.npz", "rooms.npz", "captions.npz"):
        if not (work / name).exists():
            raise UsageError(f"writing shards: {work / name} is missing: run python -m "
                             f"export.prepare {work}")  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    _claim(out, plan, work)
    todo = [(shard_path(out, i), numbers) for i, numbers in enumerate(plan.shards())
            if not shard_path(out, i).exists()]  # fmt: skip
    write = partial(_write, work, plan.seed)
    with ProcessPoolExecutor(jobs) as pool:
        written = map(write, todo) if jobs == 1 else pool.map(write, todo)
        for _ in tqdm(written, "shards", len(todo), unit="shard"):
            pass
    return len(todo)


def shard_path(out: Path, number: int) -> Path:
    """Where a shard lies."""
    return out / f"scenes-{number:06d}.tar"


def _claim(out: Path, plan: Plan, work: Path) -> None:
    """Say what ``out`` holds, or see that it holds just that."""
    with np.load(work / "clips.npz") as clips:
        about = {**asdict(plan), "labels": [str(label) for label in clips["labels"]]}
    if (out / ABOUT).exists():
        there = json.loads((out / ABOUT).read_text("utf-8"))
        differs = [name for name in about if there.get(name) != about[name]]
        if differs:
            raise UsageError(
                f"writing shards: {out} holds shards of another {' and '.join(differs)}: "
                "give the same options again, or another folder"
            )
    part = out / f"{ABOUT}.part"
    part.write_text(json.dumps(about, indent=1), "utf-8")
    part.rename(out / ABOUT)


class Writer:
    """Makes the samples of shards from a working directory."""

    def __init__(self, work: Path) -> None:
        self._studio = Studio(work, validation=False)
        self._kinds = kinds(self._studio.labels)
        with np.load(work / "captions.npz") as captions:
            self._texts, self._claims = captions["texts"], captions["claims"]

    def sample(self, seed: int, number: int) -> dict[str, Any]:
        """One scene in WebDataset's form."""
        rng = np.random.default_rng([seed, number])
        foa, truth = self._studio.render(rng)
        sounds = [self._sound(truth, clip, rng) for clip in dict.fromkeys(truth.clip.tolist())
                  if clip != SILENT]  # fmt: skip
        about = {"number": number, "rate": FEATURES.rate, "step_s": STEP_S, **encode_truth(truth)}
        return {
            "__key__": f"{number:09d}",
            "flac": encode_foa(foa),
            "json": json.dumps({**about, "sounds": sounds}).encode(),
        }

    def _sound(self, truth: Truth, clip: int, rng: np.random.Generator) -> dict[str, Any]:
        """One sound in words and numbers, as it is halfway through its steps."""
        steps = np.flatnonzero(truth.clip == clip)
        step = int(steps[steps.size // 2])
        label = int(truth.label[step])
        azimuth, elevation = angles_from_direction(truth.direction[step])
        place = (azimuth, elevation, truth.distance[step], truth.t30[step], truth.floor[step])
        names = ("azimuth_deg", "elevation_deg", "distance_m", "t30_s", "floor_m2")
        return {
            "label": self._studio.labels[label],
            "start_s": round(int(steps[0]) * STEP_S, 3),
            "end_s": round((int(steps[-1]) + 1) * STEP_S, 3),
            **{name: number_or_null(value) for name, value in zip(names, place, strict=True)},
            "captions": self._captions(label, place, rng),
        }

    def _captions(self, label: int, place: Sequence[float], rng: np.random.Generator) -> list[str]:
        about = np.flatnonzero(self._claims[:, 0] == label)
        attributes = Attributes(np.array([label]), *(np.array([float(x)]) for x in place))
        true = about[claims_true(attributes, self._claims[about], self._kinds)[0]]
        chosen = rng.permutation(true)[:CAPTIONS]
        return [str(text) for text in self._texts[chosen]]


@lru_cache(1)
def _writer(work: Path) -> Writer:
    """The one of a process."""
    return Writer(work)


def _write(work: Path, seed: int, shard: tuple[Path, range]) -> None:
    path, numbers = shard
    part = path.with_suffix(".part")
    with part.open("wb") as held, TarWriter(held, user="", group="", mtime=0) as tar:
        for number in numbers:
            tar.write(_writer(work).sample(seed, number))
    part.rename(path)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m export shards", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("work", type=Path, help="directory that export.prepare filled")
    parser.add_argument("out", type=Path, help="folder of the shards")
    parser.add_argument("--scenes", type=int, required=True, help="how many")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--shard-size", type=int, default=500, help="scenes of a shard")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    args = parser.parse_args(argv)
    for name in ("scenes", "shard_size", "jobs"):
        if getattr(args, name) < 1:
            option = name.replace("_", "-")
            parser.error(f"--{option} {getattr(args, name)}: at least 1 is needed")
    try:
        plan = Plan(args.scenes, args.seed, args.shard_size)
        written = write_shards(args.work, args.out, plan, args.jobs)
    except (ElsaError, OSError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return problem.exit_code if isinstance(problem, ElsaError) else 1
    print(f"{args.out}: {written} shards written, {len(plan.shards())} in all")
    return 0


if __name__ == "__main__":
    sys.exit(main())
