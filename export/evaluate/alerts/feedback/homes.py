"""Homes with look-alikes: clips that the model takes for the sound of a rule, each at its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from elsa_rt.cache import digest
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.files import replacing
from elsa_rt.scoring.feedback import FeedbackStore
from export.data.clips import kinds
from export.evaluate.alerts.feedback.rule import HomeRule
from export.scenes.home import World
from export.scenes.home_hours import TOGETHER, BundleListener, HomeRecording, ears_of

LOOK_ALIKES = 3
MARKED_NIGHTS, COUNTED_NIGHTS = 6, 10
TRUE_ELSEWHERE, TRUE_THERE = 24, 12

SNR_DB = (10.0, 30.0)
TURN_DEG = 3.0  # standard deviation of a look-alike's direction from night to night
SURE = 0.3
"""Log odds above its threshold with which a look-alike must once have raised the alert."""

MIN_CLIPS, MIN_FOUND = 4, 0.5
"""Clips of the rule's label, and the share of them that it finds."""

HEARD = ("embedding", "direction", "activity", "distance")
SEED = 23


class Home(NamedTuple):
    """What was heard in one home."""

    label: str  # what the rule listens for
    look_alikes: tuple[str, ...]  # their labels
    nights: tuple[tuple[HomeRecording, ...], ...]  # of each look-alike
    elsewhere: tuple[HomeRecording, ...]  # sounds of the rule
    there: tuple[HomeRecording, ...]  # the same at the places of the look-alikes


def homes(
    bundle: ModelBundle, world: World, count: int, cache: Path | None = None
) -> Iterator[Home]:
    """Homes in which clips of ``world`` raise false alarms of a rule; each from a seed.

    With ``cache``, a directory, what was heard in them is kept there and not heard again.
    """
    ears = BundleListener(bundle)
    folder = None if cache is None else cache / ears_of(bundle)
    once = _each_once(ears, world, folder)
    cast = list(_casts(bundle, world, once))
    if not cast:
        return
    for number in tqdm(range(count), desc="homes"):
        rng = np.random.default_rng([SEED, number])
        label, mine, alike = cast[int(rng.integers(len(cast)))]
        some = rng.choice(alike, LOOK_ALIKES, replace=False)
        rooms = [world.draw_room(rng) for _ in some]
        plan = [
            (int(clip), (room, turn + rng.normal(0, TURN_DEG)))
            for clip, (room, turn) in zip(some, rooms, strict=True)
            for _ in range(MARKED_NIGHTS + COUNTED_NIGHTS)
        ]
        plan += [(int(rng.choice(mine)), world.draw_room(rng)) for _ in range(TRUE_ELSEWHERE)]
        plan += [(int(rng.choice(mine)), rooms[i % LOOK_ALIKES]) for i in range(TRUE_THERE)]
        name = f"home-{number:02d}-{digest(repr(plan))[:8]}"
        heard = tuple(_kept(folder, name, partial(_heard, ears, world, plan, rng)))
        nights, size = [], MARKED_NIGHTS + COUNTED_NIGHTS
        for index in range(LOOK_ALIKES):
            nights.append(heard[index * size : (index + 1) * size])
        rest = heard[LOOK_ALIKES * size :]
        named = tuple(world.labels[world.label_of[clip]] for clip in some)
        yield Home(label, named, tuple(nights), rest[:TRUE_ELSEWHERE], rest[TRUE_ELSEWHERE:])


def _heard(
    ears: BundleListener,
    world: World,
    plan: Sequence[tuple[int, tuple[int, float]]],
    rng: np.random.Generator,
) -> Iterator[HomeRecording]:
    for first in range(0, len(plan), TOGETHER):
        yield from ears.hear(
            [
                world.occasion(clip, room, rng.uniform(*SNR_DB), rng)
                for clip, room in plan[first : first + TOGETHER]
            ]
        )


def _each_once(ears: BundleListener, world: World, folder: Path | None) -> list[HomeRecording]:
    """Every clip of ``world``, at a place each."""
    found: list[HomeRecording] = []
    for first in tqdm(range(0, len(world.clips), TOGETHER), desc="clips", unit="x4"):
        rng = np.random.default_rng([SEED, 1, first])
        plan = [(int(c), world.draw_room(rng)) for c in world.clips[first : first + TOGETHER]]
        name = f"home-clips-{first:04d}-{digest(repr(plan))[:8]}"
        found += _kept(folder, name, partial(_heard, ears, world, plan, rng))
    return found


def _kept(
    folder: Path | None, name: str, hear: Callable[[], Iterator[HomeRecording]]
) -> list[HomeRecording]:
    """What ``hear`` gives, occasions of one length; kept in ``folder`` from the first time on."""
    path = None if folder is None else folder / f"{name}.npz"
    if path is not None and path.is_file():
        with np.load(path) as stored:
            columns = [stored[name] for name in HEARD]
        return [HomeRecording(a, b, c, d, []) for a, b, c, d in zip(*columns, strict=True)]
    heard = list(hear())
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        arrays = {key: np.stack([getattr(one, key) for one in heard]) for key in HEARD}
        with replacing(path) as part, part.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
    return heard


def _casts(
    bundle: ModelBundle, world: World, once: Sequence[HomeRecording]
) -> Iterator[tuple[str, NDArray[np.intp], NDArray[np.intp]]]:
    """Labels with enough clips that are found, those clips, and clips that are taken for them."""
    related = kinds(world.labels)
    related = related | related.T
    label_of = world.label_of[world.clips]
    for index, label in enumerate(world.labels[: world.trained]):
        mine = label_of == index
        if mine.sum() < MIN_CLIPS:
            continue
        rule = HomeRule(bundle, label)
        gate = rule.gate(FeedbackStore())
        margin = np.array([rule.margin(rule.logit(heard, gate)) for heard in once])
        alike = (margin >= SURE) & ~related[index, label_of]
        if (margin[mine] >= 0).mean() >= MIN_FOUND and alike.sum() >= LOOK_ALIKES:
            yield label, world.clips[mine], world.clips[alike]
